"""Quantities as k8s.io/apimachinery/pkg/api/resource reads, prints and adds them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.api import quantity
from podling.api.quantity import Format, QuantityError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        # apimachinery's quantity.go (doc comment) and quantity_test.go (TestQuantityParse, TestQuantityString)
        ("0", "0"),
        ("0n", "0"),
        ("0Ki", "0"),
        ("1.5", "1500m"),
        ("1.5Gi", "1536Mi"),
        ("0.1", "100m"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("1100m", "1100m"),
        ("1000", "1k"),
        ("1000k", "1M"),
        ("1e3", "1e3"),
        ("1000e3", "1e6"),
        ("12E6", "12E6"),
        ("100Ki", "100Ki"),
        ("1024Ki", "1Mi"),
        ("1Ki", "1Ki"),
        ("0.5Ki", "512"),
        ("1024", "1024"),
        ("0.5Mi", "512Ki"),
        ("1.1Mi", "1153433600m"),
        ("-1Gi", "-1Gi"),
        ("-0.5", "-500m"),
        ("0.1n", "1n"),
        ("0.0000000001", "1n"),
        ("1.0000000001", "1000000001n"),
        ("1E", "1E"),
        ("100E", "100E"),
        (".5", "500m"),
        ("9223372036854775807", "9223372036854775807"),
        ("16Ei", "9223372036854775807"),
    ],
)
def test_canonical_form(text: str, canonical: str) -> None:
    assert quantity.canonical(text) == canonical


@pytest.mark.parametrize("text", ["1.500", "+5", "012", "1."])
def test_a_spelling_that_upstream_takes_for_canonical_is_kept(text: str) -> None:
    # ParseQuantity reuses the string where the digits need no shifting (quantity.go, "if the number is in canonical form")
    assert quantity.canonical(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
        (
            "1.1.1",
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            "1 Gi",
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            "abc",
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        ("1mi", "unable to parse quantity's suffix"),
        ("1ki", "unable to parse quantity's suffix"),
        ("1e", "unable to parse quantity's suffix"),
        (
            "1KiB",
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_what_is_no_quantity_is_refused_in_upstreams_words(text: str, message: str) -> None:
    with pytest.raises(QuantityError) as caught:
        quantity.parse(text)
    assert str(caught.value) == message


def test_whole_and_milli_values_are_rounded_up() -> None:
    assert quantity.parse("1100m").value() == 2
    assert quantity.parse("1u").milli_value() == 1
    assert quantity.parse("-1100m").value() == -2
    assert quantity.parse("1.5Gi").value() == 3 * 2**29
    assert quantity.parse("250m").milli_value() == 250


def test_resource_lists_are_rounded_up_to_milli_and_respelled() -> None:
    assert quantity.canonical_resource("1.500") == "1500m"
    assert quantity.canonical_resource("100u") == "1m"
    assert quantity.canonical_resource("1Gi") == "1Gi"
    assert quantity.canonical_resource("1.1Mi") == "1153433600m"


def test_comparison_is_by_value() -> None:
    assert quantity.parse("1") == quantity.parse("1000m")
    assert hash(quantity.parse("1Ki")) == hash(quantity.parse("1024"))
    assert quantity.parse("1Gi") > quantity.parse("1G")
    assert quantity.parse("1") != "1"


def test_a_sum_is_written_as_its_first_part_unless_that_is_zero() -> None:
    assert str(quantity.parse("1Gi") + quantity.parse("1024")) == "1048577Ki"
    assert str(quantity.ZERO + quantity.parse("1Gi")) == "1Gi"
    assert str(quantity.parse("500m") + quantity.parse("500m")) == "1"
    assert str(quantity.parse("1") - quantity.parse("250m")) == "750m"
    assert str(quantity.total([quantity.parse("1Mi"), quantity.parse("3Mi")])) == "4Mi"
    assert str(quantity.total([])) == "0"


def test_made_from_numbers() -> None:
    assert str(quantity.of(2**30, Format.BINARY_SI)) == "1Gi"
    assert str(quantity.milli(1500)) == "1500m"
    assert str(quantity.milli(2000)) == "2"


SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12}


@given(st.integers(-(10**12), 10**12), st.sampled_from(sorted(SUFFIXES)))
def test_canonical_text_reads_back_as_the_same_amount(number: int, suffix: str) -> None:
    amount = quantity.parse(f"{number}{suffix}")
    assert Fraction(amount.nanos, 10**9) == number * Fraction(10) ** SUFFIXES[suffix]
    assert quantity.parse(str(amount)) == amount


@given(st.integers(0, 2**40), st.sampled_from(["Ki", "Mi"]))
def test_binary_text_reads_back_as_the_same_amount(number: int, suffix: str) -> None:
    amount = quantity.parse(f"{number}{suffix}")
    assert amount.value() == min(number * {"Ki": 2**10, "Mi": 2**20}[suffix], 2**63 - 1)
    assert quantity.parse(str(amount)) == amount
