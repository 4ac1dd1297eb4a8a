"""The rules of DaemonSets."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field
from podling.api.field import FieldError
from podling.api.types import apps_v1

from . import workload
from .metadata import IMMUTABLE
from .workload import SPEC

_TYPES = ("RollingUpdate", "OnDelete")


def create(daemons: apps_v1.DaemonSet) -> Iterator[FieldError]:
    spec = daemons.spec
    yield from workload.selector(spec.selector)
    yield from workload.template(spec.template, spec.selector, owner="DaemonSet")
    yield from workload.counts(
        SPEC, minReadySeconds=spec.min_ready_seconds, revisionHistoryLimit=spec.revision_history_limit
    )
    strategy = spec.update_strategy or apps_v1.DaemonSetUpdateStrategy()
    if strategy.type not in _TYPES:
        yield field.not_supported(SPEC / "updateStrategy" / "type", strategy.type or "", _TYPES)
    elif strategy.type == "RollingUpdate" and strategy.rolling_update is not None:
        rolling = strategy.rolling_update
        path = SPEC / "updateStrategy" / "rollingUpdate"
        yield from workload.rolling(path, rolling.max_unavailable, rolling.max_surge)


def update(daemons: apps_v1.DaemonSet, old: apps_v1.DaemonSet) -> Iterator[FieldError]:
    yield from create(daemons)
    if not codec.semantic_equal(daemons.spec.selector, old.spec.selector):
        yield field.invalid(SPEC / "selector", daemons.spec.selector, IMMUTABLE)
