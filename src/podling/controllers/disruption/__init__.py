"""PodDisruptionBudgets are kept counted: how many Pods there should be, how many are healthy, how many may go.

`decide` counts (pure), `scales` asks how many Pods their owners want, `stale` says which Pods were spared after all (pure), `controller`
ties them to the frame. The eviction subresource spends what is written here.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
