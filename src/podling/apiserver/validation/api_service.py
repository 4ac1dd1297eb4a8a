"""The rules of APIServices (k8s.io/kube-aggregator/pkg/apis/apiregistration/validation)."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.gotext import quote
from podling.api.types import apiregistration_v1

from .metadata import METADATA, each

SPEC = Path("spec")
MAX_GROUP_PRIORITY, MAX_VERSION_PRIORITY = 20000, 1000
_STATUSES = ("True", "False", "Unknown")

Service = apiregistration_v1.APIService


def create(service: Service) -> Iterator[FieldError]:
    spec = service.spec or apiregistration_v1.APIServiceSpec()
    group, version = spec.group or "", spec.version or ""
    yield from _name(service.metadata.name or "", f"{version}.{group}")
    if group:
        yield from each(names.dns1123_subdomain, group, SPEC / "group")
    elif version != "v1":
        yield field.required(SPEC / "group", "only v1 may have an empty group and it better be legacy kube")
    yield from each(names.dns1035_label, version, SPEC / "version")
    for value, name, most in (
        (spec.group_priority_minimum, "groupPriorityMinimum", MAX_GROUP_PRIORITY),
        (spec.version_priority, "versionPriority", MAX_VERSION_PRIORITY),
    ):
        if not 0 < value <= most:
            yield field.invalid(SPEC / name, value, f"must be positive and less than {most}")
    if spec.service is None:
        yield from _local(spec)
    else:
        yield from _remote(spec, spec.service)


def update(service: Service, old: Service) -> Iterator[FieldError]:
    yield from create(service)


def update_status(service: Service, old: Service) -> Iterator[FieldError]:
    status = service.status or apiregistration_v1.APIServiceStatus()
    for index, condition in enumerate(status.conditions or ()):
        if condition.status not in _STATUSES:
            path = Path("status", "conditions") / index / "status"
            yield field.not_supported(path, condition.status, _STATUSES)


def _name(name: str, wanted: str) -> Iterator[FieldError]:
    if name and name != wanted and not names.path_segment(name):
        yield field.invalid(
            METADATA / "name", name, f'must be `spec.version+"."+spec.group`: {quote(wanted)}'
        )


def _local(spec: apiregistration_v1.APIServiceSpec) -> Iterator[FieldError]:
    """What this server serves itself needs no trust."""
    if spec.ca_bundle:
        size = f"{len(base64.b64decode(spec.ca_bundle))} bytes"
        yield field.invalid(SPEC / "caBundle", size, "local APIServices may not have a caBundle")
    if spec.insecure_skip_tls_verify:
        why = "local APIServices may not have insecureSkipTLSVerify"
        yield field.invalid(SPEC / "insecureSkipTLSVerify", True, why)


def _remote(
    spec: apiregistration_v1.APIServiceSpec, service: apiregistration_v1.ServiceReference
) -> Iterator[FieldError]:
    path = SPEC / "service"
    for value, name in ((service.namespace, "namespace"), (service.name, "name")):
        if not value:
            yield field.required(path / name)
    wrong = names.port_number(service.port or 0)
    if wrong:
        yield field.invalid(path / "port", service.port or 0, f"port is not valid: {', '.join(wrong)}")
    if spec.insecure_skip_tls_verify and spec.ca_bundle:
        yield field.invalid(SPEC / "insecureSkipTLSVerify", True, "may not be true if caBundle is present")
