"""YAML as Kubernetes reads and writes it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from podling.api import codec, kinds


def load(text: str) -> dict[str, Any]:
    (document,) = codec.yaml_load_all(text, name="pod.yaml")
    return document


def refusal(text: str) -> str:
    with pytest.raises(codec.Malformed) as caught:
        codec.yaml_load_all(text, name="pod.yaml")
    return str(caught.value)


def test_documents_are_read_in_order_and_empty_ones_left_out() -> None:
    assert codec.yaml_load_all("---\na: 1\n---\n# nothing\n---\nb: 2\n", name="x") == [{"a": 1}, {"b": 2}]
    assert codec.yaml_load_all("", name="x") == []
    assert codec.yaml_load_all(b'{"a": [1, null, "x"]}', name="x") == [{"a": [1, None, "x"]}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"),
        ("2001-12-14", "2001-12-14"),
        ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("08", 8),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("yes", True),
        ("off", False),
        ("~", None),
        ("1.2.3", "1.2.3"),
        ("12345678901234567890", 12345678901234567890),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("1Gi", "1Gi"),
    ],
)
def test_plain_scalars_are_what_go_takes_them_for(text: str, value: Any) -> None:
    assert load(f"a: {text}")["a"] == value
    assert type(load(f"a: {text}")["a"]) is type(value)


def test_keys_become_text() -> None:
    assert load("1: a\ntrue: b\n1.5: c") == {"1": "a", "true": "b", "1.5": "c"}


def test_anchors_and_merge_keys_work_and_own_keys_win() -> None:
    assert load("base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}")["c"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 'pod.yaml: line 4: key "c" already set in map at line 3'),
        ("a: b: c\n", "pod.yaml: line 1: mapping values are not allowed in this context"),
        ("a:\n\t- b\n", "pod.yaml: line 2: found character that cannot start any token"),
        ("---\na: 1\n---\n- b\n", "pod.yaml: line 4: a document must be a mapping"),
        (
            "a: !!binary aGk=\n",
            "pod.yaml: line 1: could not determine a constructor for the tag 'tag:yaml.org,2002:binary'",
        ),
        ("a: .nan\n", "pod.yaml: line 1: JSON has no number .nan"),
        ("a: &x [*x]\n", "pod.yaml: line 1: found unconstructable recursive node"),
        ("? [a]\n: b\n", "pod.yaml: line 1: a key must be text"),
    ],
)
def test_an_error_names_file_and_line(text: str, why: str) -> None:
    assert refusal(text) == why


def test_a_document_that_would_unfold_without_bound_is_refused() -> None:
    names = "abcdefghij"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in pairwise(names)]
    assert refusal("\n".join(lines)) == "pod.yaml: line 1: document contains excessive aliasing"


def test_what_is_written_reads_as_the_same() -> None:
    texts = [
        "1e3",
        "yes",
        "0644",
        "1:30",
        "2001-01-01",
        "null",
        "a\nb\n",
        "a\nb",
        "é",
        "",
        " x",
        "#x",
        "{",
        "y",
        "1_0",
        ".5",
    ]
    value = {"texts": texts, "nested": [{"a": 1, "b": [1.5, None, True]}, []], "map": {}}
    assert load(codec.yaml_dump(value)) == value


def test_objects_are_written_as_kubectl_prints_them() -> None:
    found = codec.from_dict(
        kinds.CONFIG_MAP, {"metadata": {"name": "a", "labels": {"x": "1"}}, "data": {"k": "l1\nl2\n"}}
    )
    assert codec.yaml_dump(found) == (
        "apiVersion: v1\ndata:\n  k: |\n    l1\n    l2\nkind: ConfigMap\nmetadata:\n  labels:\n    x: '1'\n  name: a\n"
    )
