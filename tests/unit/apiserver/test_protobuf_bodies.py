"""Protobuf bodies as kubectl sends them, and bytes that are none."""

from __future__ import annotations

import pytest

from podling.api import errors, kinds, schema
from podling.apiserver import protobuf
from podling.apiserver.protobuf import decoder, wire

# What kubectl 1.33 sends for `create cronjob cj --image=busybox --schedule='* * * * *' -n n33 -- echo hi`.
CRON_JOB = bytes.fromhex(
    "6b3873000a130a0862617463682f7631120743726f6e4a6f6212a9010a150a02636a12001a036e333322002a003200380042"
    "00128d010a092a202a202a202a202a1a002a7e0a120a02636a12001a0022002a00320038004200126832660a100a0012001a"
    "0022002a003200380042001252122b0a02636a120762757379626f781a046563686f1a0268692a0042006a00720080010088"
    "0100900100a201001a094f6e4661696c757265320042004a0052005800600068008201008a01009a0100c201001a001a0022"
    "00"
)


def message(number: int, content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    assert len(data) < 128 * 128
    size = bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 127 | 128, len(data) >> 7])
    return bytes([number << 3 | wire.BYTES]) + size + data


def number(at: int, value: int) -> bytes:
    return bytes([at << 3 | wire.VARINT]) + bytes([value])


def sent(kind: str, body: bytes, *, version: str = "v1") -> bytes:
    return b"k8s\x00" + message(1, message(1, version) + message(2, kind)) + message(2, body)


def test_the_document_is_what_kubectl_would_have_sent_as_json() -> None:
    container = {"name": "cj", "image": "busybox", "command": ["echo", "hi"], "resources": {}}
    pod = {"metadata": {}, "spec": {"containers": [container], "restartPolicy": "OnFailure"}}
    assert protobuf.to_document(CRON_JOB) == {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "cj", "namespace": "n33"},
        "spec": {
            "schedule": "* * * * *",
            "jobTemplate": {"metadata": {"name": "cj"}, "spec": {"template": pod}},
        },
        "status": {},
    }


def test_values_that_json_writes_differently() -> None:
    data = message(1, message(1, "s")) + message(2, message(1, "key") + message(2, b"\x00\xff"))
    assert protobuf.to_document(sent("Secret", data))["data"] == {"key": "AP8="}
    http = message(2, message(1, "/") + message(2, number(1, 1) + number(2, 0) + message(3, "web")))
    probe = message(10, message(1, http) + b"\x10\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01")
    limits = message(8, message(1, message(1, "cpu") + message(2, message(1, "500m"))))
    spec = message(2, message(2, message(1, "main") + probe + limits))
    [container] = protobuf.to_document(sent("Pod", spec))["spec"]["containers"]
    assert container["livenessProbe"] == {
        "httpGet": {"path": "/", "port": "web"},
        "initialDelaySeconds": -(2**31),
    }
    assert container["resources"] == {"limits": {"cpu": "500m"}}


def test_zeros_count_where_go_has_pointers() -> None:
    deployment = message(2, number(1, 0) + number(5, 0) + number(7, 0))
    assert protobuf.to_document(sent("Deployment", deployment, version="apps/v1"))["spec"] == {"replicas": 0}


def test_times() -> None:
    meta = message(1, message(1, "a") + message(8, b"") + message(9, number(1, 60) + number(2, 0)))
    found = protobuf.to_document(sent("ConfigMap", meta))["metadata"]
    assert found == {"name": "a", "deletionTimestamp": "1970-01-01T00:01:00Z"}


def test_options_of_deletions() -> None:
    found = protobuf.to_document(sent("DeleteOptions", number(1, 0) + message(4, "Foreground")))
    assert found["gracePeriodSeconds"] == 0
    assert found["propagationPolicy"] == "Foreground"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"k8s\x00",
        b"k8s\x00\x0a",
        sent("Pod", b"\x0a\x7f"),
        sent("Pod", number(1, 5)),
        CRON_JOB[:-3],
    ],
    ids=["empty", "json", "no envelope", "cut", "cut inside", "wrong type", "short"],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(errors.BadRequest):
        protobuf.to_document(body)


def test_an_unknown_field_is_refused_and_not_lost() -> None:
    with pytest.raises(errors.BadRequest, match=r"field 15 of core_v1.ConfigMap is not known"):
        protobuf.to_document(sent("ConfigMap", number(15, 1)))


def test_kinds_without_field_numbers_are_not_acceptable_as_protobuf() -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        protobuf.to_document(sent("CustomResourceDefinition", b"", version="apiextensions.k8s.io/v1"))


def test_nesting_is_bounded() -> None:
    with pytest.raises(errors.BadRequest):
        protobuf.to_document(sent("Pod", nested(200)))


def nested(depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = b"\x0b" + body
    return body


def test_field_numbers_name_fields_of_the_schema() -> None:
    for row in (kinds.POD, kinds.NODE, kinds.SERVICE, kinds.DEPLOYMENT, kinds.TOKEN_REQUEST):
        record = schema.of(row.struct)
        slots = decoder._slots(record, record.name)
        names = {slot.name for slot in slots.values() if not isinstance(slot, str)}
        assert names == set(record.fields) - {"kind", "apiVersion"}
