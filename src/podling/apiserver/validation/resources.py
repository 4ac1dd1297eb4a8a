"""The rules of resource requests and limits, and of relative paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from podling.api import field, names, quantity
from podling.api import pod as pods
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

NATIVE_PREFIX = "kubernetes.io/"
HUGE_PAGES = "hugepages-"
ATTACHABLE = "attachable-volumes-"
REQUESTS_PREFIX = "requests."
_FOR_CONTAINERS = {"cpu", "memory", "ephemeral-storage"}
_STANDARD = {
    *_FOR_CONTAINERS,
    *(f"{kind}.{name}" for kind in ("requests", "limits") for name in _FOR_CONTAINERS),
    "storage",
    "requests.storage",
    "pods",
    "services",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
}


NameRule = Callable[[str, Path], Iterator[FieldError]]


def requirements(
    given: core_v1.ResourceRequirements, path: Path, *, name_rule: NameRule | None = None
) -> Iterator[FieldError]:
    """Faults of requests and limits, each by itself and against each other; ``name_rule`` says which there can be."""
    limits, requests = given.limits or {}, given.requests or {}
    yield from _amounts(limits, path / "limits", name_rule or container_resource)
    yield from _amounts(requests, path / "requests", name_rule or container_resource)
    for name, text in requests.items():
        if name in limits:
            yield from _within(name, text, limits[name], path=path / "requests")
        elif not is_overcommittable(name):
            yield field.required(path / "limits", "Limit must be set for non overcommitable resources")
    if any(name.startswith(HUGE_PAGES) for name in limits) and not ({"cpu", "memory"} & {*limits, *requests}):
        yield field.forbidden(path, "HugePages require cpu or memory")


def amount(name: str, text: str, path: Path) -> Iterator[FieldError]:
    """Faults of one amount of a resource."""
    value = quantity.parse(text)
    if value < quantity.ZERO:
        yield field.invalid(path, str(value), "must be greater than or equal to 0")
    if is_extended(name) and value.nanos % quantity.NANO:
        yield field.invalid(path, text, "must be an integer")


def is_extended(name: str) -> bool:
    """A resource of some device plugin's: qualified, and not Kubernetes' own."""
    return pods.is_extended(name) and not names.label_key(f"{REQUESTS_PREFIX}{name}")


def is_overcommittable(name: str) -> bool:
    """Whether a limit may be above the request: Kubernetes' own resources but huge pages."""
    return ("/" not in name or NATIVE_PREFIX in name) and not name.startswith(HUGE_PAGES)


def _amounts(given: Mapping[str, str], path: Path, name_rule: NameRule) -> Iterator[FieldError]:
    for name, text in given.items():
        here = path.key(name)
        yield from name_rule(name, here)
        yield from amount(name, text, here)
        if name.startswith(HUGE_PAGES):
            yield from _whole_pages(name, text, here)


def _whole_pages(name: str, text: str, path: Path) -> Iterator[FieldError]:
    size = quantity.parse(name.removeprefix(HUGE_PAGES)).value() if _is_size(name) else 0
    if size <= 0 or quantity.parse(text).value() % size:
        yield field.invalid(path, text, f"{text} is not positive integer multiple of {name}")


def _is_size(name: str) -> bool:
    try:
        quantity.parse(name.removeprefix(HUGE_PAGES))
    except ValueError:
        return False
    return True


def resource_name(name: str, path: Path) -> Iterator[FieldError]:
    """Faults of the name of a resource of any sort: a standard one, or qualified."""
    wrong = names.label_key(name)
    for why in wrong:
        yield field.invalid(path, name, why)
    if not wrong and "/" not in name and name not in _STANDARD and not _is_prefixed(name):
        yield field.invalid(path, name, "must be a standard resource type or fully qualified")


def quota_resource(name: str, path: Path) -> Iterator[FieldError]:
    """Faults of the name of something that a quota can be on."""
    yield from resource_name(name, path)
    if "/" not in name and not is_standard_for_quota(name):
        yield field.invalid(path, name, "must be a standard resource for quota")


def is_standard_for_quota(name: str) -> bool:
    return name in _STANDARD - {"storage"} or name.startswith((HUGE_PAGES, REQUESTS_PREFIX + HUGE_PAGES))


def _is_prefixed(name: str) -> bool:
    return name.startswith((HUGE_PAGES, REQUESTS_PREFIX + HUGE_PAGES, ATTACHABLE))


def container_resource(name: str, path: Path) -> Iterator[FieldError]:
    wrong = names.label_key(name)
    for why in wrong:
        yield field.invalid(path, name, why)
    if wrong:
        return
    if "/" not in name:
        prefixed = name.startswith((HUGE_PAGES, ATTACHABLE))
        if name not in _STANDARD and not prefixed:
            yield field.invalid(path, name, "must be a standard resource type or fully qualified")
        if name not in _FOR_CONTAINERS and not name.startswith(HUGE_PAGES):
            yield field.invalid(path, name, "must be a standard resource for containers")
    elif NATIVE_PREFIX not in name and not is_extended(name):
        yield field.invalid(path, name, "doesn't follow extended resource name standard")


def _within(name: str, request: str, limit: str, *, path: Path) -> Iterator[FieldError]:
    asked, most = quantity.parse(request), quantity.parse(limit)
    if asked != most and not is_overcommittable(name):
        yield field.invalid(path, str(asked), f"must be equal to {name} limit of {most}")
    elif asked > most:
        yield field.invalid(path, str(asked), f"must be less than or equal to {name} limit of {most}")


def descending(text: str, path: Path) -> Iterator[FieldError]:
    """Faults of a path that must stay below where it starts."""
    if text.startswith("/"):
        yield field.invalid(path, text, "must be a relative path")
    if ".." in text.split("/"):
        yield field.invalid(path, text, "must not contain '..'")


def unreserved(text: str, path: Path) -> Iterator[FieldError]:
    """As `descending`, and leaves names that start with two dots to the atomic writer of volumes."""
    yield from descending(text, path)
    if text.startswith("..") and not text.startswith("../"):
        yield field.invalid(path, text, "must not start with '..'")
