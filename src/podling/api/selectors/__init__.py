"""Label and field selectors: reading them, and matching fast.

A `LabelSelector` is parsed from text (`app in (a,b),!legacy`), from a `LabelSelector` struct, or from the requirements of a node selector
term. A `FieldSelector` is the poorer kind that compares a few named fields; which fields those are is said by the kind's row
(`Kind.selectable`) and how to get their values by `podling.api.selectable`.
"""

from __future__ import annotations

from .fields import EVERY_FIELD, FieldSelector, Term, parse_fields
from .labels import (
    EVERYTHING,
    NOTHING,
    LabelSelector,
    from_node_requirements,
    from_set,
    from_struct,
    parse_labels,
)
from .requirement import Operator, Requirement, SelectorError

__all__ = [
    "EVERYTHING",
    "EVERY_FIELD",
    "NOTHING",
    "FieldSelector",
    "LabelSelector",
    "Operator",
    "Requirement",
    "SelectorError",
    "Term",
    "from_node_requirements",
    "from_set",
    "from_struct",
    "parse_fields",
    "parse_labels",
]
