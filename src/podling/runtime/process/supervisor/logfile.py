"""A container's log in CRI format: ``<RFC 3339 time> <stream> <P|F> <text>``, F for a whole line, P for a part of one.

Text is written as it comes: a prompt without a newline shows at once, as a part.  A file that cannot be written
(disk full, folder removed) never stops the container: what does not fit is counted and dropped.
"""

from __future__ import annotations

import os
import time


class LogFile:
    """One log.  ``path`` "" keeps none."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.dropped = 0
        self._fd = -1
        self.reopen()

    def reopen(self) -> None:
        """Go on in a new file at the same path: the old one was renamed away."""
        self.close()
        if self.path:
            try:
                os.makedirs(os.path.dirname(self.path), exist_ok=True)
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            except OSError:
                self._fd = -1

    def write(self, stream: str, data: bytes) -> None:
        if not self.path:
            return
        stamp, text = _now(), stream.encode()
        pieces = data.split(b"\n")
        lines = [b"%s %s F %s\n" % (stamp, text, piece) for piece in pieces[:-1]]
        if pieces[-1]:
            lines.append(b"%s %s P %s\n" % (stamp, text, pieces[-1]))
        self._append(b"".join(lines))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _append(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            self.dropped += len(data)


def _now() -> bytes:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return b"%s.%09dZ" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode(), nanoseconds)
