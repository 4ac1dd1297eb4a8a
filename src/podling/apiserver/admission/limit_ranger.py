"""LimitRanges of a namespace: what containers get that do not say, and what Pods and claims may ask for.

`admit` fills in defaults and notes in an annotation what it has filled in; `check` refuses, once nothing changes any more, what is
below a minimum, above a maximum or in a wrong proportion. Upstream's plugin/pkg/admission/limitranger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from podling.api import kinds, quantity
from podling.api import pod as pods
from podling.api.quantity import Quantity
from podling.api.quota import amounts
from podling.api.quota.amounts import Amounts
from podling.api.types import core_v1

from .review import Operation, Review, World

ANNOTATION = "kubernetes.io/limit-ranger"
CONTAINER, POD, CLAIM = "Container", "Pod", "PersistentVolumeClaim"


async def admit(review: Review, world: World) -> None:
    assert review.obj is not None
    if review.kind is kinds.POD and review.operation is Operation.CREATE:
        for item in _items(review, world, CONTAINER):
            _fill_in(review.obj.body, item)


async def check(review: Review, world: World) -> None:
    assert review.obj is not None
    if review.operation is Operation.UPDATE:
        is_resize = review.kind is kinds.POD and review.subresource == "resize"
        going = review.old is not None and review.old.metadata.deletion_timestamp is not None
        if going or (review.kind is kinds.POD and not is_resize):
            return
    faults = _claim_faults if review.kind is kinds.PERSISTENT_VOLUME_CLAIM else _pod_faults
    for limit_range in world.in_namespace(kinds.LIMIT_RANGE, review.namespace):
        found = [
            each
            for item in (limit_range.spec.limits if limit_range.spec else ())
            for each in faults(item, review.obj.body)
        ]
        if found:
            texts = list(dict.fromkeys(found))
            raise review.forbid(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")


def _items(review: Review, world: World, type: str) -> Iterator[core_v1.LimitRangeItem]:
    for limit_range in world.in_namespace(kinds.LIMIT_RANGE, review.namespace):
        for item in limit_range.spec.limits if limit_range.spec else ():
            if item.type == type:
                yield item


def _fill_in(pod: core_v1.Pod, item: core_v1.LimitRangeItem) -> None:
    spec = pod.spec or core_v1.PodSpec()
    told = [
        note
        for container in (*spec.containers, *(spec.init_containers or ()))
        for note in _complete(container, item, is_init=container not in spec.containers)
    ]
    if told:
        notes = pod.metadata.annotations or {}
        pod.metadata.annotations = {**notes, ANNOTATION: f"LimitRanger plugin set: {'; '.join(told)}"}


def _complete(container: core_v1.Container, item: core_v1.LimitRangeItem, *, is_init: bool) -> Iterator[str]:
    """Give a container what it lacks, and say what."""
    given = container.resources or core_v1.ResourceRequirements()
    whose = f"{'init ' if is_init else ''}container {container.name}"
    requests, limits = dict(given.requests or {}), dict(given.limits or {})
    for held, defaults, word in (
        (requests, item.default_request, "request"),
        (limits, item.default, "limit"),
    ):
        missing = sorted(name for name in defaults or () if name not in held)
        held |= {name: (defaults or {})[name] for name in missing}
        if missing:
            yield f"{', '.join(missing)} {word} for {whose}"
    if requests or limits:
        container.resources = core_v1.ResourceRequirements(
            claims=given.claims, requests=requests or None, limits=limits or None
        )


def _pod_faults(item: core_v1.LimitRangeItem, pod: core_v1.Pod) -> Iterator[str]:
    if item.type == CONTAINER:
        spec = pod.spec or core_v1.PodSpec()
        for container in (*spec.containers, *(spec.init_containers or ())):
            given = container.resources or core_v1.ResourceRequirements()
            yield from _faults(item, amounts.parsed(given.requests), amounts.parsed(given.limits))
    elif item.type == POD:
        yield from _faults(item, pods.requests(pod), pods.limits(pod))


def _claim_faults(item: core_v1.LimitRangeItem, claim: core_v1.PersistentVolumeClaim) -> Iterator[str]:
    if item.type != CLAIM:
        return
    given = (claim.spec.resources if claim.spec else None) or core_v1.VolumeResourceRequirements()
    asked = amounts.parsed(given.requests)
    yield from _each(item.min, lambda name, least: _below(item.type, name, least, asked, {}))
    yield from _each(item.max, lambda name, most: _asks_above(item.type, name, most, asked))


def _faults(item: core_v1.LimitRangeItem, asked: Amounts, bounds: Amounts) -> Iterator[str]:
    yield from _each(item.min, lambda name, least: _below(item.type, name, least, asked, bounds))
    yield from _each(item.max, lambda name, most: _above(item.type, name, most, asked, bounds))
    yield from _each(
        item.max_limit_request_ratio, lambda name, most: _out_of_ratio(item.type, name, most, asked, bounds)
    )


def _each(limits: Mapping[str, str] | None, fault: Callable[[str, Quantity], str]) -> Iterator[str]:
    for name in sorted(limits or ()):
        found = fault(name, quantity.parse((limits or {})[name]))
        if found:
            yield found


def _below(type: str, name: str, least: Quantity, asked: Amounts, bounds: Amounts) -> str:
    lead = f"minimum {name} usage per {type} is {least}"
    if name not in asked:
        return f"{lead}.  No request is specified"
    if asked[name] < least:
        return f"{lead}, but request is {asked[name]}"
    if name in bounds and bounds[name] < least:
        return f"{lead}, but limit is {bounds[name]}"
    return ""


def _above(type: str, name: str, most: Quantity, asked: Amounts, bounds: Amounts) -> str:
    lead = f"maximum {name} usage per {type} is {most}"
    if name not in bounds:
        return f"{lead}.  No limit is specified"
    if bounds[name] > most:
        return f"{lead}, but limit is {bounds[name]}"
    if name in asked and asked[name] > most:
        return f"{lead}, but request is {asked[name]}"
    return ""


def _asks_above(type: str, name: str, most: Quantity, asked: Amounts) -> str:
    lead = f"maximum {name} usage per {type} is {most}"
    if name not in asked:
        return f"{lead}.  No request is specified"
    return f"{lead}, but request is {asked[name]}" if asked[name] > most else ""


def _out_of_ratio(type: str, name: str, most: Quantity, asked: Amounts, bounds: Amounts) -> str:
    lead = f"{name} max limit to request ratio per {type} is {most}"
    if name not in asked or asked[name].is_zero:
        return f"{lead}, but no request is specified or request is 0"
    if name not in bounds or bounds[name].is_zero:
        return f"{lead}, but no limit is specified or limit is 0"
    ratio = bounds[name].nanos / asked[name].nanos
    return f"{lead}, but provided ratio is {ratio:f}" if ratio > most.as_float() else ""
