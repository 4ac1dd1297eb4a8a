"""Times on the wire, and how kubectl would say how long ago they were."""

from __future__ import annotations

import pytest

from podling.api import times


def test_seconds_and_micros_round_trip() -> None:
    assert times.rfc3339(0) == "1970-01-01T00:00:00Z"
    assert times.rfc3339(1714564800.999) == "2024-05-01T12:00:00Z"
    assert times.rfc3339_micro(1714564800.25) == "2024-05-01T12:00:00.250000Z"
    assert times.rfc3339_nano(1714564800_000000001) == "2024-05-01T12:00:00.000000001Z"
    assert times.parse("2024-05-01T12:00:00.250000Z") == 1714564800.25


def test_a_fraction_just_below_a_second_does_not_spill_over() -> None:
    assert times.rfc3339_micro(0.9999999) == "1970-01-01T00:00:01.000000Z"


def test_offsets_are_brought_to_utc() -> None:
    assert times.parse("2024-05-01T14:00:00+02:00") == times.parse("2024-05-01T12:00:00Z")
    assert times.parse("2024-05-01T06:30:00-05:30") == times.parse("2024-05-01T12:00:00Z")


@pytest.mark.parametrize(
    "text", ["", "2024-05-01", "2024-05-01T12:00:00", "2024-13-01T12:00:00Z", "2024-05-01 12:00:00Z", "x"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        times.parse(text)


MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        # k8s.io/apimachinery/pkg/util/duration/duration_test.go
        (-2, "<invalid>"),
        (-1, "0s"),
        (-0.5, "0s"),
        (0, "0s"),
        (70 * 1, "70s"),
        (119, "119s"),
        (2 * MINUTE, "2m"),
        (2 * MINUTE + 1, "2m1s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE + 30, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + MINUTE, "3h1m"),
        (8 * HOUR, "8h"),
        (8 * HOUR + 30 * MINUTE, "8h"),
        (47 * HOUR + 59 * MINUTE, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + DAY, "2y1d"),
        (8 * YEAR, "8y"),
    ],
)
def test_durations_are_told_to_two_or_three_figures(seconds: float, text: str) -> None:
    assert times.human_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600), ("1h0m0s", 3600), ("90s", 90), ("1.5h", 5400), ("250ms", 0.25), ("-2m", -120), ("0", 0)],
)
def test_durations_are_read_as_go_writes_them(text: str, seconds: float) -> None:
    assert times.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "1 h", "1h ", "1d", "an hour", "--1h", "1h-2m"])
def test_what_go_would_not_read_as_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="as a duration"):
        times.parse_duration(text)
