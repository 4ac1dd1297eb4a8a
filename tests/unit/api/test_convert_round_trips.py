"""What goes into another version of its kind and back again is what it was, whatever it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podling.api import kinds, schema
from podling.api.convert import convert
from podling.api.kinds import Kind
from podling.api.levels import Level
from podling.api.schema import Anything, ListOf, MapOf, OneOf, Record, Scalar

Json = dict[str, Any]
WORDS = st.sampled_from(["a", "b-c", "example.com/d", "", "ü"])
TIMES = {
    "date-time": st.just("2024-05-01T12:00:00Z"),
    "date-time-micro": st.just("2024-05-01T12:00:00.000001Z"),
    "byte": st.sampled_from(["", "AA=="]),
}
SCALARS: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    "string": lambda: WORDS,
    "boolean": st.booleans,
    "integer": lambda: st.integers(0, 9),
    "number": lambda: st.sampled_from([0.5, 1.5]),
    "int-or-string": lambda: st.sampled_from([1, "10%"]),
    "quantity": lambda: st.sampled_from(["1", "100m", "4Gi"]),
}
DEEP = 4
LEVEL = Level()
HEAD = ("apiVersion", "kind", "metadata")


def values(node: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Any JSON that is of a type; what lies deep is left out where it may be."""
    match node:
        case Scalar():
            return TIMES[node.format] if node.format in TIMES else SCALARS[node.kind]()
        case ListOf():
            return st.lists(values(node.item, depth + 1), min_size=1, max_size=2)
        case MapOf():
            return st.dictionaries(
                st.sampled_from(["x", "y"]), values(node.value, depth + 1), min_size=1, max_size=2
            )
        case Record():
            return records(node, depth)
        case OneOf():
            return st.one_of([values(option, depth + 1) for option in node.options])
        case Anything():
            return st.just({"free": 1})
    raise AssertionError(node)


def records(node: Record, depth: int = 0) -> st.SearchStrategy[Json]:
    fields = [field for field in node.fields.values() if LEVEL.knows(node.name, field.name)]
    required = {field.name: values(field.schema, depth + 1) for field in fields if field.required}
    optional = {
        field.name: values(field.schema, depth + 1)
        for field in fields
        if not field.required and depth < DEEP and field.name not in HEAD
    }
    if node.name.endswith("v1beta1.Device"):  # upstream never leaves it out on the way back
        required["basic"] = optional.pop("basic")
    return st.fixed_dictionaries(required, optional=optional)


def documents(row: Kind) -> st.SearchStrategy[Json]:
    """Objects of a kind, of any content that its type allows."""
    head = {"apiVersion": row.api_version, "kind": row.kind, "metadata": {"name": "x"}}
    return records(schema.of(row.struct)).map(lambda body: {**body, **head})


def there_and_back(document: Json, row: Kind, other: Kind) -> Json:
    between = convert(document, row, other)
    msgspec.json.decode(msgspec.json.encode(between), type=other.struct)  # it is of the other type
    return convert(between, other, row)


OLDER = [row for row in kinds.ALL if row.convert and row.convert != "horizontalpodautoscaler"]


@pytest.mark.parametrize("row", OLDER, ids=repr)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_other_versions_come_back_from_the_store_as_they_were(row: Kind, data: st.DataObject) -> None:
    document = data.draw(documents(row))
    found = there_and_back(document, row, kinds.storage_kind(row))
    if row is kinds.EVENT_EVENTS_V1 and "regarding" not in document:  # never absent in the stored version
        assert found.pop("regarding") == {}
    assert found == document


@given(document=documents(kinds.EVENT))
def test_core_events_survive_a_writer_of_the_newer_ones(document: Json) -> None:
    found = there_and_back(document, kinds.EVENT, kinds.EVENT_EVENTS_V1)
    if "eventTime" not in document:  # never absent in the newer version
        assert found.pop("eventTime", None) is None
    assert found == document


def amounts(of: str) -> st.SearchStrategy[Json]:
    """What is aimed at, or what there is."""
    kinds_of: dict[str, st.SearchStrategy[Any]] = {
        "Utilization": st.fixed_dictionaries({"averageUtilization": st.integers(1, 99)}),
        "AverageValue": st.fixed_dictionaries({"averageValue": st.sampled_from(["1", "5Gi"])}),
        "Value": st.fixed_dictionaries({"value": st.sampled_from(["1", "5Gi"])}),
    }

    def told(type: str) -> st.SearchStrategy[Json]:
        def marked(amount: Any) -> Json:
            return {"type": type, **amount} if of == "target" else dict(amount)

        return kinds_of[type].map(marked)

    return st.sampled_from(sorted(kinds_of)).flatmap(told)


