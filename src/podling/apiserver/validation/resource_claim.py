"""The rules of ResourceClaims: what is asked for never changes, nor what was allocated for it (pkg/apis/resource/validation)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import resource_v1

from . import devices
from .devices import MAX_ITEMS
from .metadata import IMMUTABLE, each

SPEC, STATUS = Path("spec"), Path("status")
MAX_ALTERNATIVES = 8
MAX_CONSUMERS = 256
_MODES = ("All", "ExactCount")
_ONE = "exactly one of `exactly` or `firstAvailable` is required"
_NO_REQUEST = (
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
)

Claim = resource_v1.ResourceClaim
AnyRequest: TypeAlias = resource_v1.ExactDeviceRequest | resource_v1.DeviceSubRequest


def create(claim: Claim) -> Iterator[FieldError]:
    yield from spec(claim.spec, SPEC)


def update(claim: Claim, old: Claim) -> Iterator[FieldError]:
    if not codec.semantic_equal(claim.spec, old.spec):
        yield field.invalid(SPEC, claim.spec, IMMUTABLE)


def update_status(claim: Claim, old: Claim) -> Iterator[FieldError]:
    status = claim.status or resource_v1.ResourceClaimStatus()
    before = old.status or resource_v1.ResourceClaimStatus()
    path, consumers = STATUS / "reservedFor", status.reserved_for or []
    yield from devices.some(consumers, path, MAX_CONSUMERS, _consumer)
    yield from devices.unique([consumer.uid for consumer in consumers], path)
    if consumers and status.allocation is None:
        yield field.forbidden(path, "may not be specified when `allocated` is not set")
    elif claim.metadata.deletion_timestamp and any(
        one not in (before.reserved_for or ()) for one in consumers
    ):
        why = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
        yield field.forbidden(path, why)
    both = before.allocation is not None and status.allocation is not None
    if both and not codec.semantic_equal(status.allocation, before.allocation):
        yield field.invalid(STATUS / "allocation", status.allocation, IMMUTABLE)


def spec(given: resource_v1.ResourceClaimSpec | None, path: Path) -> Iterator[FieldError]:
    """What a claim or a template of claims asks for."""
    asked = (given.devices if given is not None else None) or resource_v1.DeviceClaim()
    path, requests = path / "devices", asked.requests or []
    yield from devices.some(requests, path / "requests", MAX_ITEMS, _request)
    yield from devices.unique([request.name for request in requests], path / "requests")
    known = {request.name for request in requests}
    known |= {f"{request.name}/{sub.name}" for request in requests for sub in request.first_available or ()}

    def constraint(given: resource_v1.DeviceConstraint, path: Path) -> Iterator[FieldError]:
        yield from _references(given.requests or [], path / "requests", known)
        yield from _constraint(given, path)

    def config(given: resource_v1.DeviceClaimConfiguration, path: Path) -> Iterator[FieldError]:
        yield from _references(given.requests or [], path / "requests", known)
        yield from devices.opaque(given.opaque, path)

    yield from devices.some(asked.constraints or [], path / "constraints", MAX_ITEMS, constraint)
    yield from devices.some(asked.config or [], path / "config", MAX_ITEMS, config)


def _request(request: resource_v1.DeviceRequest, path: Path) -> Iterator[FieldError]:
    yield from each(names.dns1123_label, request.name, path / "name")
    if request.exactly is not None and request.first_available:
        yield field.invalid(path, None, f"{_ONE}, but multiple fields are set")
    elif request.exactly is not None:
        yield from _devices(request.exactly, path / "exactly")
    elif request.first_available:
        where = path / "firstAvailable"
        yield from devices.some(request.first_available, where, MAX_ALTERNATIVES, _alternative)
        yield from devices.unique([one.name for one in request.first_available], where)
    else:
        yield field.required(path, _ONE)


def _alternative(request: resource_v1.DeviceSubRequest, path: Path) -> Iterator[FieldError]:
    yield from each(names.dns1123_label, request.name, path / "name")
    yield from _devices(request, path)


def _devices(request: AnyRequest, path: Path) -> Iterator[FieldError]:
    if not request.device_class_name:
        yield field.required(path / "deviceClassName")
    else:
        yield from each(names.dns1123_subdomain, request.device_class_name, path / "deviceClassName")
    yield from devices.some(request.selectors or [], path / "selectors", MAX_ITEMS, devices.selector)
    mode, count = request.allocation_mode or "", request.count or 0
    if mode not in _MODES:
        yield field.not_supported(path / "allocationMode", mode, _MODES)
    elif mode == "All" and count:
        yield field.invalid(path / "count", count, "must not be specified when allocationMode is 'All'")
    elif mode == "ExactCount" and count <= 0:
        yield field.invalid(path / "count", count, "must be greater than zero")
    for index, toleration in enumerate(request.tolerations or ()):
        yield from devices.toleration(toleration, path / "tolerations" / index)


def _references(given: list[str], path: Path, known: set[str]) -> Iterator[FieldError]:
    """Requests of the claim, or alternatives of them."""

    def reference(name: str, path: Path) -> Iterator[FieldError]:
        if name.count("/") > 1:
            yield field.invalid(path, name, _NO_REQUEST)
            return
        for part in name.split("/"):
            yield from each(names.dns1123_label, part, path)
        if name not in known:
            yield field.invalid(path, name, _NO_REQUEST)

    yield from devices.some(given, path, MAX_ITEMS, reference)
    yield from devices.unique(given, path)


def _constraint(given: resource_v1.DeviceConstraint, path: Path) -> Iterator[FieldError]:
    if given.match_attribute is not None:
        yield from devices.fully_qualified_name(given.match_attribute, path / "matchAttribute")
    elif given.distinct_attribute is not None:
        yield from devices.fully_qualified_name(given.distinct_attribute, path / "distinctAttribute")
    else:
        why = (
            'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
        )
        yield field.required(path, why)


def _consumer(given: resource_v1.ResourceClaimConsumerReference, path: Path) -> Iterator[FieldError]:
    for value, name in ((given.resource, "resource"), (given.name, "name"), (given.uid, "uid")):
        if not value:
            yield field.required(path / name)
