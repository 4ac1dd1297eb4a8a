"""Who owns what after a chain of writes, as upstream's API server keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api import codec, kinds, managedfields
from podling.api.managedfields import EMPTY, FieldSet, Writer, from_paths, manager_name
from podling.api.object import Object
from podling.api.types.meta_v1 import ManagedFieldsEntry

STATUS = from_paths("status")
SPEC = from_paths("spec")
EDITOR = Writer("kubectl-edit", "v1")
CREATOR = Writer("kubectl-create", "v1")
AGENT = Writer("podling", "v1", "status")


def at(second: int) -> str:
    return f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z"


def pod(**spec: Any) -> Object:
    value = {
        "metadata": {"name": "a", "labels": {"x": "1"}},
        "spec": {"containers": [{"name": "c", "image": "i"}], **spec},
    }
    return codec.from_dict(kinds.POD, value)


def write(
    before: Object | None, after: Object, writer: Writer, *, second: int = 0, reset: FieldSet = EMPTY
) -> Object:
    after.metadata.managed_fields = managedfields.update(before, after, writer, time=at(second), reset=reset)
    return after


def change(
    before: Object, how: Callable[[Object], Any], writer: Writer, *, second: int, reset: FieldSet = EMPTY
) -> Object:
    after = codec.clone(before)
    how(after)
    return write(before, after, writer, second=second, reset=reset)


def owners(found: Object) -> dict[str, FieldSet]:
    entries = found.metadata.managed_fields or []
    return {f"{e.manager}/{e.subresource or ''}": managedfields.fields_of(e) for e in entries}


def times(found: Object) -> dict[str, str | None]:
    return {e.manager or "": e.time for e in found.metadata.managed_fields or []}


def set_image(image: str) -> Callable[[Object], None]:
    def how(found: Object) -> None:
        found.body.spec.containers[0].image = image

    return how


def set_status(**fields: Any) -> Callable[[Object], None]:
    def how(found: Object) -> None:
        found.body = codec.from_dict(kinds.POD, {**codec.to_dict(found), "status": fields}).body

    return how


CONTAINER: FieldSet = {".": {}, "f:image": {}, "f:name": {}}
CREATED: FieldSet = {
    "f:metadata": {"f:labels": {".": {}, "f:x": {}}},
    "f:spec": {"f:containers": {'k:{"name":"c"}': CONTAINER}},
}


def test_the_creator_owns_what_it_sent() -> None:
    found = write(None, pod(), CREATOR)
    assert found.metadata.managed_fields == [
        ManagedFieldsEntry(
            manager="kubectl-create",
            operation="Update",
            api_version="v1",
            time=at(0),
            fields_type="FieldsV1",
            fields_v1=found.metadata.managed_fields[0].fields_v1 if found.metadata.managed_fields else None,
        )
    ]
    assert owners(found) == {"kubectl-create/": CREATED}


def test_what_the_door_resets_is_not_owned() -> None:
    after = pod()
    set_status(phase="Pending", qosClass="BestEffort")(after)
    assert owners(write(None, after, CREATOR, reset=STATUS)) == {"kubectl-create/": CREATED}


def test_who_changes_a_field_takes_it() -> None:
    found = change(write(None, pod(), CREATOR), set_image("j"), EDITOR, second=1)
    assert owners(found) == {
        "kubectl-create/": {
            "f:metadata": {"f:labels": {".": {}, "f:x": {}}},
            "f:spec": {"f:containers": {'k:{"name":"c"}': {".": {}, "f:name": {}}}},
        },
        "kubectl-edit/": {"f:spec": {"f:containers": {'k:{"name":"c"}': {"f:image": {}}}}},
    }
    assert times(found) == {"kubectl-create": at(0), "kubectl-edit": at(1)}


def test_a_removed_field_is_nobodys() -> None:
    first = write(None, pod(hostname="h"), CREATOR)

    def remove(found: Object) -> None:
        found.body.spec.hostname = None

    found = change(first, remove, EDITOR, second=1)
    assert owners(found) == {"kubectl-create/": CREATED}
    assert times(found) == {"kubectl-create": at(0)}


def test_an_owner_of_nothing_is_no_longer_listed() -> None:
    first = write(None, pod(), CREATOR)
    second = change(first, set_status(phase="Running"), AGENT, second=1, reset=SPEC)
    other = Writer("other", "v1", "status")
    third = change(second, set_status(phase="Failed"), other, second=2, reset=SPEC)
    assert owners(third) == {"kubectl-create/": CREATED, "other/status": {"f:status": {"f:phase": {}}}}


def test_a_write_that_changes_nothing_leaves_the_entries_as_they_are() -> None:
    first = write(None, pod(), CREATOR)
    second = codec.clone(first)
    assert managedfields.update(first, second, EDITOR, time=at(9)) is first.metadata.managed_fields


def test_the_time_is_that_of_the_last_write_that_took_something() -> None:
    first = change(write(None, pod(), CREATOR), set_status(phase="Running"), AGENT, second=1, reset=SPEC)
    again = change(first, set_status(phase="Failed"), AGENT, second=2, reset=SPEC)
    assert times(again) == {"kubectl-create": at(0), "podling": at(2)}
    gone = change(again, set_status(), AGENT, second=3, reset=SPEC)
    assert times(gone) == {"kubectl-create": at(0)}


def test_the_same_manager_through_another_door_is_another_entry() -> None:
    def both(found: Object) -> None:
        found.metadata.labels = {"x": "1", "y": "2"}

    first = change(write(None, pod(), CREATOR), set_status(phase="Running"), AGENT, second=1, reset=SPEC)
    found = change(first, both, Writer("podling", "v1"), second=2, reset=STATUS)
    assert owners(found) == {
        "kubectl-create/": CREATED,
        "podling/status": {"f:status": {"f:phase": {}}},
        "podling/": {"f:metadata": {"f:labels": {"f:y": {}}}},
    }


def test_entries_are_sorted_by_operation_and_time() -> None:
    first = write(None, pod(), CREATOR, second=5)
    applied = ManagedFieldsEntry(
        manager="z",
        operation="Apply",
        api_version="v1",
        time=at(9),
        fields_type="FieldsV1",
        fields_v1=first.metadata.managed_fields[0].fields_v1 if first.metadata.managed_fields else None,
    )
    first.metadata.managed_fields = [*(first.metadata.managed_fields or []), applied]
    found = change(first, set_image("j"), Writer("a", "v1"), second=3)
    assert [(e.operation, e.manager) for e in found.metadata.managed_fields or []] == [
        ("Apply", "z"),
        ("Update", "a"),
        ("Update", "kubectl-create"),
    ]
    assert "f:image" not in owners(found)["z/"]["f:spec"]["f:containers"]['k:{"name":"c"}']


def label(number: int) -> Callable[[Object], None]:
    def how(found: Object) -> None:
        found.metadata.labels = {**(found.metadata.labels or {}), f"l{number}": "v"}

    return how


def test_the_eleventh_updater_sends_the_two_oldest_into_one_bucket() -> None:
    found = write(None, pod(), CREATOR)
    for number in range(1, 11):
        found = change(found, label(number), Writer(f"m{number}", "v1"), second=number)
    entries = found.metadata.managed_fields or []
    assert [e.manager for e in entries] == ["ancient-changes", *(f"m{n}" for n in range(2, 11))]
    assert entries[0].time == at(1)
    assert owners(found)["ancient-changes/"]["f:metadata"] == {"f:labels": {".": {}, "f:x": {}, "f:l1": {}}}
    for number in range(11, 14):
        found = change(found, label(number), Writer(f"m{number}", "v1"), second=number)
    entries = found.metadata.managed_fields or []
    assert [e.manager for e in entries] == ["ancient-changes", *(f"m{n}" for n in range(5, 14))]
    assert set(owners(found)["ancient-changes/"]["f:metadata"]["f:labels"]) == {
        ".",
        "f:x",
        "f:l1",
        "f:l2",
        "f:l3",
        "f:l4",
    }


def test_versions_have_buckets_of_their_own() -> None:
    found = write(None, pod(), Writer("m0", "v2"))
    for number in range(1, 12):
        found = change(found, label(number), Writer(f"m{number}", "v1"), second=number)
    entries = found.metadata.managed_fields or []
    assert [(e.manager, e.api_version) for e in entries[:2]] == [("m0", "v2"), ("ancient-changes", "v1")]
    assert len(entries) == 10


def test_a_manager_that_wrote_in_another_version_loses_what_that_version_calls_it() -> None:
    first = write(None, pod(), Writer("old", "v1alpha1"))
    renamed = managedfields.Comparison({"f:metadata": {"f:labels": {"f:x": {}}}}, EMPTY)
    after = codec.clone(first)
    set_image("j")(after)
    asked = []

    def in_version(version: str) -> managedfields.Comparison:
        asked.append(version)
        return renamed

    after.metadata.managed_fields = managedfields.update(
        first, after, EDITOR, time=at(1), in_version=in_version
    )
    assert asked == ["v1alpha1"]
    assert owners(after)["old/"] == {
        "f:metadata": {"f:labels": {}},
        "f:spec": {"f:containers": {'k:{"name":"c"}': CONTAINER}},
    }


def test_emptied_managed_fields_end_the_tracking() -> None:
    first = write(None, pod(), CREATOR)

    def empty(found: Object) -> None:
        found.metadata.managed_fields = [ManagedFieldsEntry()]
        set_image("j")(found)

    second = change(first, empty, EDITOR, second=1)
    assert second.metadata.managed_fields is None
    assert change(second, set_image("k"), EDITOR, second=2).metadata.managed_fields is None


def test_a_client_that_leaves_managed_fields_out_does_not_delete_them() -> None:
    first = write(None, pod(), CREATOR)

    def forget(found: Object) -> None:
        found.metadata.managed_fields = None

    assert owners(change(first, forget, EDITOR, second=1)) == {"kubectl-create/": CREATED}


@pytest.mark.parametrize("broken", [{"operation": "Delete"}, {"api_version": ""}, {"fields_type": ""}])
def test_a_client_may_rewrite_entries_but_not_break_them(broken: dict[str, str]) -> None:
    first = write(None, pod(), CREATOR)

    def rename(found: Object) -> None:
        assert found.metadata.managed_fields
        found.metadata.managed_fields[0].manager = "renamed"

    def damage(found: Object) -> None:
        rename(found)
        assert found.metadata.managed_fields
        for name, value in broken.items():
            setattr(found.metadata.managed_fields[0], name, value)

    assert owners(change(first, rename, EDITOR, second=1)) == {"renamed/": CREATED}
    assert owners(change(first, damage, EDITOR, second=1)) == {"kubectl-create/": CREATED}
    assert owners(change(first, rename, Writer("e", "v1", "status"), second=1)) == {
        "kubectl-create/": CREATED
    }


def test_nobody_is_unknown() -> None:
    assert list(owners(write(None, pod(), Writer("", "v1")))) == ["unknown/"]


def test_the_manager_is_named_by_parameter_or_user_agent() -> None:
    assert manager_name("me", "kubectl/v1.37 (linux)") == "me"
    assert manager_name("", "kubectl/v1.37 (linux)") == "kubectl"
    assert manager_name("", "a\x00b\u00e9/1") == "ab\u00e9"
    assert len(manager_name("", "\u00e9" * 200).encode()) == 128
    assert manager_name("", "") == ""


WRITES = st.lists(
    st.tuples(st.sampled_from("abc"), st.dictionaries(st.sampled_from("klm"), st.sampled_from("vw"))),
    min_size=1,
    max_size=8,
)


@given(WRITES)
def test_every_label_has_exactly_one_owner_and_it_is_who_set_it_last(
    writes: list[tuple[str, dict[str, str]]],
) -> None:
    found: Object | None = None
    setter: dict[str, str] = {}
    for second, (who, labels) in enumerate(writes):
        old = (found.metadata.labels or {}) if found else {}
        after = codec.from_dict(kinds.CONFIG_MAP, {"metadata": {"labels": labels}, "data": {"a": "b"}})
        found = write(found, after, Writer(who, "v1"), second=second)
        setter = {k: who if old.get(k) != v else setter[k] for k, v in labels.items()}
    assert found
    owned = [
        (element.removeprefix("f:"), owner.removesuffix("/"))
        for owner, fields in owners(found).items()
        for element in fields.get("f:metadata", {}).get("f:labels", {})
        if element != "."
    ]
    assert sorted(owned) == sorted(setter.items())
