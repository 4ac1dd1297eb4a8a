"""One process at a time: an advisory lock beside the database, which the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from podling.store.interface import StoreFault, StoreInUse


class FileLock:
    """Held from `acquire` to `release`, or to the death of the process. Children do not inherit it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def acquire(self) -> None:
        """Raises StoreInUse, naming the holder, and StoreFault when the directory cannot be written."""
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreFault(f"cannot open the store's lock {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            self.release()
            raise StoreInUse(
                f"cannot open the store {self._path.with_suffix('')}: process {holder} has it open"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let others in. Safe to repeat. The file stays: removing it would race with the next holder."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
