"""The rules of LimitRanges."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names, quantity
from podling.api.field import FieldError, Path
from podling.api.quota import amounts
from podling.api.quota.amounts import Amounts
from podling.api.types import core_v1

from .resources import container_resource, is_overcommittable, resource_name

LIMITS = Path("spec") / "limits"
_TYPES = ("Container", "PersistentVolumeClaim", "Pod")


def create(limit_range: core_v1.LimitRange) -> Iterator[FieldError]:
    seen = set()
    for index, item in enumerate((limit_range.spec or core_v1.LimitRangeSpec()).limits):
        path = LIMITS / index
        yield from _type(item.type, path / "type")
        if item.type in seen:
            yield field.duplicate(path / "type", item.type)
        seen.add(item.type)
        yield from _names(item, path)
        yield from _amounts(item, path)


def update(limit_range: core_v1.LimitRange, _: core_v1.LimitRange) -> Iterator[FieldError]:
    yield from create(limit_range)


def _type(type: str, path: Path) -> Iterator[FieldError]:
    wrong = names.label_key(type)
    for why in wrong:
        yield field.invalid(path, type, why)
    if not wrong and "/" not in type and type not in _TYPES:
        yield field.invalid(path, type, "must be a standard limit type or fully qualified")


def _names(item: core_v1.LimitRangeItem, path: Path) -> Iterator[FieldError]:
    rule = container_resource if item.type in ("Pod", "Container") else resource_name
    given = {"max": item.max, "min": item.min}
    if item.type == "Pod":
        for key, values in (("default", item.default), ("defaultRequest", item.default_request)):
            if values:
                yield field.forbidden(path / key, "may not be specified when `type` is 'Pod'")
    else:
        given |= {"default": item.default, "defaultRequest": item.default_request}
    given["maxLimitRequestRatio"] = item.max_limit_request_ratio
    for key, values in given.items():
        for name in values or ():
            yield from rule(name, (path / key).key(name))
    if item.type == "PersistentVolumeClaim" and "storage" not in {**(item.min or {}), **(item.max or {})}:
        why = "either minimum or maximum storage value is required, but neither was provided"
        yield field.required(path / "limits", why)


def _amounts(item: core_v1.LimitRangeItem, path: Path) -> Iterator[FieldError]:
    least, most = amounts.parsed(item.min), amounts.parsed(item.max)
    is_pod = item.type == "Pod"
    limit = {} if is_pod else amounts.parsed(item.default)
    request = {} if is_pod else amounts.parsed(item.default_request)
    ordered = (
        ("min", least, "min value", most, "max value", least),
        ("defaultRequest", least, "min value", request, "default request value", request),
        ("defaultRequest", request, "default request value", most, "max value", request),
        ("defaultRequest", request, "default request value", limit, "default limit value", request),
        ("default", least, "min value", limit, "default value", least),
        ("default", limit, "default value", most, "max value", most),
    )
    for key, low, low_word, high, high_word, shown in ordered:
        for name in amounts.beyond(low, high):
            why = f"{low_word} {low[name]} is greater than {high_word} {high[name]}"
            yield field.invalid((path / key).key(name), str(shown[name]), why)
    yield from _ratios(item, least, most, path / "maxLimitRequestRatio")
    for name in limit.keys() & request.keys():
        if not is_overcommittable(name) and limit[name] != request[name]:
            why = f"default value {limit[name]} must equal to defaultRequest value {request[name]} in {name}"
            yield field.invalid((path / "defaultRequest").key(name), str(request[name]), why)


def _ratios(item: core_v1.LimitRangeItem, least: Amounts, most: Amounts, path: Path) -> Iterator[FieldError]:
    for name, ratio in amounts.parsed(item.max_limit_request_ratio).items():
        here = path.key(name)
        if ratio < quantity.of(1):
            yield field.invalid(here, str(ratio), f"ratio {ratio} is less than 1")
        if name in least and name in most and not least[name].is_zero:
            possible = most[name].nanos / least[name].nanos
            if ratio.as_float() > possible:
                why = f"ratio {ratio} is greater than max/min = {possible:f}"
                yield field.invalid(here, str(ratio), why)
