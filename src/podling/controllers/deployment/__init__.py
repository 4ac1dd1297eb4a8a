"""Deployments: one ReplicaSet for each template they have had, and the way from one to the next.

Everything is decided on a `draft`, a working copy of a Deployment and its ReplicaSets, by pure functions: `generations` knows which ReplicaSet is new and
what it is called, `sizes` how many Pods may be there, `scaling` and `rollout` move them, `status` tells. `controller` carries the draft out.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
