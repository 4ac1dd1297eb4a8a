"""Paths and field errors print as k8s.io/apimachinery/pkg/util/validation/field does."""

from __future__ import annotations

from typing import Any

import pytest

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

IMAGE = Path("spec") / "containers" / 0 / "image"


def test_a_path_prints_fields_indices_and_keys() -> None:
    assert str(IMAGE) == "spec.containers[0].image"
    assert str(Path("metadata", "labels").key("a/b")) == "metadata.labels[a/b]"


def test_a_path_may_be_walked_down_several_ways() -> None:
    root = Path("spec")
    assert (str(root / "a"), str(root / "b"), str(root)) == ("spec.a", "spec.b", "spec")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (field.required(IMAGE), "spec.containers[0].image: Required value"),
        (field.required(IMAGE, "must be set"), "spec.containers[0].image: Required value: must be set"),
        (field.invalid(IMAGE, " x", "no blanks"), 'spec.containers[0].image: Invalid value: " x": no blanks'),
        (field.invalid(IMAGE, 70000, "too big"), "spec.containers[0].image: Invalid value: 70000: too big"),
        (field.invalid(IMAGE, 1.5, "d"), "spec.containers[0].image: Invalid value: 1.5: d"),
        (field.invalid(IMAGE, True, "d"), "spec.containers[0].image: Invalid value: true: d"),
        (field.invalid(IMAGE, None, "d"), "spec.containers[0].image: Invalid value: null: d"),
        (
            field.invalid(IMAGE, {"b": 1, "a": "<"}, "d"),
            'spec.containers[0].image: Invalid value: {"a":"\\u003c","b":1}: d',
        ),
        (
            field.invalid(IMAGE, core_v1.ConfigMapKeySelector(name="n", key="k"), "d"),
            'spec.containers[0].image: Invalid value: {"key":"k","name":"n"}: d',
        ),
        (field.duplicate(IMAGE, "x"), 'spec.containers[0].image: Duplicate value: "x"'),
        (field.not_found(IMAGE, "vol"), 'spec.containers[0].image: Not found: "vol"'),
        (field.forbidden(IMAGE, "not now"), "spec.containers[0].image: Forbidden: not now"),
        (field.too_long(IMAGE, 63), "spec.containers[0].image: Too long: may not be more than 63 bytes"),
        (field.too_many(IMAGE, 3, 1), "spec.containers[0].image: Too many: 3: must have at most 1 item"),
        (field.too_many(IMAGE, None, 2), "spec.containers[0].image: Too many: must have at most 2 items"),
        (field.type_invalid(IMAGE, "x", "int"), 'spec.containers[0].image: Invalid value: "x": int'),
        (field.internal(IMAGE, "oh"), "spec.containers[0].image: Internal error: oh"),
        (
            field.not_supported(IMAGE, "x", ["a", "b"]),
            'spec.containers[0].image: Unsupported value: "x": supported values: "a", "b"',
        ),
    ],
)
def test_an_error_prints_as_upstream(error: FieldError, text: str) -> None:
    assert str(error) == text
    assert text == f"{error.field}: {error.body}"


def test_one_error_stands_alone_and_several_are_bracketed_without_repetition() -> None:
    one, two = field.required(Path("a")), field.required(Path("b"))
    assert field.aggregate([one]) == "a: Required value"
    assert field.aggregate([one, two, one]) == "[a: Required value, b: Required value]"
    assert field.aggregate([one, one]) == "a: Required value"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('a"b', '"a\\"b"'),
        ("tab\t", '"tab\\t"'),
        ("\x00\x7f", '"\\x00\\x7f"'),
        ("é\u200b", '"é\\u200b"'),
        ("\\", '"\\\\"'),
    ],
)
def test_text_is_quoted_as_go_quotes(value: Any, text: str) -> None:
    assert field.duplicate(Path("x"), value).body == f"Duplicate value: {text}"
