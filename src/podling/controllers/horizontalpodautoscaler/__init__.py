"""Sizes what a HorizontalPodAutoscaler names by what is measured.

`grouping` says which Pods count and `arithmetic` how many there should be, `pace` how fast one gets there, `draft` what
the object says of it: all pure. `measuring` asks the metrics APIs, `scaling` the target, `proposals` makes a number of
each metric, `controller` acts.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
