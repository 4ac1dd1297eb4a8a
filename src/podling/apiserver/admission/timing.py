"""How long admission takes: each plugin, and each step as a whole, by what became of it.

Source: k8s.io/apiserver/pkg/admission/metrics. A refusal counts as `rejected`, and so does whatever else ends a plugin early.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    """Counts what has been measured; a key ends with "true" for what was rejected."""

    def __init__(self) -> None:
        self._plugins: dict[tuple[str, ...], Histogram] = {}
        self._steps: dict[tuple[str, ...], Histogram] = {}

    def step(self, key: tuple[str, str, str], seconds: float) -> None:
        """All plugins of a step; the key is (operation, step, rejected)."""
        _observe(self._steps, key, seconds)

    def plugin(self, key: tuple[str, str, str, str], seconds: float) -> None:
        """One plugin; the key is (name, operation, step, rejected)."""
        _observe(self._plugins, key, seconds)

    def lines(self) -> Iterator[str]:
        """The text of both families."""
        yield from text(PLUGINS, self._plugins.items())
        yield from text(STEPS, self._steps.items())


def _observe(kept: dict[tuple[str, ...], Histogram], key: tuple[str, ...], seconds: float) -> None:
    histogram = kept.get(key)
    if histogram is None:
        histogram = kept[key] = Histogram(_SECONDS)
    histogram.observe(_SECONDS, seconds)
