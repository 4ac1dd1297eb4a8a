"""Numbers, percentages and names (k8s.io/apimachinery/pkg/util/intstr)."""

from __future__ import annotations

import pytest

from podling.api import intstr


@pytest.mark.parametrize(
    ("value", "total", "up", "down"),
    [(3, 10, 3, 3), ("25%", 10, 3, 2), ("100%", 7, 7, 7), ("0%", 7, 0, 0), ("30%", 10, 3, 3)],
)
def test_percentages_are_scaled_and_rounded_as_asked(
    value: int | str, total: int, up: int, down: int
) -> None:
    assert intstr.scaled(value, total, round_up=True) == up
    assert intstr.scaled(value, total, round_up=False) == down


def test_other_text_is_no_share() -> None:
    with pytest.raises(ValueError, match="string is not a percentage"):
        intstr.scaled("http", 10, round_up=True)


def test_text_that_is_a_number_becomes_one() -> None:
    assert intstr.parse("80") == 80
    assert intstr.parse("http") == "http"
