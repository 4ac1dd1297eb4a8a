"""CRI's messages as bytes: what protobuf says of them, by hand, and there and back."""

import pytest

from podling.runtime.cri import codec


def test_scalars_lists_maps_and_messages_are_written_as_protobuf_writes_them():
    message = {
        "metadata": {"name": "a", "attempt": 300},
        "args": ["x", "y"],
        "labels": {"k": "v"},
        "stdin": True,
    }
    assert (
        codec.encode("ContainerConfig", message)
        == (
            b"\x0a\x06" + b"\x0a\x01a" + b"\x10\xac\x02"  # metadata: name, attempt
            b"\x22\x01x\x22\x01y"  # args
            b"\x4a\x06" + b"\x0a\x01k\x12\x01v"  # labels
            b"\x60\x01"  # stdin
        )
    )


def test_what_is_written_can_be_read():
    message = {
        "id": "c",
        "metadata": {"name": "main", "attempt": 2},
        "state": "CONTAINER_EXITED",
        "created_at": 1_790_000_000_000_000_000,
        "exit_code": -1,
        "labels": {"a": "", "": "b"},
        "mounts": [{"host_path": "/x", "propagation": "PROPAGATION_BIDIRECTIONAL"}],
    }
    read = codec.decode("ContainerStatus", codec.encode("ContainerStatus", message))
    plain = {key: value for key, value in message.items() if key != "mounts"}
    assert {key: read[key] for key in plain} == plain
    assert [(one["host_path"], one["propagation"]) for one in read["mounts"]] == [
        ("/x", "PROPAGATION_BIDIRECTIONAL")
    ]


def test_what_was_not_sent_is_zero_and_messages_are_absent():
    read = codec.decode("ContainerStatus", b"")
    assert (read["id"], read["state"], read["exit_code"], read["labels"], read["mounts"]) == (
        "", "CONTAINER_CREATED", 0, {}, [],
    )  # fmt: skip
    assert "metadata" not in read


def test_zero_is_not_written_but_an_empty_message_is():
    assert codec.encode("LinuxContainerSecurityContext", {"privileged": False, "run_as_user": None}) == b""
    assert codec.encode("LinuxContainerSecurityContext", {"run_as_user": {"value": 0}}) == b"\x2a\x00"


def test_packed_and_single_numbers_are_the_same_list():
    packed = b"\x42\x03\x01\xac\x02"
    single = b"\x40\x01\x40\xac\x02"
    for data in (packed, single):
        assert codec.decode("LinuxContainerSecurityContext", data)["supplemental_groups"] == [1, 300]


def test_unknown_fields_and_enum_values_of_later_versions_are_passed_over():
    later = b"\xf8\x07\x01" + b"\xfa\x07\x02hi" + b"\x18\x63"
    assert codec.decode("ContainerStatus", later)["state"] == "99"


def test_a_field_that_the_message_does_not_have_is_refused():
    with pytest.raises(codec.Malformed, match="no field nonsense"):
        codec.encode("VersionRequest", {"nonsense": "x"})


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05ab", b"\x0b", b"\xff" * 11, b"\x08\x01"])
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(codec.Malformed):
        codec.decode("ContainerStatus", data)
