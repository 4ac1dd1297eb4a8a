"""JSON in and out: what Go would take is taken, what it would refuse is refused in its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podling.api import codec, kinds
from podling.api.errors import BadRequest
from podling.api.kinds import Kind
from podling.api.object import Object
from podling.api.types import apps_v1, core_v1, meta_v1

WIDGET = Kind("example.com", "v1", "Widget", "widgets", "widget", True)


def pod(text: str | bytes) -> core_v1.Pod:
    body = codec.decode(kinds.POD, text.encode() if isinstance(text, str) else text).body
    assert isinstance(body, core_v1.Pod)
    return body


def refusal(text: str, kind: Kind = kinds.POD) -> str:
    with pytest.raises(BadRequest) as caught:
        codec.decode(kind, text.encode())
    return caught.value.message


def test_an_object_shares_its_metadata_with_its_body() -> None:
    found = codec.decode(kinds.POD, b'{"metadata":{"name":"a","namespace":"b"}}')
    assert found.metadata is found.body.metadata
    assert (found.name, found.namespace, found.key) == ("a", "b", "/registry/pods/b/a")


def test_encoding_and_decoding_are_inverse() -> None:
    data = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"containers":[{"image":"b","name":"c"}]}}'
    assert codec.encode(codec.decode(kinds.POD, data)) == data


def test_metadata_is_written_even_when_empty() -> None:
    assert codec.encode(codec.decode(kinds.POD, b"{}")) == b'{"kind":"Pod","apiVersion":"v1","metadata":{}}'


@pytest.mark.parametrize(
    ("data", "spliced"),
    [
        (b'{"kind":"Pod","metadata":{}}', b'{"kind":"Pod","metadata":{"resourceVersion":"7"}}'),
        (b'{"metadata":{"name":"a"}}', b'{"metadata":{"resourceVersion":"7","name":"a"}}'),
        (
            b'{"metadata":{"name":"a"},"x":{"metadata":{}}}',
            b'{"metadata":{"resourceVersion":"7","name":"a"},"x":{"metadata":{}}}',
        ),
    ],
)
def test_the_revision_goes_right_after_the_first_metadata(data: bytes, spliced: bytes) -> None:
    assert codec.splice_revision(data, 7) == spliced


def test_null_is_absent_for_an_optional_field_and_zero_for_a_required_one() -> None:
    found = pod('{"metadata":null,"spec":{"hostname":null,"containers":null}}')
    assert found.metadata == meta_v1.ObjectMeta()
    assert found.spec == core_v1.PodSpec(containers=[])


def test_null_in_a_map_or_list_is_the_zero_value_of_what_belongs_there() -> None:
    found = pod('{"metadata":{"labels":{"a":null},"finalizers":[null]},"spec":{"containers":[null]}}')
    assert (found.metadata.labels, found.metadata.finalizers) == ({"a": ""}, [""])
    assert found.spec
    assert found.spec.containers == [core_v1.Container()]


def test_quantities_may_be_numbers() -> None:
    limits = '{"cpu":1,"memory":1.5e3,"x":0.10,"y":null,"z":"1Gi"}'
    found = pod('{"spec":{"containers":[{"name":"a","resources":{"limits":' + limits + "}}]}}")
    assert found.spec
    assert found.spec.containers[0].resources
    assert found.spec.containers[0].resources.limits == {
        "cpu": "1",
        "memory": "1.5E+3",
        "x": "0.10",
        "y": "0",
        "z": "1Gi",
    }


def test_unknown_fields_are_dropped() -> None:
    found = pod('{"metadata":{"name":"a","x":1},"spec":{"containers":[{"name":"b","y":{"z":1}}]},"w":[]}')
    assert found == pod('{"metadata":{"name":"a"},"spec":{"containers":[{"name":"b"}]}}')


def test_whether_a_text_was_taken_as_it_stands_is_told() -> None:
    assert codec.decode_telling(kinds.POD, b'{"metadata":{"name":"a","uid":null}}')[1]
    assert not codec.decode_telling(kinds.POD, b'{"metadata":{"name":"a","x":1}}')[1]
    assert not codec.decode_telling(kinds.POD, b'{"metadata":{"labels":{"a":null}}}')[1]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            '{"spec":{"containers":"x"}}',
            "string into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            '{"spec":{"containers":[{"ports":[{"containerPort":"80"}]}]}}',
            "string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            '{"spec":{"containers":[{"ports":[{"containerPort":3000000000}]}]}}',
            "number 3000000000 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        ('{"spec":{"priority":1.5}}', "number 1.5 into Go struct field PodSpec.spec.priority of type int32"),
        (
            '{"spec":{"hostNetwork":"true"}}',
            "string into Go struct field PodSpec.spec.hostNetwork of type bool",
        ),
        (
            '{"metadata":{"labels":{"a":1}}}',
            "number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            '{"metadata":{"labels":[]}}',
            "array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        ('{"spec":[]}', "array into Go struct field Pod.spec of type v1.PodSpec"),
        ('{"metadata":{"creationTimestamp":1}}', "number into Go value of type string"),
        (
            '{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":true}}}]}}',
            "bool into Go value of type int32",
        ),
    ],
)
def test_a_wrong_type_is_refused_in_the_words_of_go(body: str, why: str) -> None:
    assert refusal(body) == f'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal {why}'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "unexpected end of JSON input (<empty>)"),
        ('{"a', 'unexpected end of JSON input ({"a)'),
        ("{'a'}", "JSON is malformed: object keys must be strings (byte 1) ({'a'})"),
        (
            "[" + " " * 40 + "]",
            "json: cannot unmarshal array into Go value of type struct { APIVersion string "
            '"json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } (5b'
            + "20" * 29
            + " ...)",
        ),
    ],
)
def test_what_is_no_json_object_is_not_recognized(body: str, why: str) -> None:
    expected = f"the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: {why}"
    assert refusal(body) == expected


def test_a_string_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(BadRequest):
        codec.decode(kinds.POD, b'{"metadata":{"name":"\xff"}}')


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            '{"apiVersion":"v1","kind":"Service","spec":{"ports":5}}',
            'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion',
        ),
        (
            '{"apiVersion":"apps/v1","kind":"Deployment"}',
            'Deployment in version "v1" cannot be handled as a Pod: converting (v1.Deployment) to (core.Pod): unknown conversion',
        ),
        (
            '{"apiVersion":"v2","kind":"Pod"}',
            'Pod in version "v2" cannot be handled as a Pod: no kind "Pod" is registered for version "v2"',
        ),
    ],
)
def test_a_body_of_another_kind_is_refused_as_such(body: str, why: str) -> None:
    assert refusal(body) == why


def test_a_body_of_another_version_of_the_kind_is_refused_as_such() -> None:
    why = "the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)"
    body = '{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler"}'
    assert refusal(body, kinds.HORIZONTAL_POD_AUTOSCALER) == why


def test_a_body_may_leave_out_what_the_path_says() -> None:
    assert pod('{"apiVersion":"","kind":""}').kind == "Pod"


def test_a_custom_resource_is_a_dict_without_metadata() -> None:
    data = b'{"spec":{"a":[1,null]},"metadata":{"name":"w","labels":{"x":"y"}}}'
    found = codec.decode(WIDGET, data)
    assert found.body == {"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"a": [1, None]}}
    assert found.metadata == meta_v1.ObjectMeta(name="w", labels={"x": "y"})


def test_a_custom_resource_is_written_kind_and_metadata_first() -> None:
    body: dict[str, Any] = {"spec": {"metadata": {}}, "apiVersion": "example.com/v1", "kind": "Widget"}
    data = codec.encode(Object(WIDGET, body, metadata=meta_v1.ObjectMeta(name="w")))
    assert (
        data
        == b'{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"w"},"spec":{"metadata":{}}}'
    )


def test_metadata_of_a_custom_resource_is_typed() -> None:
    assert "into Go struct field ObjectMeta.metadata.labels of type string" in refusal(
        '{"metadata":{"labels":{"a":1}}}', WIDGET
    )


def test_dicts_and_objects_are_the_same_thing() -> None:
    value = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "b"}]},
    }
    assert codec.to_dict(codec.from_dict(kinds.POD, value)) == value
    widget = {"kind": "Widget", "apiVersion": "example.com/v1", "metadata": {"name": "a"}, "spec": {"b": [1]}}
    assert codec.to_dict(codec.from_dict(WIDGET, widget)) == widget


@pytest.mark.parametrize("kind", [kinds.POD, WIDGET])
def test_a_clone_shares_nothing(kind: Kind) -> None:
    one = codec.decode(
        kind, b'{"metadata":{"labels":{"a":"b"}},"spec":{"nodeSelector":{"x":"y"},"containers":[]}}'
    )
    other = codec.clone(one)
    other.metadata.labels = {}
    if isinstance(other.body, dict):
        other.body["spec"]["nodeSelector"]["x"] = "z"
    else:
        other.body.spec.node_selector["x"] = "z"
    assert codec.to_dict(one)["metadata"] == {"labels": {"a": "b"}}
    assert codec.to_dict(one)["spec"]["nodeSelector"] == {"x": "y"}


def test_free_form_json_is_kept_as_it_stood() -> None:
    data = b'{"kind":"ControllerRevision","apiVersion":"apps/v1","metadata":{},"data":{"b":1, "a":1.0},"revision":1}'
    assert codec.encode(codec.decode(kinds.CONTROLLER_REVISION, data)) == data


def test_plain_records_have_the_same_rules_without_a_kind() -> None:
    scale = codec.struct_decode(apps_v1.DeploymentSpec, b'{"replicas":2,"x":1,"template":null}')
    assert scale == apps_v1.DeploymentSpec(replicas=2)
    with pytest.raises(codec.Malformed, match=r"string into Go struct field .* of type int32"):
        codec.struct_decode(apps_v1.DeploymentSpec, b'{"replicas":"2"}')
    with pytest.raises(codec.NotJson):
        codec.struct_decode(apps_v1.DeploymentSpec, b"{")
    assert json.loads(codec.struct_encode(scale))["replicas"] == 2
