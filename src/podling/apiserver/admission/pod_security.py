"""Pods keep to the standard that their namespace's labels enforce; of what else they ask for their users are warned.

A namespace's own labels must make sense; whoever enforces more is told which Pods that are there would not be let in.
The standards are `api/podsecurity`. Upstream's plugin/pkg/admission/security/podsecurity.
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.api import errors, kinds, podsecurity
from podling.api import pod as pods
from podling.api.podsecurity import Finding, Policy, Standard
from podling.api.types import core_v1

from .review import Operation, Review, World

MOST_PODS = 3000
"""How many Pods of a namespace are looked at for a new label."""


async def check(review: Review, world: World) -> None:
    if review.kind is kinds.NAMESPACE:
        _check_namespace(review, world)
        return
    namespace: core_v1.Namespace | None = world.read(kinds.NAMESPACE, "", review.namespace)
    asked = podsecurity.policy(namespace.metadata.labels if namespace is not None else None)
    if review.kind is not kinds.POD:
        _warn(review, asked, _template(review))
    elif review.operation is Operation.CREATE or _is_significant(review):
        assert review.obj is not None
        pod: core_v1.Pod = review.obj.body
        if found := podsecurity.judge(asked.enforce, pod):
            raise review.forbid(f'violates PodSecurity "{asked.enforce}": {_told(found)}')
        _warn(review, asked, pod)


def _warn(review: Review, asked: Policy, pod: core_v1.Pod | core_v1.PodTemplateSpec | None) -> None:
    if pod is not None and (found := podsecurity.judge(asked.warn, pod)):
        review.warnings.append(f'would violate PodSecurity "{asked.warn}": {_told(found)}')


def _check_namespace(review: Review, world: World) -> None:
    assert review.obj is not None
    new = podsecurity.policy(review.obj.metadata.labels)
    old = podsecurity.policy(review.old.metadata.labels) if review.old is not None else None
    if new.faults and (old is None or new.faults != old.faults):
        raise errors.Invalid(review.kind, review.obj.name, new.faults)
    if old is not None and _is_stricter(new.enforce, old.enforce):
        review.warnings.extend(_violations(review.obj.name, new.enforce, world))


def _is_stricter(new: Standard, old: Standard) -> bool:
    if new == old or new.level == "privileged":
        return False
    return new.version != old.version or new.strictness > old.strictness


def _violations(namespace: str, standard: Standard, world: World) -> Iterable[str]:
    """One line for the namespace, and one for each kind of violation with the first Pod that has it."""
    present = [*world.in_namespace(kinds.POD, namespace)]
    by_reason: dict[str, list[str]] = {}
    for pod in present[:MOST_PODS]:
        if found := podsecurity.judge(standard, pod):
            reasons = ", ".join(one.reason for one in found)
            by_reason.setdefault(reasons, []).append(pod.metadata.name or "")
    if len(present) > MOST_PODS:
        most, of = MOST_PODS, len(present)
        yield f"new PodSecurity enforce level only checked against the first {most} of {of} existing pods"
    if by_reason:
        yield f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{standard}"'
    yield from sorted(f"{_first_of(names)}: {reasons}" for reasons, names in by_reason.items())


def _first_of(names: list[str]) -> str:
    others = len(names) - 1
    more = f" (and {others} other {'pod' if others == 1 else 'pods'})" if others else ""
    return f"{min(names)}{more}"


def _is_significant(review: Review) -> bool:
    """Whether an update changes what the standards look at: the images, and what containers there are."""
    assert review.obj is not None
    assert review.old is not None
    return _outline(review.obj.body) != _outline(review.old.body)


def _outline(pod: core_v1.Pod) -> list[tuple[str, str | None]]:
    return [(one.name, one.image) for one in pods.all_containers(pod.spec or core_v1.PodSpec())]


def _template(review: Review) -> core_v1.PodTemplateSpec | None:
    assert review.obj is not None
    body = review.obj.body
    if review.kind is kinds.POD_TEMPLATE:
        found: core_v1.PodTemplateSpec | None = body.template
    elif review.kind is kinds.CRON_JOB:
        found = body.spec.job_template.spec.template if body.spec and body.spec.job_template.spec else None
    else:
        found = body.spec.template if body.spec else None
    return found


def _told(found: list[Finding]) -> str:
    return ", ".join(map(str, found))
