"""The rules of Deployments."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field
from podling.api.field import FieldError
from podling.api.types import apps_v1

from . import workload
from .metadata import IMMUTABLE
from .workload import SPEC

_TYPES = ("Recreate", "RollingUpdate")


def create(deployment: apps_v1.Deployment) -> Iterator[FieldError]:
    spec = deployment.spec
    yield from workload.counts(SPEC, replicas=spec.replicas)
    yield from workload.selector(spec.selector)
    yield from workload.template(spec.template, spec.selector, owner="ReplicaSet")
    yield from _strategy(spec.strategy or apps_v1.DeploymentStrategy())
    deadline, ready = spec.progress_deadline_seconds, spec.min_ready_seconds or 0
    yield from workload.counts(
        SPEC,
        minReadySeconds=ready,
        revisionHistoryLimit=spec.revision_history_limit,
        progressDeadlineSeconds=deadline,
    )
    if deadline is not None and deadline <= ready:
        yield field.invalid(
            SPEC / "progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"
        )


def update(deployment: apps_v1.Deployment, old: apps_v1.Deployment) -> Iterator[FieldError]:
    yield from create(deployment)
    if not codec.semantic_equal(deployment.spec.selector, old.spec.selector):
        yield field.invalid(SPEC / "selector", deployment.spec.selector, IMMUTABLE)


def _strategy(strategy: apps_v1.DeploymentStrategy) -> Iterator[FieldError]:
    path, rolling = SPEC / "strategy", strategy.rolling_update
    if strategy.type not in _TYPES:
        yield field.not_supported(path, strategy.type or "", _TYPES)
    elif strategy.type == "Recreate":
        if rolling is not None:
            why = "may not be specified when strategy `type` is 'Recreate'"
            yield field.forbidden(path / "rollingUpdate", why)
    elif rolling is not None:
        yield from workload.rolling(path / "rollingUpdate", rolling.max_unavailable, rolling.max_surge)
