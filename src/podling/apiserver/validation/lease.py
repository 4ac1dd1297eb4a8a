"""The rules of Leases (k8s.io/kubernetes/pkg/apis/coordination/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import coordination_v1

from .metadata import each
from .workload import counts

SPEC = Path("spec")
STRATEGIES = ("OldestEmulationVersion",)


def create(lease: coordination_v1.Lease) -> Iterator[FieldError]:
    spec = lease.spec or coordination_v1.LeaseSpec()
    if spec.lease_duration_seconds is not None and spec.lease_duration_seconds <= 0:
        path = SPEC / "leaseDurationSeconds"
        yield field.invalid(path, spec.lease_duration_seconds, "must be greater than 0")
    yield from counts(SPEC, leaseTransitions=spec.lease_transitions)
    if spec.strategy is not None:
        yield from strategy(spec.strategy, SPEC / "strategy")
    if spec.preferred_holder and not spec.strategy:
        why = "may only be specified if `strategy` is defined"
        yield field.forbidden(SPEC / "preferredHolder", why)


def update(lease: coordination_v1.Lease, old: coordination_v1.Lease) -> Iterator[FieldError]:
    yield from create(lease)


def strategy(name: str, path: Path) -> Iterator[FieldError]:
    """One of Kubernetes' own or a qualified one of somebody else's; the path ends in `strategy` twice, as upstream's does."""
    path = path / "strategy"
    if "/" in name:
        yield from each(names.label_key, name, path)
    elif name not in STRATEGIES:
        yield field.not_supported(path, name, STRATEGIES)
