"""Bytes that are held for clients, by owner."""

from __future__ import annotations

from podling.apiserver.budget import Budget


def test_nobody_gets_more_than_half():
    budget = Budget(100)
    assert budget.take("eve", 30)
    assert not budget.take("eve", 30)
    assert budget.take("eve", 20)
    assert budget.take("ann", 50)


def test_all_together_get_no_more_than_the_limit():
    budget = Budget(100)
    assert budget.take("eve", 40)
    assert budget.take("ann", 40)
    assert not budget.take("bob", 40)
    budget.give("eve", 40)
    assert budget.take("bob", 40)


def test_when_nothing_is_held_anything_goes():
    budget = Budget(100)
    assert budget.take("ann", 1000)
    assert not budget.take("eve", 1)
    budget.give("ann", 1000)
    assert budget.used == 0


def test_a_hold_gives_back_all_that_it_took():
    budget = Budget(100)
    with budget.hold() as hold:
        assert hold.take("10.0.0.1", 10)
        assert hold.take("ann", 40)
        assert not hold.take("ann", 40)
        assert budget.used == 50
    hold.give_all()
    assert budget.used == 0


def test_nothing_is_held_for_nobody():
    budget = Budget(100)
    with budget.hold() as one, budget.hold() as other:
        assert one.take("10.0.0.1", 0)
        assert other.take("10.0.0.1", 10)
        other.give_all()
    assert budget.used == 0
