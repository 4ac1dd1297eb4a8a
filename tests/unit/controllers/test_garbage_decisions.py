"""Who goes, who stays, who is set free: the garbage collector's rules."""

from podling.api import kinds
from podling.controllers.garbagecollector import decide
from podling.controllers.garbagecollector.decide import Standing
from podling.controllers.garbagecollector.graph import FOREGROUND, ORPHAN, Graph, Node, Owner


def owner(uid, *, blocks=False):
    return Owner("v1", "ConfigMap", uid, uid, blocks)


def node(uid, *owners, deleting=False, finalizer=""):
    return Node(kinds.CONFIG_MAP, "default", uid, uid, owners, deleting, finalizer)


def test_an_object_with_a_living_owner_stays():
    held = [(owner("a"), Standing.THERE)]
    assert decide.of_dependent(node("x"), held, ()) == decide.Leave()


def test_an_object_all_of_whose_owners_are_gone_goes_as_its_finalizers_say():
    gone = [(owner("a"), Standing.GONE), (owner("b"), Standing.GONE)]
    assert decide.of_dependent(node("x"), gone, ()) == decide.Delete("Background")
    assert decide.of_dependent(node("x", finalizer=ORPHAN), gone, ()) == decide.Delete("Orphan")
    assert decide.of_dependent(node("x", finalizer=FOREGROUND), gone, ()) == decide.Delete("Foreground")


def test_one_living_owner_saves_it_and_the_others_are_crossed_out():
    mixed = [(owner("a"), Standing.THERE), (owner("b"), Standing.GONE), (owner("c"), Standing.WAITING)]
    assert decide.of_dependent(node("x"), mixed, ()) == decide.DropOwners(frozenset("bc"))


def test_an_owner_that_waits_takes_its_dependents_with_theirs_in_the_foreground():
    waiting = [(owner("a"), Standing.WAITING)]
    assert decide.of_dependent(node("x"), waiting, ()) == decide.Delete("Background")
    assert decide.of_dependent(node("x"), waiting, [node("y")]) == decide.Delete("Foreground")


def test_a_circle_that_would_wait_for_itself_is_unblocked():
    waiting = [(owner("a"), Standing.WAITING)]
    also_waits = node("a", deleting=True, finalizer=FOREGROUND)
    assert decide.of_dependent(node("x"), waiting, [also_waits]) == decide.Delete("Foreground", unblock=True)


def test_an_owner_waits_for_those_that_block_it_only():
    me = node("me", deleting=True, finalizer=FOREGROUND)
    free, blocking = node("f", owner("me")), node("b", owner("me", blocks=True))
    going = node("g", owner("me", blocks=True), deleting=True, finalizer=FOREGROUND)
    assert decide.of_deleting(me, [free]) == decide.LetGo()
    assert decide.of_deleting(me, [free, blocking, going]) == decide.AskDependents(("b",))
    assert decide.of_deleting(node("me", deleting=True), [blocking]) == decide.Leave()


def test_orphaning_frees_every_dependent():
    me = node("me", deleting=True, finalizer=ORPHAN)
    one = node("o", owner("me"))
    assert decide.of_deleting(me, [one]) == decide.FreeDependents((one,))


def test_changes_that_concern_no_owner_bring_nobody_up():
    graph = Graph()
    assert graph.put(node("a")) == []
    assert graph.put(node("x", owner("a"))) == ["x"]
    assert graph.put(node("x", owner("a"))) == []
    assert graph.drop("a") == ["x"]
    assert graph.dependents("a") == [node("x", owner("a"))]


def test_a_waiting_owner_is_brought_up_when_a_dependent_leaves_or_lets_go():
    graph = Graph()
    graph.put(node("a", deleting=True, finalizer=FOREGROUND))
    graph.put(node("x", owner("a", blocks=True)))
    graph.put(node("y", owner("a", blocks=True)))
    assert graph.drop("x") == ["a"]
    assert graph.put(node("y")) == ["a"]
    assert graph.dependents("a") == []