def fitting(type: str, of: str) -> st.SearchStrategy[Json]:
    """Amounts that a sort of metric may have (autoscaling/v2 validation)."""
    fits = {
        "Pods": {"averageValue"},
        "Resource": {"averageUtilization", "averageValue"},
        "ContainerResource": {"averageUtilization", "averageValue"},
    }.get(type, {"value", "averageValue"})
    return amounts(of).filter(
        lambda amount: not {"type", *fits}.isdisjoint(amount) and bool(fits & set(amount))
    )


def metrics(of: str) -> st.SearchStrategy[Json]:
    """Metrics as v2 writes them, `of` target or current."""
    named = st.fixed_dictionaries(
        {"name": st.sampled_from(["rps", "depth"])},
        optional={"selector": st.just({"matchLabels": {"a": "b"}})},
    )
    object = st.just({"kind": "Service", "name": "web", "apiVersion": "v1"})
    sources: dict[str, tuple[str, dict[str, st.SearchStrategy[Any]]]] = {
        "Object": ("object", {"metric": named, "describedObject": object}),
        "Pods": ("pods", {"metric": named}),
        "External": ("external", {"metric": named}),
        "Resource": ("resource", {"name": st.sampled_from(["cpu", "memory"])}),
        "ContainerResource": ("containerResource", {"name": st.just("cpu"), "container": st.just("main")}),
    }

    def one(type: str) -> st.SearchStrategy[Json]:
        name, parts = sources[type]
        source = st.fixed_dictionaries({**parts, of: fitting(type, of)})
        return source.map(lambda made: {"type": type, name: made})

    return st.sampled_from(sorted(sources)).flatmap(one)


def is_cpu(metric: Json) -> bool:
    resource = metric.get("resource") or {}
    return bool(resource.get("name") == "cpu" and "averageUtilization" in resource.get("target", {}))


@given(
    wanted=st.lists(metrics("target"), min_size=1, max_size=3).filter(lambda all: sum(map(is_cpu, all)) < 2),
    current=st.lists(metrics("current"), max_size=3),
    more=st.fixed_dictionaries(
        {},
        optional={
            "minReplicas": st.integers(1, 3),
            "behavior": st.just({"scaleDown": {"stabilizationWindowSeconds": 5}}),
        },
    ),
    notes=st.fixed_dictionaries({}, optional={"note": WORDS}),
)
def test_autoscalers_keep_everything_in_the_old_version(
    wanted: list[Json], current: list[Json], more: Json, notes: Json
) -> None:
    row, old = kinds.HORIZONTAL_POD_AUTOSCALER, kinds.HORIZONTAL_POD_AUTOSCALER_V1
    wanted = sorted(wanted, key=lambda metric: not is_cpu(metric))  # the old version has its percentage first
    document = {
        "apiVersion": row.api_version,
        "kind": row.kind,
        "metadata": {"name": "x", **({"annotations": notes} if notes else {})},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "maxReplicas": 3,
            "metrics": wanted,
            **more,
        },
        "status": {"desiredReplicas": 2, **({"currentMetrics": current} if current else {})},
    }
    assert there_and_back(document, row, old) == document


@given(percentage=st.integers(1, 100), current=st.none() | st.integers(1, 100))
def test_percentages_of_the_old_version_come_back(percentage: int, current: int | None) -> None:
    row, new = kinds.HORIZONTAL_POD_AUTOSCALER_V1, kinds.HORIZONTAL_POD_AUTOSCALER
    status = {"desiredReplicas": 1, "currentReplicas": 1}
    document = {
        "apiVersion": row.api_version,
        "kind": row.kind,
        "metadata": {"name": "x"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "maxReplicas": 3,
            "targetCPUUtilizationPercentage": percentage,
        },
        "status": status if current is None else {**status, "currentCPUUtilizationPercentage": current},
    }
    found = there_and_back(document, row, new)
    found["metadata"].pop("annotations", None)  # current metrics are told twice
    assert found == document
