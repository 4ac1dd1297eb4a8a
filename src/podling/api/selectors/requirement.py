"""One condition on one label key, and what makes it well-formed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from podling.api import field, names
from podling.api.gotext import quote

Operator = Literal["=", "==", "!=", "in", "notin", "exists", "!", "gt", "lt"]

_STRUCT_OPERATORS: dict[str, Operator] = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
    "Gt": "gt",
    "Lt": "lt",
}
INTEGER = re.compile(r"[+-]?[0-9]+")


class SelectorError(ValueError):
    """The selector cannot be read or asks for what is not selectable; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one key."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.operator == "exists":
            return self.key
        if self.operator == "!":
            return f"!{self.key}"
        joined = ",".join(sorted(self.values))
        if self.operator in ("in", "notin"):
            return f"{self.key} {self.operator} ({joined})"
        sign = {"gt": ">", "lt": "<"}.get(self.operator, self.operator)
        return f"{self.key}{sign}{joined}"


def from_expression(key: str, operator: str, values: Iterable[str]) -> Requirement:
    """The requirement of a struct's match expression (`In`, `Exists`, ...). Raises SelectorError."""
    known = _STRUCT_OPERATORS.get(operator)
    if known is None:
        raise SelectorError(f"{quote(operator)} is not a valid node selector operator")
    return checked(key, known, tuple(values))


def checked(key: str, operator: Operator, values: tuple[str, ...]) -> Requirement:
    """A well-formed requirement. Raises SelectorError with all that is wrong."""
    errors: list[field.FieldError] = []
    wrong = names.label_key(key)
    if wrong:
        errors.append(field.invalid(field.Path("key"), key, "; ".join(wrong)))
    path = field.Path("values")
    complaint = _count_complaint(operator, len(values))
    if complaint:
        errors.append(field.invalid(path, list(values), complaint))
    for index, value in enumerate(values):
        if operator in ("gt", "lt") and not INTEGER.fullmatch(value):
            detail = "for 'Gt', 'Lt' operators, the value must be an integer"
            errors.append(field.invalid(path / index, value, detail))
        wrong = names.label_value(value)
        if wrong:
            errors.append(field.invalid((path / index).key(key), value, "; ".join(wrong)))
    if errors:
        raise SelectorError(field.aggregate(errors))
    return Requirement(key, operator, values)


def _count_complaint(operator: Operator, count: int) -> str:
    if operator in ("in", "notin"):
        return "" if count else "for 'in', 'notin' operators, values set can't be empty"
    if operator in ("exists", "!"):
        return "values set must be empty for exists and does not exist" if count else ""
    if operator in ("gt", "lt"):
        return "" if count == 1 else "for 'Gt', 'Lt' operators, exactly one value is required"
    return "" if count == 1 else "exact-match compatibility requires one single value"
