"""Namespaces that are deleted: everything in them goes, Pods first, then they are finalized.

`sweep` deletes, `conditions` says in upstream's words what is in the way (pure), `controller` ties both to the frame.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
