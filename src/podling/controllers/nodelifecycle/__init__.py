"""Nodes that are lost are found out, kept free of new Pods, and given up in the end.

`health` says when a node has been silent for too long, `taints` what its conditions mean for Pods, `zones` how fast nodes may be given up
when many are lost at once (all pure); `controller` ties them to the frame. Pods leave by `tainteviction`.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
