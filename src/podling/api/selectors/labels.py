"""Label selectors: where they come from, and matching fast.

`LabelSelector.matches` is composed once for each selector, because it is called for every object and every watcher.
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.api.gotext import quote
from podling.api.types import core_v1, meta_v1

from .grammar import parse
from .matching import Labels, Matcher, always, compile_matcher, never
from .requirement import Requirement, SelectorError, from_expression


class LabelSelector:
    """All of several requirements; none at all selects everything."""

    __slots__ = ("matches", "requirements")

    def __init__(self, requirements: Iterable[Requirement], *, nothing: bool = False) -> None:
        self.requirements = tuple(requirements)
        self.matches: Matcher = never if nothing else compile_matcher(self.requirements)
        """Whether an object with these labels (None: it has none) is selected."""

    @property
    def is_everything(self) -> bool:
        return self.matches is always

    @property
    def is_nothing(self) -> bool:
        return self.matches is never

    def exact(self, key: str) -> str | None:
        """The one value that the key must have, where that is so; for looking up an index."""
        for requirement in self.requirements:
            if (
                requirement.key == key
                and requirement.operator in ("=", "==", "in")
                and len(requirement.values) == 1
            ):
                return requirement.values[0]
        return None

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return f"<LabelSelector {'nothing' if self.is_nothing else str(self) or 'everything'}>"


EVERYTHING = LabelSelector(())
NOTHING = LabelSelector((), nothing=True)


def parse_labels(text: str) -> LabelSelector:
    """Read `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`. Raises SelectorError."""
    if not text:
        return EVERYTHING
    return LabelSelector(sorted(parse(text), key=lambda requirement: requirement.key))


def from_struct(selector: meta_v1.LabelSelector | None) -> LabelSelector:
    """The selector of a struct: None selects nothing, an empty one everything. Raises SelectorError."""
    if selector is None:
        return NOTHING
    requirements = [Requirement(key, "=", (value,)) for key, value in (selector.match_labels or {}).items()]
    for expression in selector.match_expressions or ():
        if expression.operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            raise SelectorError(f"{quote(expression.operator)} is not a valid label selector operator")
        requirements.append(from_expression(expression.key, expression.operator, expression.values or ()))
    if not requirements:
        return EVERYTHING
    return LabelSelector(sorted(requirements, key=lambda requirement: requirement.key))


def from_set(labels: Labels | None) -> LabelSelector:
    """The selector of a Service or ReplicationController: every pair must be there."""
    if not labels:
        return EVERYTHING
    return LabelSelector(Requirement(key, "=", (labels[key],)) for key in sorted(labels))


def from_node_requirements(requirements: Iterable[core_v1.NodeSelectorRequirement]) -> LabelSelector:
    """The `matchExpressions` of one node selector term; here Gt and Lt are allowed. Raises SelectorError."""
    return LabelSelector(from_expression(item.key, item.operator, item.values or ()) for item in requirements)
