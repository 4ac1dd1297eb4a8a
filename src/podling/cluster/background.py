"""The cluster as a background process: begun by ``launch``, ended by ``stop``.

Signals that the process understands:

    SIGINT   end Pods with their grace, keep the objects, exit    (``podling down``, Ctrl-C)
    SIGTERM  leave Pods running, exit                             (``podling down --keep-pods``, a service manager)
    SIGKILL  keeps Pods too: the next ``up`` finds them running
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable

from . import progress
from .claim import holder
from .errors import BadConfig, ClusterError, NotRunning, PortTaken, StartFailed, Unprivileged
from .layout import Layout

LOG_LIMIT = 8 << 20


class Failed(ClusterError):
    """The background process said why it could not start, and which exit code that is."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Refused(Failed):
    """Nothing of the cluster came to life: its port or range is taken, or privileges are missing."""


_MOMENT = 1.0
_REFUSALS = (BadConfig.exit_code, PortTaken.exit_code, Unprivileged.exit_code)


def launch(layout: Layout, on_step: Callable[[progress.Step], None]) -> None:
    """Start the cluster whose settings are saved, in the background; return when it is ready.

    Raises ``Failed`` or ``Refused`` with the process' own words, or ``StartFailed`` if it died without any.
    """
    _shorten_log(layout)
    reader, writer = os.pipe()
    command = [
        sys.executable,
        "-m",
        "podling.cluster.process",
        str(layout.data_dir),
        layout.name,
        str(writer),
    ]
    with open(layout.log, "ab") as log:
        os.fchmod(log.fileno(), 0o600)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writer,),
            start_new_session=True,
        )
    os.close(writer)
    try:
        _follow(layout, process, reader, on_step)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def _follow(
    layout: Layout, process: subprocess.Popen[bytes], reader: int, on_step: Callable[[progress.Step], None]
) -> None:
    with open(reader, "rb") as lines:
        for item in progress.read_report(lines):
            if isinstance(item, progress.Step):
                on_step(item)
            elif item.error:
                process.wait()
                failure = Refused if item.exit_code in _REFUSALS else Failed
                raise failure(item.error, item.exit_code)
            else:
                process.returncode = 0  # it lives on; this process does not wait for it
                return
    code = process.wait()
    raise StartFailed(
        f"cannot start cluster {layout.name!r}: its process ended with {code}; see {layout.log}"
    )


def stop(
    layout: Layout, *, keep_pods: bool, limit: float, on_wait: Callable[[], None] = lambda: None
) -> bool:
    """End the cluster's process and wait for it, ``limit`` seconds at most; False if there was none.

    ``on_wait`` is called once it is known not to be a matter of a moment.
    """
    found = holder(layout)
    if found is None or not found.pid:
        return False
    try:
        descriptor = os.pidfd_open(found.pid)
    except ProcessLookupError:
        return False
    try:
        if holder(layout) != found:
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGTERM if keep_pods else signal.SIGINT)
        ended, _, _ = select.select([descriptor], [], [], min(_MOMENT, limit))
        if not ended:
            on_wait()
            ended, _, _ = select.select([descriptor], [], [], max(0.0, limit - _MOMENT))
    finally:
        os.close(descriptor)
    if not ended:
        raise NotRunning(
            f"cannot stop cluster {layout.name!r}: process {found.pid} did not end in {limit:.0f} s"
        )
    return True


def end(layout: Layout, *, limit: float) -> None:
    """End the cluster's process for good: killed where it has not ended after ``limit`` seconds.  Pods run on."""
    found = holder(layout)
    try:
        stop(layout, keep_pods=True, limit=limit)
    except NotRunning:
        if found is None or holder(layout) != found:
            return
        descriptor = os.pidfd_open(found.pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [])
        finally:
            os.close(descriptor)


def _shorten_log(layout: Layout) -> None:
    if layout.log.exists() and layout.log.stat().st_size > LOG_LIMIT:
        layout.log.replace(layout.log.with_suffix(".log.1"))
