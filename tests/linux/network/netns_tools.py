"""Network namespaces by hand, for tests: make one, run a command in it, take it away."""

from __future__ import annotations

import ctypes
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from podling.network.host import new_netns

MNT_DETACH = 2
MS_BIND = 4096
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def make_netns(path: Path) -> None:
    def work() -> None:
        new_netns()
        path.touch()
        _check(_libc.mount(b"/proc/thread-self/ns/net", str(path).encode(), None, MS_BIND, None))

    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


def remove_netns(path: Path) -> None:
    _libc.umount2(str(path).encode(), MNT_DETACH)
    path.unlink(missing_ok=True)


def in_netns(path: str, *argv: str, check: bool = True) -> str:
    """What ``argv`` prints when run inside the namespace."""
    done = subprocess.run(["nsenter", f"--net={path}", *argv], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"{argv} failed: {done.stderr}{done.stdout}")
    return done.stdout
