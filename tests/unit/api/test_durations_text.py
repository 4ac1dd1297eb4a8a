"""Durations as Go prints them, and back."""

from __future__ import annotations

import pytest

from podling.api import durations


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (500_000_000, "500ms"),
        (15_020_000_000, "15.02s"),
        (60_000_000_000, "1m0s"),
        (3_600_500_000_000, "1h0m0.5s"),
        (-2_000_000_000, "-2s"),
    ],
)
def test_a_duration_reads_as_it_was_written(nanoseconds: int, text: str):
    assert durations.text(nanoseconds) == text
    assert durations.parse(text) == nanoseconds
