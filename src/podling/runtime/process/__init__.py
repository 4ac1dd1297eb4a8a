"""Containers where namespaces, mounts and cgroups are not to be had: process groups under a small supervisor.

``ProcessRuntime`` is the face.  ``isolation`` says which of three ways is possible here and what each leaves shared,
``supervisor`` is the program that holds the processes and outlives Podling.
"""

from .isolation import Isolation, Mode, probe
from .runtime import ProcessRuntime

__all__ = ["Isolation", "Mode", "ProcessRuntime", "probe"]
