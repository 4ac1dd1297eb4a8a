"""Which events are due when: a queue in which nothing costs more because there is more of it, and whose times are ours."""

from podling.api import times
from podling.api.types import core_v1, meta_v1
from podling.apiserver.expiry import Deadlines, written

NOW = 1_700_000_000.0


def test_what_is_due_comes_oldest_first_and_no_more_than_was_asked_for():
    deadlines = Deadlines()
    for number in range(5):
        deadlines.set(f"e{number}", 10.0 + number)
    assert deadlines.take(9.9, 100) == []
    assert deadlines.wait(9.0) == 1.0
    assert deadlines.take(12.0, 2) == ["e0", "e1"]
    assert deadlines.wait(12.0) == 0.0
    assert deadlines.take(12.0, 2) == ["e2"]
    assert deadlines.wait(12.0) == 1.0


def test_an_event_that_is_written_again_goes_to_the_end():
    deadlines = Deadlines()
    deadlines.set("a", 10.0)
    deadlines.set("b", 11.0)
    deadlines.set("a", 12.0)
    assert len(deadlines) == 2
    assert deadlines.take(20.0, 100) == ["b", "a"]
    assert deadlines.wait(20.0) is None


def test_who_is_gone_is_not_due_and_what_could_not_be_deleted_is_first_again():
    deadlines = Deadlines()
    for name in "abc":
        deadlines.set(name, 10.0)
    deadlines.drop("b")
    deadlines.drop("never there")
    deadlines.set("d", 30.0)
    taken = deadlines.take(10.0, 100)
    deadlines.put_back(reversed(taken), 15.0)
    assert deadlines.take(15.0, 100) == taken == ["a", "c"]


def event(created, *, managed=None, last=None, series=None, at=None):
    """An event whose times, in seconds from `NOW`, were told by the server (the first two) and by its author."""

    def stamp(offset):
        return times.rfc3339(NOW + offset) if offset is not None else None

    owners = [meta_v1.ManagedFieldsEntry(time=stamp(managed))] if managed is not None else None
    return core_v1.Event(
        metadata=meta_v1.ObjectMeta(creation_timestamp=stamp(created), managed_fields=owners),
        last_timestamp=stamp(last),
        event_time=stamp(at),
        series=core_v1.EventSeries(last_observed_time=stamp(series)) if series is not None else None,
    )


def test_an_event_was_written_when_the_server_last_saw_it_and_never_later_than_now():
    assert written(event(-500), now=NOW) == NOW - 500
    assert written(event(-500, managed=-100, last=-400), now=NOW) == NOW - 100
    assert written(event(-500, series=-50, at=-500), now=NOW) == NOW - 50
    assert written(event(-500, last=1_000_000, at=2_000_000), now=NOW) == NOW, "an author cannot make it stay"
    assert written(event(-500, last=-90_000), now=NOW) == NOW - 500, "nor make it go"
