"""How long admission takes: each plugin, and each step as a whole, by what became of it.

Source: k8s.io/apiserver/pkg/admission/metrics. A refusal counts as `rejected`, and so does whatever else ends a plugin early.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from types import TracebackType

from podling.aio.metrics import Family, Histogram, text

_SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
PLUGINS = Family(
    "apiserver_admission_controller_admission_duration_seconds",
    "histogram",
    ("name", "operation", "type", "rejected"),
    "Seconds that an admission plugin took.",
    "STABLE",
    _SECONDS,
)
STEPS = Family(
    "apiserver_admission_step_admission_duration_seconds",
    "histogram",
    ("operation", "type", "rejected"),
    "Seconds that all plugins of a step took.",
    "STABLE",
    _SECONDS,
)


class Timing:
    """`with timing.step(...)` and `with timing.plugin(...)` around what is measured."""

    def __init__(self) -> None:
        self._plugins: dict[tuple[str, ...], Histogram] = {}
        self._steps: dict[tuple[str, ...], Histogram] = {}

    def step(self, operation: str, step: str) -> _Timed:
        return _Timed(self._steps, (operation, step))

    def plugin(self, name: str, operation: str, step: str) -> _Timed:
        return _Timed(self._plugins, (name, operation, step))

    def lines(self) -> Iterator[str]:
        """The text of both families."""
        yield from text(PLUGINS, self._plugins.items())
        yield from text(STEPS, self._steps.items())


class _Timed:
    __slots__ = ("_kept", "_key", "_started")

    def __init__(self, kept: dict[tuple[str, ...], Histogram], key: tuple[str, ...]) -> None:
        self._kept = kept
        self._key = key

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        key = (*self._key, "false" if kind is None else "true")
        histogram = self._kept.get(key)
        if histogram is None:
            histogram = self._kept[key] = Histogram(_SECONDS)
        histogram.observe(_SECONDS, perf_counter() - self._started)
