"""Simulated Pods: scripted containers without a kernel, on the event loop's own time.

``World`` is what the machine would be: it holds sandboxes and containers and outlives any ``SimulatedRuntime`` over it.
``Script`` says how a container behaves, found by annotations or by a function of one's own.
"""

from .images import Pull, SimulatedImages
from .runtime import SimulatedRuntime
from .script import ANNOTATION_PREFIX, LogLine, Run, Script, from_annotations
from .world import Latency, World

__all__ = [
    "ANNOTATION_PREFIX",
    "Latency",
    "LogLine",
    "Pull",
    "Run",
    "Script",
    "SimulatedImages",
    "SimulatedRuntime",
    "World",
    "from_annotations",
]
