"""Quantities, times and base64 come to one spelling or are refused; equality looks through what means the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api import codec, kinds
from podling.api.errors import BadRequest
from podling.api.types import apps_v1, core_v1, meta_v1


def canonical(kind: kinds.Kind, value: dict[str, Any]) -> dict[str, Any]:
    found = codec.from_dict(kind, value)
    codec.canonicalise(found)
    return codec.to_dict(found)


def test_quantities_are_canonical_wherever_they_are() -> None:
    limits = {"cpu": "1000m", "memory": "1024Mi"}
    pod = canonical(
        kinds.POD,
        {
            "spec": {
                "containers": [{"name": "a", "resources": {"limits": limits}}],
                "overhead": {"cpu": "0.5"},
                "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1000k"}}],
            }
        },
    )
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}
    assert pod["spec"]["overhead"] == {"cpu": "500m"}
    assert pod["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] == "1M"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-31T23:59:59Z", "2026-01-31T23:59:59Z"),
        ("2026-01-01T01:00:00+02:00", "2025-12-31T23:00:00Z"),
        ("2026-01-01T00:00:00.75Z", "2026-01-01T00:00:00Z"),
    ],
)
def test_times_are_utc_in_whole_seconds(given: str, kept: str) -> None:
    assert (
        canonical(kinds.POD, {"metadata": {"deletionTimestamp": given}})["metadata"]["deletionTimestamp"]
        == kept
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123456Z"),
        ("2026-01-01T02:00:00.123456+02:00", "2026-01-01T00:00:00.123456Z"),
    ],
)
def test_micro_times_are_utc_in_microseconds(given: str, kept: str) -> None:
    assert canonical(kinds.LEASE, {"spec": {"renewTime": given}})["spec"]["renewTime"] == kept


def test_base64_loses_its_line_breaks() -> None:
    assert canonical(kinds.SECRET, {"data": {"a": "aGVs\r\nbG8="}})["data"] == {"a": "aGVsbG8="}


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        (
            kinds.POD,
            {"spec": {"overhead": {"cpu": "1x"}}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            kinds.POD,
            {"metadata": {"deletionTimestamp": "today"}},
            'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"',
        ),
        (
            kinds.POD,
            {"metadata": {"deletionTimestamp": "2026-02-30T00:00:00Z"}},
            'parsing time "2026-02-30T00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse "2026-02-30T00:00:00Z" as "2006"',
        ),
        (
            kinds.LEASE,
            {"spec": {"renewTime": "2026-01-01T00:00:00Z"}},
            'parsing time "2026-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": '
            'cannot parse "2026-01-01T00:00:00Z" as "2006"',
        ),
        (kinds.SECRET, {"data": {"a": "hello!"}}, "illegal base64 data at input byte 5"),
        (kinds.SECRET, {"data": {"a": "aGVsbG8"}}, "illegal base64 data at input byte 7"),
    ],
)
def test_what_cannot_be_read_is_refused(kind: kinds.Kind, value: dict[str, Any], why: str) -> None:
    with pytest.raises(BadRequest) as caught:
        canonical(kind, value)
    assert caught.value.message == f'{kind.kind} in version "v1" cannot be handled as a {kind.kind}: {why}'


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (core_v1.PodSpec(tolerations=[]), core_v1.PodSpec(), True),
        (core_v1.PodSpec(node_selector={}), core_v1.PodSpec(), True),
        (
            core_v1.PodSpec(containers=[core_v1.Container(args=[])]),
            core_v1.PodSpec(containers=[core_v1.Container()]),
            True,
        ),
        (core_v1.PodSpec(security_context=core_v1.PodSecurityContext()), core_v1.PodSpec(), False),
        (core_v1.PodSpec(hostname=""), core_v1.PodSpec(), False),
        (core_v1.PodSpec(priority=1), core_v1.PodSpec(priority=2), False),
        (core_v1.PodSpec(containers=[core_v1.Container()]), core_v1.PodSpec(), False),
        (meta_v1.ObjectMeta(labels={"a": "b"}), meta_v1.ObjectMeta(labels={"a": "c"}), False),
        (
            apps_v1.ControllerRevision(data=msgspec.Raw(b'{"a":1,"b":2}')),
            apps_v1.ControllerRevision(data=msgspec.Raw(b'{"b":2, "a":1}')),
            True,
        ),
        ({"a": []}, {}, False),
        ({"a": [1]}, {"a": [1.0]}, True),
    ],
)
def test_equality_takes_an_empty_list_or_map_for_an_absent_one_where_types_say_so(
    one: Any, other: Any, same: bool
) -> None:
    assert codec.semantic_equal(one, other) is same
    assert codec.semantic_equal(other, one) is same
