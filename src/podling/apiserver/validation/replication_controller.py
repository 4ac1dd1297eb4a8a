"""The rules of ReplicationControllers (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import core_v1, meta_v1

from . import workload
from .workload import SPEC

STATUS = Path("status")
_TOO_MANY = "cannot be greater than status.replicas"

Controller = core_v1.ReplicationController


def create(controller: Controller) -> Iterator[FieldError]:
    spec = controller.spec or core_v1.ReplicationControllerSpec()
    yield from workload.counts(SPEC, minReadySeconds=spec.min_ready_seconds)
    if not spec.selector:
        yield field.required(SPEC / "selector")
    yield from workload.counts(SPEC, replicas=spec.replicas)
    chosen = meta_v1.LabelSelector(match_labels=spec.selector)
    yield from workload.template(spec.template, chosen, owner="ReplicationController")


def update(controller: Controller, old: Controller) -> Iterator[FieldError]:
    yield from create(controller)


def update_status(controller: Controller, old: Controller) -> Iterator[FieldError]:
    status = controller.status or core_v1.ReplicationControllerStatus()
    labeled, ready = status.fully_labeled_replicas or 0, status.ready_replicas or 0
    available = status.available_replicas or 0
    yield from workload.counts(
        STATUS,
        replicas=status.replicas,
        fullyLabeledReplicas=labeled,
        readyReplicas=ready,
        availableReplicas=available,
        observedGeneration=status.observed_generation,
    )
    for value, name in (
        (labeled, "fullyLabeledReplicas"),
        (ready, "readyReplicas"),
        (available, "availableReplicas"),
    ):
        if value > status.replicas:
            yield field.invalid(STATUS / name, value, _TOO_MANY)
    if available > ready:
        yield field.invalid(STATUS / "availableReplicas", available, "cannot be greater than readyReplicas")
