"""Objects, lists and watch lines as they stand in bytes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api import kinds
from podling.api.types import core_v1, meta_v1, rbac_v1
from podling.client.errors import ProtocolFault
from podling.client.streams import Lines
from podling.client.wire import DictView, ErrorLine, StructView, WatchEvent

PODS = StructView(kinds.POD, core_v1.Pod)
ROLES = StructView(kinds.CLUSTER_ROLE, rbac_v1.ClusterRole)


def event(view, line):
    found = view.decode_event(line)
    assert isinstance(found, WatchEvent)
    return found


def test_a_watch_line_is_read_straight_into_the_type_of_its_kind():
    line = b'{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"web","resourceVersion":"7"},"status":{"podIP":"10.42.0.5"}}}'
    found = event(PODS, line)
    assert (found.type, found.resource_version) == ("ADDED", "7")
    assert isinstance(found.object, core_v1.Pod)
    assert found.object.status.pod_ip == "10.42.0.5"


def test_an_upstream_bookmark_with_null_containers_moves_the_revision():
    line = (
        b'{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"12746",'
        b'"creationTimestamp":null},"spec":{"containers":null},"status":{}}}'
    )
    found = event(PODS, line)
    assert (found.type, found.resource_version) == ("BOOKMARK", "12746")
    assert found.object.metadata.resource_version == "12746"


def test_a_list_that_go_wrote_as_null_is_read_as_absent():
    role = ROLES.decode(
        b'{"kind":"ClusterRole","metadata":{"name":"admin","labels":{"a":null}},"rules":null}'
    )
    assert role.metadata.name == "admin"
    assert not role.rules


def test_an_error_line_is_a_status():
    line = b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}}'
    found = PODS.decode_event(line)
    assert isinstance(found, ErrorLine)
    assert found.status.code == 410


def test_items_of_an_untyped_list_know_their_kind():
    page = DictView(kinds.POD).decode_list(
        b'{"metadata":{"resourceVersion":"9","continue":"c","remainingItemCount":3},"items":[{"metadata":{"name":"a"}}]}'
    )
    assert page.items == [{"metadata": {"name": "a"}, "apiVersion": "v1", "kind": "Pod"}]
    assert (page.resource_version, page.continue_, page.remaining) == ("9", "c", 3)


def test_a_list_without_items_is_empty():
    assert PODS.decode_list(b'{"metadata":{"resourceVersion":"9"},"items":null}').items == []


@pytest.mark.parametrize("data", [b"<html>", b'{"metadata":{"name":7}}', b"", b"[]"])
def test_what_is_no_object_is_a_protocol_fault(data):
    with pytest.raises(ProtocolFault, match="cannot read the server's answer"):
        PODS.decode(data)


def test_an_object_is_written_with_kind_and_version():
    pod = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="web", namespace="default"))
    assert msgspec.json.decode(PODS.encode(pod)) == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "web", "namespace": "default"},
    }


@given(st.lists(st.binary(min_size=1).filter(lambda b: b"\n" not in b), max_size=8), st.data())
def test_lines_come_out_whole_however_the_stream_is_cut(lines, data):
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader, found = Lines(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += [line for line in reader.feed(stream[start:end]) if line]
    assert found == lines
