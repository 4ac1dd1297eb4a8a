"""Binds claims to volumes and says what becomes of volumes whose claims are gone (upstream's persistentvolume-binder).

`claims` decides about a claim and `volumes` about a volume, both purely; `controller` writes the objects that a decision asks for
(`api/storage/binding`). Volumes are made and removed by provisioners outside of this controller, which learn by annotations that
they are wanted; Podling's own one is in the agent (`agent/localpath`).
"""

from __future__ import annotations

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
