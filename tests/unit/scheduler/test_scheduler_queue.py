"""The scheduling queue: priority, back-off, and that no event is slept through."""

from podling.api.types import core_v1, meta_v1
from podling.scheduler.framework import Cause
from podling.scheduler.queue import SchedulingQueue, Waiting


def pod(name: str, *, priority: int = 0, gates: list[str] | None = None, **labels: str) -> core_v1.Pod:
    spec = core_v1.PodSpec(
        priority=priority,
        scheduling_gates=[core_v1.PodSchedulingGate(name=gate) for gate in gates or ()] or None,
    )
    return core_v1.Pod(metadata=meta_v1.ObjectMeta(name=name, uid=name, labels=labels or None), spec=spec)


def queue() -> SchedulingQueue:
    """Rejections by plugin P are undone by removed Pods only, those by Q by new nodes only."""
    undone = {"P": Cause.POD_REMOVED, "Q": Cause.NODE_ADDED}
    return SchedulingQueue(
        lambda plugins, cause: cause is Cause.POD_CHANGED or any(undone[name] is cause for name in plugins)
    )


def popped(waiting: SchedulingQueue, now: float) -> Waiting:
    entry = waiting.pop(now=now)
    assert entry is not None
    return entry


def rejected(waiting: SchedulingQueue, *plugins: str, now: float) -> Waiting:
    entry = popped(waiting, now)
    waiting.reject(entry, frozenset(plugins), now=now)
    return entry


def test_higher_priority_goes_first_then_the_longer_wait() -> None:
    waiting = queue()
    for one in (pod("a"), pod("b", priority=10), pod("c"), pod("d", priority=10)):
        waiting.add(one, now=0)
    assert [popped(waiting, 0).uid for _ in range(4)] == ["b", "d", "a", "c"]
    assert waiting.pop(now=0) is None


def test_a_rejected_pod_waits_for_an_event_that_concerns_the_plugin_that_rejected_it() -> None:
    waiting = queue()
    waiting.add(pod("a"), now=0)
    rejected(waiting, "P", now=0)
    waiting.wake(Cause.NODE_ADDED, now=50)
    assert waiting.pop(now=50) is None
    waiting.wake(Cause.POD_REMOVED, now=50)
    assert popped(waiting, 50).uid == "a"


def test_backoff_doubles_from_one_second_to_ten() -> None:
    waiting = queue()
    waiting.add(pod("a"), now=0)
    now, waits = 0.0, []
    for _ in range(6):
        rejected(waiting, "P", now=now)
        waiting.wake(Cause.POD_REMOVED, now=now)
        assert waiting.pop(now=now) is None
        deadline = waiting.next_deadline()
        assert deadline is not None
        waits.append(deadline - now)
        now = deadline
    assert waits == [1, 2, 4, 8, 10, 10]


def test_who_came_a_moment_before_its_claim_is_tried_again_at_once_but_only_once() -> None:
    waiting = SchedulingQueue(lambda plugins, cause: True)
    waiting.add(pod("a"), now=0)
    rejected(waiting, "P", now=0)
    waiting.wake(Cause.CLAIM_CHANGED, now=0.01)
    rejected(waiting, "P", now=0.01)
    waiting.wake(Cause.CLAIM_CHANGED, now=0.02)
    assert waiting.pop(now=0.02) is None
    assert waiting.next_deadline() == 2.01


def test_an_event_during_the_cycle_is_not_missed() -> None:
    waiting = queue()
    waiting.add(pod("a"), now=0)
    entry = popped(waiting, 0)
    waiting.wake(Cause.NODE_ADDED, now=0.1)
    waiting.reject(entry, frozenset({"Q"}), now=0.2)
    assert waiting.next_deadline() == 1.2
    assert popped(waiting, 1.2).uid == "a"


def test_a_pod_that_nothing_wakes_is_tried_again_after_five_minutes() -> None:
    waiting = queue()
    waiting.add(pod("a"), now=0)
    rejected(waiting, "P", now=7)
    assert waiting.next_deadline() == 307
    assert waiting.pop(now=306) is None
    assert popped(waiting, 307).uid == "a"


def test_a_gated_pod_enters_when_its_last_gate_goes() -> None:
    waiting = queue()
    waiting.add(pod("a", gates=["quota"]), now=0)
    assert waiting.pop(now=0) is None
    assert waiting.statistics().gated == 1
    waiting.add(pod("a"), now=1)
    assert popped(waiting, 1).uid == "a"


def test_a_status_change_of_the_pod_itself_wakes_nobody_but_a_label_does() -> None:
    waiting = queue()
    waiting.add(pod("a"), now=0)
    rejected(waiting, "P", now=0)
    waiting.add(pod("a"), now=100)
    assert waiting.pop(now=100) is None
    waiting.add(pod("a", app="x"), now=100)
    assert popped(waiting, 100).uid == "a"


def test_a_pod_removed_while_it_waits_never_comes_back() -> None:
    waiting = queue()
    waiting.add(pod("a"), now=0)
    entry = popped(waiting, 0)
    waiting.remove("a")
    waiting.retry(entry, now=0)
    waiting.reject(entry, frozenset({"P"}), now=0)
    assert waiting.next_deadline() is None
    assert waiting.pop(now=1000) is None


def test_a_failed_binding_is_retried_after_its_backoff() -> None:
    waiting = queue()
    waiting.add(pod("a"), now=0)
    waiting.retry(popped(waiting, 0), now=0)
    assert waiting.pop(now=0.5) is None
    assert popped(waiting, 1).uid == "a"
