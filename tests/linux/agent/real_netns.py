"""A network namespace made and removed by hand."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from podling.runtime import linux


def make_netns(path: Path) -> None:
    """With its loopback up."""

    def work() -> None:
        linux.unshare(linux.CLONE_NEWNET)
        path.touch()
        linux.mount("/proc/thread-self/ns/net", str(path), flags=linux.MS_BIND)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    subprocess.run(["nsenter", f"--net={path}", "ip", "link", "set", "lo", "up"], check=True)


def remove_netns(path: Path) -> None:
    linux.unmount(str(path))
    path.unlink(missing_ok=True)
