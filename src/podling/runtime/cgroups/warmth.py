"""Taking the kernel's wait out of the way before a process is moved between control groups.

The first move after a quiet moment waits for an RCU grace period (about 12 ms) while it takes a machine-wide lock;
moves within the next such period do not.  A container's start has to move a process, some 10-20 ms after we know that
it will.  So a throw-away move (of a thread into the group it is in already) made at once, on another thread, lets the
grace period pass while there is other work.  Nothing depends on it but time.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .layout import Layout

_LASTS = 0.006  # half a grace period: a second one may follow the first closely


class Warmth:
    """``kindle_nowait`` from any thread, whenever a container will be started soon and no group be made before."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._again_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="podling-cgroup")
        self._thread.submit(int)  # born here and now: a thread shares its parent's working folder and root

    def kindle_nowait(self) -> None:
        now = time.monotonic()
        if now >= self._again_at:
            self._again_at = now + _LASTS
            self._thread.submit(self.kindle)

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def kindle(self) -> None:
        """Move the calling thread (v1) or this process (v2) to where it is; blocks.  Failing is no matter."""
        groups = Path("/proc/thread-self/cgroup").read_text()
        for line in groups.splitlines():
            _, controllers, path = line.split(":", 2)
            hierarchy = (
                self._layout.hierarchy(controllers.split(",")[0]) if controllers else self._layout.unified
            )
            if hierarchy is None or (hierarchy.version == 2) != (not controllers):
                continue
            file, who = ("tasks", threading.get_native_id()) if controllers else ("cgroup.procs", os.getpid())
            with contextlib.suppress(OSError):
                Path(hierarchy.mountpoint + path, file).write_text(str(who))
                return
