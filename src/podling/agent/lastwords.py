"""The message that a container leaves when it ends: what it wrote to its message file, else, if asked, the end of its log.

(Source: tasks/debug/debug-application/determine-reason-pod-failure; kubelet bounds: 4096 bytes of file, 2048 bytes or 80 lines
of log.)
"""

from __future__ import annotations

import os
from pathlib import Path

from podling.runtime.interface import Container

from . import labels
from .logs import cri

FILE_BYTES = 4096
LOG_BYTES, LOG_LINES = 2048, 80


def read(container: Container, log: Path) -> str:
    """The message of an ended container; "" if it left none."""
    given = container.annotations.get(labels.MESSAGE_FILE, "")
    text = _head(Path(given)) if given else ""
    policy = container.annotations.get(labels.MESSAGE_POLICY)
    if not text and policy == "FallbackToLogsOnError" and container.exit_code != 0:
        return _tail(log)
    return text


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES).decode(errors="replace")
    except OSError as error:
        return f"Error on reading termination log {path}: {error.strerror}"


def _tail(path: Path) -> str:
    """The last lines as the container wrote them, without the log's own stamps."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - LOG_BYTES * 4))
            data = file.read()
    except OSError:
        return ""
    lines = [entry.data for entry in map(cri.parse, data.splitlines()) if entry is not None]
    return b"".join(lines[-LOG_LINES:])[-LOG_BYTES:].decode(errors="replace")
