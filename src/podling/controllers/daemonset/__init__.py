"""DaemonSets: one Pod on every node that suits.

`placement` says which nodes suit and how a Pod is bound to one, `decide` what is to be made and deleted, rolling updates included, and what the status
is (all pure); `controller` acts. Earlier templates are kept by `controllers.revisions`.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
