"""Backoff: the rule and the streak."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.aio.backoff import Backoff, Streak

CRASH_LOOP = Backoff(first=10, cap=300, reset_after=600)


def test_delays_double_up_to_the_cap():
    assert [CRASH_LOOP.delay(n) for n in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_million_failures_do_not_overflow():
    assert CRASH_LOOP.delay(1_000_000) == 300


@given(failures=st.integers(1, 100), seed=st.integers())
def test_jitter_only_lengthens_and_comes_from_the_given_random(failures, seed):
    rule = Backoff(first=1, cap=60, jitter=0.5)
    plain = Backoff(first=1, cap=60).delay(failures)
    jittered = rule.delay(failures, Random(seed))
    assert plain <= jittered <= plain * 1.5
    assert jittered == rule.delay(failures, Random(seed))


def test_a_quiet_period_forgets_the_streak():
    streak = Streak(CRASH_LOOP)
    assert [streak.fail(now) for now in (0, 10, 30)] == [10, 20, 40]
    assert streak.fail(30 + 599) == 80
    assert streak.fail(629 + 600) == 10


def test_remaining_counts_down_from_the_last_failure():
    streak = Streak(CRASH_LOOP)
    assert streak.remaining(0) == 0
    streak.fail(100)
    assert (streak.remaining(104), streak.remaining(110), streak.remaining(200)) == (6, 0, 0)


def test_a_nonsensical_rule_is_refused():
    with pytest.raises(ValueError, match="first <= cap"):
        Backoff(first=10, cap=5)
