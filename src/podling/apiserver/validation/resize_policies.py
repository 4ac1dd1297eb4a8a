"""The rules of a container's `resizePolicy`: whether it goes on or starts anew when CPU or memory change (KEP-1287)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

RESOURCES = ("cpu", "memory")
POLICIES = ("NotRequired", "RestartContainer")


def faults(spec: core_v1.PodSpec, path: Path) -> Iterator[FieldError]:
    """Faults of the resize policies of all containers of a spec."""
    for name, containers in (("containers", spec.containers), ("initContainers", spec.init_containers or ())):
        for index, container in enumerate(containers):
            policy = container.restart_policy or spec.restart_policy
            yield from _faults(container, path / name / index / "resizePolicy", policy=policy)


def _faults(container: core_v1.Container, path: Path, *, policy: str | None) -> Iterator[FieldError]:
    seen = set()
    for index, rule in enumerate(container.resize_policy or ()):
        if rule.resource_name in seen:
            yield field.duplicate(path / index, rule.resource_name)
        seen.add(rule.resource_name)
        yield from _one_of(rule.resource_name, path, RESOURCES)
        yield from _one_of(rule.restart_policy, path, POLICIES)
        if policy == "Never" and rule.restart_policy != "NotRequired":
            why = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            yield field.invalid(path, rule.restart_policy, why)


def _one_of(value: str, path: Path, supported: tuple[str, ...]) -> Iterator[FieldError]:
    if not value:
        yield field.required(path)
    elif value not in supported:
        yield field.not_supported(path, value, supported)
