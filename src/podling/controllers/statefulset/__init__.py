"""StatefulSets: Pods with names that last, made and ended in order, each with claims of its own.

`identity` says what a Pod of some ordinal is called and made of, `claims` what claims it has and to whom they belong, `decide` what is to be made and
deleted next, rolling updates included, and what the status is (all pure); `controller` and `claimcontrol` act. Earlier templates are kept by
`controllers.revisions`.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
