"""What nodes and Pods use, from what kubelets say: reading it, rates of it, which samples are kept."""

from __future__ import annotations

import pytest

from podling.apiserver.usage.collector import Track
from podling.apiserver.usage.rates import Usage, between, of_pod
from podling.apiserver.usage.samples import PodName, Point, Sample, parse

MIB = 1 << 20
TEXT = """\
# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="main",namespace="default",pod="web"} 4.5 1700000000500
container_memory_working_set_bytes{container="main",namespace="default",pod="web"} 1.048576e+06 1700000000500
container_start_time_seconds{container="main",namespace="default",pod="web"} 1.69999990025e+09
container_swap_usage_bytes{container="main",namespace="default",pod="web"} 0 1700000000500
node_cpu_usage_seconds_total 1000.25 1700000000000
node_memory_working_set_bytes 2.097152e+06 1700000000000
pod_cpu_usage_seconds_total{namespace="default",pod="web"} 4.5 1700000000500
resource_scrape_error 0
nonsense
container_cpu_usage_seconds_total{container="odd",namespace="default",pod="web"} much 1700000000500
"""


def test_what_a_kubelet_says_is_read():
    sample = parse(TEXT, now=5.0)
    assert sample.taken == 5.0
    assert sample.node == Point(at=1_700_000_000.0, cpu=1000.25, memory=2 * MIB)
    pod = sample.pods[PodName("default", "web")]
    assert pod["main"] == Point(at=1_700_000_000.5, cpu=4.5, memory=MIB, started=1_699_999_900.25)


def test_a_number_that_is_none_is_not_known():
    assert parse(TEXT, now=5.0).pods[PodName("default", "web")]["odd"].cpu is None


def test_where_a_kubelet_gives_no_time_it_is_now():
    assert parse("node_cpu_usage_seconds_total 7\n", now=5.0).node == Point(at=5.0, cpu=7.0)


def test_a_rate_is_the_time_spent_over_the_time_gone():
    before, now = Point(at=100, cpu=10, memory=0, started=50), Point(at=110, cpu=15, memory=MIB, started=50)
    assert between(before, now) == Usage(500_000_000, MIB, 110, 10)


@pytest.mark.parametrize(
    "before", [None, Point(at=100, cpu=90, memory=0, started=20), Point(at=100, cpu=2, memory=0, started=20)]
)
def test_what_started_since_is_measured_from_its_start(before: Point | None):
    assert between(before, Point(at=108, cpu=2, memory=0, started=104)) == Usage(500_000_000, 0, 108, 4)


@pytest.mark.parametrize(
    "now",
    [
        Point(at=110, cpu=None, memory=1),
        Point(at=110, cpu=1, memory=None),
        Point(at=100, cpu=11, memory=1, started=50),
        Point(at=100, cpu=1, memory=1, started=100),
    ],
    ids=["no CPU", "no memory", "no time between", "just started"],
)
def test_what_cannot_be_said_is_not_said(now: Point):
    assert between(Point(at=100, cpu=10, memory=0, started=50), now) is None


def test_a_pod_is_told_whole_or_not_at_all():
    known = Point(at=110, cpu=1, memory=1, started=100)
    assert list(of_pod({}, {"b": known, "a": known}) or ()) == ["a", "b"]
    assert of_pod({}, {"a": known, "b": Point(at=110)}) is None
    assert of_pod({}, {}) is None


def test_a_sample_serves_for_a_second():
    track = Track([Sample(100.0)])
    assert track.is_fresh(100.9)
    assert not track.is_fresh(101.0)


def test_two_samples_half_a_second_apart_make_a_pair():
    track = Track([Sample(100.0)])
    assert track.pair() is None
    track.add(Sample(100.4))
    assert track.pair() is None
    track.add(Sample(100.5))
    pair = track.pair()
    assert pair is not None
    assert (pair.before.taken, pair.now.taken) == (100.0, 100.5)


def test_of_many_samples_few_are_kept_and_the_window_is_a_quarter_of_a_minute():
    track = Track()
    for second in range(300):
        track.add(Sample(float(second)))
        assert len(track.samples) <= 14
        pair = track.pair()
        if second >= 20:
            assert pair is not None
            assert 10 <= pair.now.taken - pair.before.taken <= 20


def test_after_a_silence_one_begins_anew():
    track = Track([Sample(100.0)])
    track.add(Sample(161.0))
    assert track.pair() is None
