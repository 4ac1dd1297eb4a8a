"""Which images go when the disk fills up, as tables."""

from __future__ import annotations

import pytest

from podling.agent.imagegc.decision import (
    Disk,
    Policy,
    Seen,
    enough,
    excess,
    noticed,
    of_age,
    outdated,
    removable,
)
from podling.runtime.interface import Image

DEFAULT = Policy()


def image(name: str, *, size: int = 10, pinned: bool = False) -> Image:
    return Image(id=name, repo_tags=(f"r.io/{name}:1",), repo_digests=(), size=size, pinned=pinned)


@pytest.mark.parametrize(
    ("used_percent", "high", "low", "freed"),
    [
        (84, 85, 80, 0),
        (85, 85, 80, 50),
        (99, 85, 80, 190),
        (90, 90, 90, 0),  # at the threshold, which is also the aim
        (100, 100, 0, 1000),
        (0, 0, 0, 0),
    ],
)
def test_disk_is_freed_from_the_high_threshold_down_to_the_low_one(
    used_percent: int, high: int, low: int, freed: int
):
    disk = Disk(1000, 1000 - used_percent * 10)
    assert excess(Policy(high_percent=high, low_percent=low), disk) == freed


def test_more_space_than_there_is_counts_as_all_of_it():
    assert excess(DEFAULT, Disk(1000, 5000)) == 0


@pytest.mark.parametrize(("high", "low"), [(101, 0), (-1, -1), (80, 85), (85, 101)])
def test_thresholds_that_make_no_sense_are_refused(high: int, low: int):
    with pytest.raises(ValueError):
        Policy(high_percent=high, low_percent=low).validate()


def test_only_no_threshold_and_no_age_is_off():
    assert Policy(high_percent=100).is_off
    assert not Policy(high_percent=100, max_age=1).is_off
    assert not DEFAULT.is_off


def test_use_is_noted_by_id_and_by_any_name_and_what_is_gone_is_forgotten():
    known = {"gone": Seen(1.0), "old": Seen(1.0, 2.0)}
    seen = noticed(known, [image("old"), image("new"), image("named")], {"r.io/named:1"}, now=9.0)
    assert seen == {"old": Seen(1.0, 2.0), "new": Seen(9.0), "named": Seen(9.0, 9.0)}


def test_longest_unused_goes_first_then_longest_here_and_what_is_used_or_pinned_stays():
    images = [image("b"), image("a"), image("c"), image("used"), image("kept", pinned=True)]
    seen = {
        "a": Seen(5.0, 1.0),
        "b": Seen(2.0, 3.0),
        "c": Seen(1.0, 3.0),
        "used": Seen(0.0),
        "kept": Seen(0.0),
    }
    assert [one.id for one in removable(images, seen, {"used"})] == ["a", "c", "b"]


def test_young_images_stay():
    images = [image("young"), image("grown")]
    seen = {"young": Seen(81.0), "grown": Seen(80.0)}
    assert [one.id for one in of_age(DEFAULT, images, seen, now=200.0)] == ["grown"]


@pytest.mark.parametrize(
    ("max_age", "now", "gone"),
    [
        (0.0, 1e9, []),
        (100.0, 1100.0, []),  # the agent has not looked for long enough to know
        (100.0, 1101.0, ["never", "long-ago"]),
        (100.0, 1150.1, ["never", "long-ago", "lately"]),
    ],
)
def test_long_unused_images_go_once_it_can_be_known(max_age: float, now: float, gone: list[str]):
    images = [image("never"), image("long-ago"), image("lately")]
    seen = {"never": Seen(0.0), "long-ago": Seen(0.0, 1000.0), "lately": Seen(0.0, 1050.0)}
    found = outdated(Policy(max_age=max_age), images, seen, now=now, since=1000.0)
    assert [one.id for one in found] == gone


@pytest.mark.parametrize(("wanted", "taken"), [(0, 0), (1, 1), (10, 1), (11, 2), (1000, 3)])
def test_no_more_than_needed_is_taken(wanted: int, taken: int):
    assert len(enough([image("a"), image("b"), image("c")], wanted)) == taken
