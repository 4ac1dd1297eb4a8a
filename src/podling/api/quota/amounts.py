"""Sums and comparisons of named amounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podling.api import quantity
from podling.api.quantity import Quantity

Amounts = dict[str, Quantity]


def parsed(spelled: Mapping[str, str] | None) -> Amounts:
    return {name: quantity.parse(text) for name, text in (spelled or {}).items()}


def spelled(amounts: Mapping[str, Quantity]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


def added(one: Mapping[str, Quantity], other: Mapping[str, Quantity]) -> Amounts:
    """The sum; a name that only one side has keeps its amount."""
    total = dict(one)
    for name, amount in other.items():
        total[name] = total[name] + amount if name in total else amount
    return total


def increase(new: Mapping[str, Quantity], old: Mapping[str, Quantity]) -> Amounts:
    """By how much each amount has grown; what shrank counts as nothing, as it is given back by counting again."""
    grown = {name: amount - old[name] if name in old else amount for name, amount in new.items()}
    return {name: amount for name, amount in grown.items() if amount > quantity.ZERO}


def masked(amounts: Mapping[str, Quantity], names: Iterable[str]) -> Amounts:
    kept = set(names)
    return {name: amount for name, amount in amounts.items() if name in kept}


def beyond(amounts: Mapping[str, Quantity], limits: Mapping[str, Quantity]) -> list[str]:
    """The names whose amount is above its limit."""
    return [name for name, amount in amounts.items() if name in limits and amount > limits[name]]


def shown(amounts: Mapping[str, Quantity]) -> str:
    """As refusals show them: `cpu=1,pods=2`."""
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))
