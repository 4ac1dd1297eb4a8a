"""A very small event loop: descriptors with callbacks, and nothing else."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READ, WRITE = select.EPOLLIN, select.EPOLLOUT


class Loop:
    """Calls back what became ready.  A hang-up counts as readable: reading tells the end."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[int], None]] = {}

    def __len__(self) -> int:
        return len(self._callbacks)

    def add(self, fd: int, callback: Callable[[int], None], *, events: int = READ) -> None:
        """Call ``callback(events)`` when one of ``events`` is possible."""
        self._callbacks[fd] = callback
        self._epoll.register(fd, events)

    def want(self, fd: int, events: int) -> None:
        if fd in self._callbacks:
            self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def turn(self, seconds: float) -> bool:
        """Wait for something to do and do it; False if nothing came in ``seconds`` (-1 = wait for ever)."""
        ready = self._epoll.poll(seconds)
        for fd, events in ready:
            callback = self._callbacks.get(fd)
            if callback is not None:  # an earlier callback of this turn may have removed it
                callback(events)
        return bool(ready)
