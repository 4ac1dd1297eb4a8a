"""A time limit that costs nothing where nobody has to wait.

`asyncio.timeout` sets and cancels a timer each time it is entered.  What is mostly answered from memory is done before
a timer could ever fire, so here a coroutine is begun first, and a timer is set only once it waits for something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class within(Generic[T]):  # noqa: N801 - reads as a verb: `await within(3, asking())`
    """Awaits a coroutine that may take `seconds`; raises TimeoutError when it takes longer."""

    __slots__ = ("_coroutine", "_seconds")

    def __init__(self, seconds: float, coroutine: Coroutine[Any, Any, T]) -> None:
        self._seconds = seconds
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._coroutine.__await__()
        try:
            first = next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        return (yield from self._rest(_Begun(steps, first)).__await__())

    async def _rest(self, begun: _Begun[T]) -> T:
        async with asyncio.timeout(self._seconds):
            return await begun


class _Begun(Generic[T]):
    """The rest of a coroutine that waits for its first time: `first` is what it waits for."""

    __slots__ = ("_first", "_steps")

    def __init__(self, steps: Generator[Any, Any, T], first: Any) -> None:
        self._steps = steps
        self._first = [first]

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def __iter__(self) -> _Begun[T]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        return self._first.pop() if self._first else self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        self._first.clear()
        return self._steps.throw(*error)

    def close(self) -> None:
        self._steps.close()
