"""What a resize may change: CPU and memory, up, down and anew, but neither away nor to another class of service.

Rules and words of `ValidatePodResize` in k8s.io/kubernetes/pkg/apis/core/validation (KEP-1287, KEP-5419).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podling.api import codec, field
from podling.api import pod as pods
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from . import pod_spec

SPEC = Path("spec")
MUTABLE = ("cpu", "memory")
ONLY = "only cpu and memory resources"

Spelled = Mapping[str, str] | None
Requirements = core_v1.ResourceRequirements


def faults(pod: core_v1.Pod, old: core_v1.Pod) -> Iterator[FieldError]:
    """Faults of ``pod``, which is ``old`` but for its resources and resize policies."""
    spec, before = pod.spec or core_v1.PodSpec(), old.spec or core_v1.PodSpec()
    if pods.is_mirror(old):
        yield field.forbidden(Path(""), "static pods cannot be resized")
        return
    if before.os is not None and before.os.name == "windows":
        yield field.forbidden(Path(""), "windows pods cannot be resized")
        return
    yield from pod_spec.faults(spec, SPEC, is_pod=True)
    yield from _class(pod, old, spec)
    yield from _node(old)
    yield from _whole(spec.resources, before.resources)
    others = [
        *_same_containers(spec.containers, before.containers, "containers"),
        *_same_containers(spec.init_containers or [], before.init_containers or [], "initContainers"),
    ]
    yield from others or _each(spec, before)


def _class(pod: core_v1.Pod, old: core_v1.Pod, spec: core_v1.PodSpec) -> Iterator[FieldError]:
    if pods.qos_class(old) != pods.compute_qos_class(spec):
        given = (pod.status.qos_class if pod.status else None) or ""
        yield field.invalid(SPEC, given, "Pod QOS Class may not change as a result of resizing")


def _node(old: core_v1.Pod) -> Iterator[FieldError]:
    """A node that cannot resize does not say in the status what is in force."""
    statuses = (old.status.container_statuses if old.status else None) or ()
    running = next((one for one in statuses if one.state is not None and one.state.running is not None), None)
    if running is not None and running.resources is None:
        yield field.forbidden(SPEC, "Pod running on node without support for resize")


def _whole(new: Requirements | None, old: Requirements | None) -> Iterator[FieldError]:
    """Resources given for the Pod as a whole."""
    path = SPEC / "resources"
    if old is not None and new is None:
        yield field.forbidden(path, "pod-level resources cannot be removed")
        return
    if old is not None and new is not None:
        if _lost(new.requests, old.requests):
            yield field.forbidden(path / "requests", "pod-level resource requests cannot be removed")
        if _lost(new.limits, old.limits):
            yield field.forbidden(path / "limits", "pod-level resource limits cannot be removed")
    if not codec.semantic_equal(_without(new, old), old or Requirements()):
        yield field.forbidden(SPEC, f"{ONLY} are mutable at pod-level")


def _same_containers(
    new: list[core_v1.Container], old: list[core_v1.Container], name: str
) -> Iterator[FieldError]:
    if len(new) != len(old):
        yield field.forbidden(SPEC / name, f"{name} may not be added or removed on resize")
        return
    for index, (container, before) in enumerate(zip(new, old, strict=True)):
        if container.name != before.name:
            why = f"{name} may not be renamed or reordered on resize"
            yield field.forbidden(SPEC / name / index / "name", why)


def _each(spec: core_v1.PodSpec, before: core_v1.PodSpec) -> Iterator[FieldError]:
    inits = [*zip(spec.init_containers or (), before.init_containers or (), strict=True)]
    for index, (container, old) in enumerate(inits):
        yield from _removed(container, old, SPEC / "initContainers" / index / "resources")
    for index, (container, old) in enumerate(zip(spec.containers, before.containers, strict=True)):
        yield from _removed(container, old, SPEC / "containers" / index / "resources")
        if _differs_otherwise(container, old):
            yield field.forbidden(SPEC, f"{ONLY} are mutable")
    for index, (container, old) in enumerate(inits):
        yield from _init(container, old, SPEC / "initContainers" / index)


def _removed(container: core_v1.Container, old: core_v1.Container, path: Path) -> Iterator[FieldError]:
    given, had = container.resources or Requirements(), old.resources or Requirements()
    if _lost(given.requests, had.requests):
        yield field.forbidden(path / "requests", "resource requests cannot be removed")
    if _lost(given.limits, had.limits):
        yield field.forbidden(path / "limits", "resource limits cannot be removed")


def _init(container: core_v1.Container, old: core_v1.Container, path: Path) -> Iterator[FieldError]:
    if _differs_otherwise(container, old):
        yield field.forbidden(path, f"{ONLY} for init or sidecar containers are mutable")
    restarting = any(policy.restart_policy == "RestartContainer" for policy in container.resize_policy or ())
    if restarting and not pods.is_sidecar(container) and not codec.semantic_equal(container, old):
        why = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
        yield field.forbidden(path, why)


def _differs_otherwise(container: core_v1.Container, old: core_v1.Container) -> bool:
    """Whether anything but CPU and memory was changed."""
    kept = codec.struct_clone(container)
    kept.resources = _without(container.resources, old.resources)
    before = codec.struct_clone(old)
    before.resources = before.resources or Requirements()
    return not codec.semantic_equal(kept, before)


def _without(given: Requirements | None, old: Requirements | None) -> Requirements:
    """The given resources with CPU and memory as they were."""
    had, new = old or Requirements(), codec.struct_clone(given or Requirements())
    new.limits = _put_back(new.limits, had.limits)
    new.requests = _put_back(new.requests, had.requests)
    return new


def _put_back(given: Spelled, had: Spelled) -> dict[str, str] | None:
    kept = {name: text for name, text in (given or {}).items() if name not in MUTABLE}
    return {**kept, **{name: text for name, text in (had or {}).items() if name in MUTABLE}} or None


def _lost(given: Spelled, had: Spelled) -> bool:
    return any(name not in (given or {}) for name in had or {})
