"""The rules of CSIDrivers (k8s.io/kubernetes/pkg/apis/storage/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import storage_v1

from .metadata import immutable

SPEC = Path("spec")
MIN_UPDATE_SECONDS = 10
MIN_TOKEN_SECONDS, MAX_TOKEN_SECONDS = 600, 1 << 32
_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_MODES = ("Persistent", "Ephemeral")

Driver = storage_v1.CSIDriver


def create(driver: Driver) -> Iterator[FieldError]:
    spec = driver.spec
    for value, name in (
        (spec.attach_required, "attachedRequired"),
        (spec.pod_info_on_mount, "podInfoOnMount"),
        (spec.storage_capacity, "storageCapacity"),
    ):
        if value is None:
            yield field.required(SPEC / name)
    policy = spec.fs_group_policy
    if policy is not None and policy not in _GROUP_POLICIES:
        yield field.not_supported(SPEC / "fsGroupPolicy", policy, _GROUP_POLICIES)
    yield from _tokens(spec.token_requests or [])
    for mode in spec.volume_lifecycle_modes or ():
        if mode not in _MODES:
            yield field.not_supported(SPEC / "volumeLifecycleModes", mode, _MODES)
    if spec.se_linux_mount is None:
        yield field.required(SPEC / "seLinuxMount")
    period = spec.node_allocatable_update_period_seconds
    if period is not None and period < MIN_UPDATE_SECONDS:
        path = SPEC / "nodeAllocatableUpdatePeriodSeconds"
        yield field.invalid(path, period, "must be greater than or equal to 10 seconds")


def update(driver: Driver, old: Driver) -> Iterator[FieldError]:
    """How volumes are attached and how long they live never changes."""
    yield from create(driver)
    spec, before = driver.spec, old.spec
    yield from immutable(spec.attach_required, before.attach_required, SPEC / "attachedRequired")
    modes = SPEC / "volumeLifecycleModes"
    yield from immutable(spec.volume_lifecycle_modes, before.volume_lifecycle_modes, modes)


def _tokens(requests: list[storage_v1.TokenRequest]) -> Iterator[FieldError]:
    seen = set()
    for index, request in enumerate(requests):
        path = SPEC / "tokenRequests" / index
        if request.audience in seen:
            yield field.duplicate(path / "audience", request.audience)
            continue
        seen.add(request.audience)
        seconds, where = request.expiration_seconds, path / "expirationSeconds"
        if seconds is not None and seconds < MIN_TOKEN_SECONDS:
            yield field.invalid(where, seconds, "may not specify a duration less than 10 minutes")
        if seconds is not None and seconds > MAX_TOKEN_SECONDS:
            yield field.invalid(where, seconds, "may not specify a duration larger than 2^32 seconds")
