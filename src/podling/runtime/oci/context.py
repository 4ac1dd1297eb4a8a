"""What every part of one node's OCI runtime works with, gathered once at start."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from podling.runtime.cgroups import CgroupTree, Warmth
from podling.runtime.events import EventHub
from podling.runtime.images import ImageStore
from podling.runtime.interface import SandboxNetwork

from .capabilities import available
from .config import OciConfig, Tools
from .conmon import Launcher
from .limits import ProcessLimits
from .mountspace import MountSpace, Workers
from .seccomp import Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Frozen; the parts themselves live.

    ``tree`` holds Pods and containers and is used on any thread; ``supervisors`` reaches every hierarchy and is used
    outside the worker threads, which cannot see all.  ``starting`` bounds how many containers start side by side.
    ``launchers`` are there by handler, "" being the default.
    """

    config: OciConfig
    tools: Tools
    tree: CgroupTree
    supervisors: CgroupTree
    workers: Workers
    launchers: Mapping[str, Launcher]
    filters: Filters
    images: ImageStore
    network: SandboxNetwork
    events: EventHub
    starting: asyncio.Semaphore
    space: MountSpace
    warmth: Warmth
    capabilities: frozenset[str] = field(default_factory=available)
    limits: ProcessLimits = field(default_factory=ProcessLimits.read)

    def launcher(self, handler: str) -> Launcher:
        """Of a handler; the default's for one whose program has been removed since."""
        return self.launchers.get(handler) or self.launchers[""]
