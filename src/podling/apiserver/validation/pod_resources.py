"""Resources given for a Pod as a whole: what there can be, and that they hold what the containers have (KEP-2837)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names, quantity
from podling.api import pod as pods
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import resources

_SUPPORTED = ("cpu", "hugepages-", "memory")


def faults(spec: core_v1.PodSpec, given: core_v1.ResourceRequirements, path: Path) -> Iterator[FieldError]:
    if spec.os is not None and spec.os.name == "windows":
        yield field.forbidden(path, "may not be set for a windows pod")
        return
    if given.claims:
        yield field.forbidden(path / "claims", "claims cannot be set for Resources at pod-level")
    yield from resources.requirements(given, path, name_rule=_name)
    yield from _holds_containers(spec, given, path)


def _name(name: str, path: Path) -> Iterator[FieldError]:
    wrong = names.label_key(name)
    for why in wrong:
        yield field.invalid(path, name, why)
    if not wrong and not pods.is_pod_level(name):
        yield field.not_supported(path, name, _SUPPORTED)


def _holds_containers(
    spec: core_v1.PodSpec, given: core_v1.ResourceRequirements, path: Path
) -> Iterator[FieldError]:
    asked, bounds = given.requests or {}, given.limits or {}
    for name, total in sorted(pods.container_requests(spec).items()):
        if name in asked and total > quantity.parse(asked[name]):
            why = f"must be greater than or equal to aggregate container requests of {total}"
            yield field.invalid((path / "requests").key(name), asked[name], why)
    for name, total in sorted(pods.container_limits(spec).items()):
        if name.startswith(resources.HUGE_PAGES) and name in bounds and total > quantity.parse(bounds[name]):
            why = f"must be greater than or equal to aggregate container limits of {total}"
            yield field.invalid((path / "limits").key(name), bounds[name], why)
    for index, container in enumerate(spec.containers):
        own = (container.resources.limits if container.resources else None) or {}
        for name, text in sorted(own.items()):
            if name in bounds and quantity.parse(text) > quantity.parse(bounds[name]):
                why = f"must be less than or equal to pod limits of {bounds[name]}"
                yield field.invalid((path / "containers" / index).key(name) / "limits", text, why)
