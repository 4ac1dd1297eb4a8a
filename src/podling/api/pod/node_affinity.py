"""Whether one node is among those that a Pod allows by its nodeSelector and its required node affinity.

Terms are alternatives; within a term every expression and field must hold, and a term without any matches nothing.
(Source: API reference, NodeSelectorTerm and NodeSelectorRequirement.)
"""

from __future__ import annotations

from collections.abc import Mapping

from podling.api.types import core_v1


def allows_node(spec: core_v1.PodSpec, *, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a Pod of this spec may run on the node of that name and with those labels."""
    if any(labels.get(key) != value for key, value in (spec.node_selector or {}).items()):
        return False
    affinity = spec.affinity.node_affinity if spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    return required is None or matches(required, name=name, labels=labels)


def matches(selector: core_v1.NodeSelector, *, name: str, labels: Mapping[str, str]) -> bool:
    """Whether the node of that name and with those labels is one that the selector selects."""
    return any(_term(term, name, labels) for term in selector.node_selector_terms)


def _term(term: core_v1.NodeSelectorTerm, name: str, labels: Mapping[str, str]) -> bool:
    expressions, fields = term.match_expressions or (), term.match_fields or ()
    if not expressions and not fields:
        return False
    named = {"metadata.name": name}
    return all(_holds(one, labels) for one in expressions) and all(_holds(one, named) for one in fields)


def _holds(requirement: core_v1.NodeSelectorRequirement, values: Mapping[str, str]) -> bool:
    held, wanted = values.get(requirement.key), requirement.values or []
    match requirement.operator:
        case "In":
            return held in wanted
        case "NotIn":
            return held not in wanted
        case "Exists":
            return held is not None
        case "DoesNotExist":
            return held is None
        case "Gt" | "Lt" if held is not None and len(wanted) == 1:
            return _compared(requirement.operator, held, wanted[0])
    return False


def _compared(operator: str, held: str, bound: str) -> bool:
    """Both sides are decimal integers; anything else does not match."""
    try:
        return int(held) > int(bound) if operator == "Gt" else int(held) < int(bound)
    except ValueError:
        return False
