"""The object that every stage of the API server hands on."""

from __future__ import annotations

from podling.api import kinds
from podling.api.kinds import Kind
from podling.api.object import Object
from podling.api.types import core_v1, meta_v1

WIDGET = Kind("example.com", "v1", "Widget", "widgets", "widget", True, prefix="example.com/widgets")


def test_a_struct_and_its_object_have_one_metadata_whoever_replaces_it() -> None:
    found = Object(kinds.POD, core_v1.Pod(metadata=meta_v1.ObjectMeta(name="a")))
    assert found.metadata is found.body.metadata
    found.metadata = meta_v1.ObjectMeta(name="b")
    assert found.body.metadata.name == "b"
    found.body = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="c"))
    assert found.name == "c"


def test_metadata_of_a_dict_body_is_beside_it() -> None:
    found = Object(WIDGET, {"spec": {}}, metadata=meta_v1.ObjectMeta(name="a", namespace="n"))
    assert (found.name, found.namespace, found.key) == ("a", "n", "/registry/example.com/widgets/n/a")
    found.metadata = meta_v1.ObjectMeta(name="b")
    assert (found.name, found.body) == ("b", {"spec": {}})
    assert Object(WIDGET, {}).metadata == meta_v1.ObjectMeta()


def test_an_object_shows_what_it_is() -> None:
    assert (
        repr(Object(kinds.POD, core_v1.Pod(metadata=meta_v1.ObjectMeta(name="a", namespace="n"))))
        == "<v1 Pod n/a>"
    )
    assert repr(Object(kinds.NODE, core_v1.Node(metadata=meta_v1.ObjectMeta(name="a")))) == "<v1 Node a>"
