"""NodeAffinity: nodeSelector and required node affinity filter, preferred node affinity scores.

Terms of a required affinity are alternatives; within a term every expression and field must hold.  A term without
any expression or field matches nothing (API reference: NodeSelectorTerm).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.api.types import core_v1
from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import ABSENT, Mask, Snapshot, Vector

REASON = "node(s) didn't match Pod's node affinity/selector"


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    fits = required(query.spec, snapshot)
    if fits is not None:
        yield Rejection(~fits, REASON, final=True)


def required(spec: core_v1.PodSpec, snapshot: Snapshot) -> Mask | None:
    """The nodes that a Pod's selector and required affinity allow; None where it asks for nothing."""
    fits: Mask | None = None
    if spec.node_selector:
        fits = np.ones(snapshot.rows, dtype=np.bool_)
        for key, value in spec.node_selector.items():
            fits &= _in(snapshot, key, [value])
    affinity = spec.affinity.node_affinity if spec.affinity else None
    selector = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    if selector is not None:
        allowed = np.zeros(snapshot.rows, dtype=np.bool_)
        for term in selector.node_selector_terms:
            allowed |= matching(term, snapshot)
        fits = allowed if fits is None else fits & allowed
    return fits


def score(query: Query, snapshot: Snapshot, left: Mask) -> Vector:
    points = np.zeros(snapshot.rows)
    affinity = query.spec.affinity.node_affinity if query.spec.affinity else None
    preferred = affinity.preferred_during_scheduling_ignored_during_execution if affinity else None
    for term in preferred or ():
        if term.weight:
            points += term.weight * matching(term.preference, snapshot)
    most = points[left].max(initial=0.0)
    return points if most == 0 else np.floor(points * 100.0 / most)


def matching(term: core_v1.NodeSelectorTerm, snapshot: Snapshot) -> Mask:
    """The nodes that satisfy one term."""
    if not (term.match_expressions or term.match_fields):
        return np.zeros(snapshot.rows, dtype=np.bool_)
    fits = np.ones(snapshot.rows, dtype=np.bool_)
    for expression in term.match_expressions or ():
        fits &= _expression(snapshot, expression.key, expression.operator, expression.values or [])
    for requirement in term.match_fields or ():
        fits &= _field(snapshot, requirement)
    return fits


def _expression(snapshot: Snapshot, key: str, operator: str, values: list[str]) -> Mask:
    if operator == "In":
        return _in(snapshot, key, values)
    if operator == "NotIn":
        return ~_in(snapshot, key, values)
    if operator == "Exists":
        return np.asarray(snapshot.label(key) != ABSENT)
    if operator == "DoesNotExist":
        return np.asarray(snapshot.label(key) == ABSENT)
    return _compared(snapshot, key, operator, values)


def _in(snapshot: Snapshot, key: str, values: Iterable[str]) -> Mask:
    known = snapshot.label_values_of(key)
    numbers = [known[value] for value in values if value in known]
    return np.isin(snapshot.label(key), numbers) if numbers else np.zeros(snapshot.rows, dtype=np.bool_)


def _compared(snapshot: Snapshot, key: str, operator: str, values: list[str]) -> Mask:
    """Gt and Lt: both sides are decimal integers, anything else does not match."""
    bound = _integer(values[0]) if len(values) == 1 else None
    if bound is None or operator not in ("Gt", "Lt"):
        return np.zeros(snapshot.rows, dtype=np.bool_)
    numbers = []
    for value, number in snapshot.label_values_of(key).items():
        held = _integer(str(value))
        if held is not None and (held > bound if operator == "Gt" else held < bound):
            numbers.append(number)
    return np.isin(snapshot.label(key), numbers)


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _field(snapshot: Snapshot, requirement: core_v1.NodeSelectorRequirement) -> Mask:
    """``metadata.name`` is the only field that the API allows here."""
    named = np.zeros(snapshot.rows, dtype=np.bool_)
    if requirement.key != "metadata.name":
        return named
    for value in requirement.values or ():
        row = snapshot.index.get(value)
        if row is not None:
            named[row] = True
    return ~named if requirement.operator == "NotIn" else named


PLUGIN = Plugin(
    name="NodeAffinity",
    filter=rejections,
    score=score,
    weight=2,
    retry_on=frozenset({Cause.NODE_ADDED, Cause.NODE_LABELS, Cause.POD_CHANGED}),
)
