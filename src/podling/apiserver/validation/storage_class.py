"""The rules of StorageClasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1, storage_v1

from .metadata import each, immutable

PROVISIONER, PARAMETERS = Path("provisioner"), Path("parameters")
MAX_PARAMETERS = 512
MAX_PARAMETER_BYTES = 256 * 1024
_POLICIES = ("Delete", "Retain")
_BINDING = ("Immediate", "WaitForFirstConsumer")


def create(given: storage_v1.StorageClass) -> Iterator[FieldError]:
    yield from driver(given.provisioner, PROVISIONER)
    yield from parameters(given.parameters or {})
    if given.reclaim_policy and given.reclaim_policy not in _POLICIES:
        yield field.not_supported(Path("reclaimPolicy"), given.reclaim_policy, _POLICIES)
    if given.volume_binding_mode is None:
        yield field.required(Path("volumeBindingMode"))
    elif given.volume_binding_mode not in _BINDING:
        yield field.not_supported(Path("volumeBindingMode"), given.volume_binding_mode, _BINDING)
    yield from _topologies(given.allowed_topologies or [], Path("allowedTopologies"))


def update(given: storage_v1.StorageClass, old: storage_v1.StorageClass) -> Iterator[FieldError]:
    """Volumes were made by what the class said; only what concerns no volume may change."""
    if not codec.semantic_equal(given.parameters, old.parameters):
        yield field.forbidden(PARAMETERS, "updates to parameters are forbidden.")
    if given.provisioner != old.provisioner:
        yield field.forbidden(PROVISIONER, "updates to provisioner are forbidden.")
    if given.reclaim_policy != old.reclaim_policy:
        yield field.forbidden(Path("reclaimPolicy"), "updates to reclaimPolicy are forbidden.")
    yield from immutable(given.volume_binding_mode, old.volume_binding_mode, Path("volumeBindingMode"))


def driver(name: str, path: Path) -> Iterator[FieldError]:
    """Who makes volumes of a class, or changes them."""
    if not name:
        yield field.required(path)
    else:
        for why in names.label_key(name.lower()):
            yield field.invalid(path, name, why)


def parameters(given: Mapping[str, str]) -> Iterator[FieldError]:
    """What a class tells its driver."""
    if len(given) > MAX_PARAMETERS:
        yield field.too_long(PARAMETERS, MAX_PARAMETERS)
        return
    if "" in given:
        yield field.invalid(PARAMETERS, "", "field can not be empty.")
    if sum(len(key) + len(value) for key, value in given.items()) > MAX_PARAMETER_BYTES:
        yield field.too_long(PARAMETERS, MAX_PARAMETER_BYTES)


def _topologies(terms: list[core_v1.TopologySelectorTerm], path: Path) -> Iterator[FieldError]:
    seen: list[core_v1.TopologySelectorTerm] = []
    for index, term in enumerate(terms):
        here = path / index / "matchLabelExpressions"
        if term in seen:
            yield field.duplicate(here, "")
        seen.append(term)
        keys = set()
        for at, requirement in enumerate(term.match_label_expressions or ()):
            yield from _requirement(requirement, here / at)
            if requirement.key in keys:
                yield field.duplicate(here / at / "key", requirement.key)
            keys.add(requirement.key)


def _requirement(requirement: core_v1.TopologySelectorLabelRequirement, path: Path) -> Iterator[FieldError]:
    if not requirement.values:
        yield field.required(path / "values")
    seen = set()
    for index, value in enumerate(requirement.values):
        if value in seen:
            yield field.duplicate(path / "values" / index, value)
        seen.add(value)
    yield from each(names.label_key, requirement.key, path / "key")
