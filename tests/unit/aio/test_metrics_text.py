"""Prometheus' text form of what is counted."""

from __future__ import annotations

import pytest

from podling.aio.metrics import Family, Histogram, number, text

ASKED = Family("asked_total", "counter", ("verb", "code"), "Questions.", "STABLE")
LASTED = Family("lasted_seconds", "histogram", ("verb",), "Seconds.", "ALPHA", (0.5, 1.0, 1e6))


def test_samples_come_in_order_with_their_labels_sorted_by_name():
    assert "".join(text(ASKED, [(("get", "404"), 1), (("get", "200"), 20)])) == (
        "# HELP asked_total [STABLE] Questions.\n"
        "# TYPE asked_total counter\n"
        'asked_total{code="200",verb="get"} 20\n'
        'asked_total{code="404",verb="get"} 1\n'
    )


def test_a_family_without_samples_is_not_told():
    assert "".join(text(ASKED, [])) == ""


def test_a_histogram_counts_upwards():
    seen = Histogram(LASTED.buckets)
    for value in (0.1, 0.5, 0.75, 2e6):
        seen.observe(LASTED.buckets, value)
    assert "".join(text(LASTED, [(("get",), seen)])).splitlines()[2:] == [
        'lasted_seconds_bucket{verb="get",le="0.5"} 2',
        'lasted_seconds_bucket{verb="get",le="1"} 3',
        'lasted_seconds_bucket{verb="get",le="1e+06"} 3',
        'lasted_seconds_bucket{verb="get",le="+Inf"} 4',
        'lasted_seconds_sum{verb="get"} 2000001.35',
        'lasted_seconds_count{verb="get"} 4',
    ]


def test_bounds_can_be_dropped_and_histograms_added():
    one, other = Histogram((1, 2, 3)), Histogram((1, 2, 3))
    for value in (0.5, 1.5, 2.5, 9):
        one.observe((1, 2, 3), value)
        other.observe((1, 2, 3), value)
    one.add(other)
    assert one.without_first(2).counts == [6, 2]
    assert one.without_first(2).total == 27


def test_labels_may_hold_anything():
    assert '{code="a\\"b\\\\c\\n",verb="x"}' in "".join(text(ASKED, [(("x", 'a"b\\c\n'), 1)]))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (1.0, "1"),
        (0.005, "0.005"),
        (1.25, "1.25"),
        (10000, "10000"),
        (1e9, "1e+09"),
        (1234567, "1234567"),
    ],
)
def test_numbers_are_written_as_go_writes_them(value, words):
    assert number(value) == words
