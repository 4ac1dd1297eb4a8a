"""What a table of one kind looks like: its columns, and how an object fills them.

A layout's `cells` gets a typed object and the time and returns one value for each column, in the order of the columns. Values are what
upstream's printers (k8s.io/kubernetes/pkg/printers/internalversion) put there: text, whole numbers and booleans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from podling.api import selectors, times

if TYPE_CHECKING:
    from podling.api.types.core_v1 import Container
    from podling.api.types.meta_v1 import LabelSelector

Cell = str | int | bool
Cells = list[Cell]
NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Those of priority 1 are shown by `-o wide` only."""

    name: str
    description: str
    type: Literal["string", "integer", "boolean", "date"] = "string"
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a kind and what goes into them."""

    columns: tuple[Column, ...]
    cells: Callable[[Any, float], Cells]
    """From an object and the time (epoch seconds) to one row."""
    conditions: Callable[[Any], list[dict[str, str]]] | None = None
    """What else is to be said of a row, such as that a Pod is done."""
    order: Callable[[Any], Any] | None = None
    """What a list is sorted by, where rows are not shown in the order of their names."""


NAME = Column("Name", "Unique within the kind and namespace.", format="name")
AGE = Column("Age", "Time since the object was created.")


def wide(name: str, description: str, type: Literal["string", "integer", "boolean"] = "string") -> Column:
    return Column(name, description, type, priority=1)


def number(name: str, description: str) -> Column:
    return Column(name, description, "integer")


def flag(name: str, description: str) -> Column:
    return Column(name, description, "boolean")


CONTAINERS = wide("Containers", "Names of the template's containers.")
IMAGES = wide("Images", "Images of the template's containers.")
SELECTOR = wide("Selector", "Labels of the Pods that are meant.")


def since(timestamp: str | None, now: float) -> str:
    """How long ago, as `3m20s`."""
    return times.human_duration(now - times.parse(timestamp)) if timestamp else UNKNOWN


def age(obj: Any, now: float) -> str:
    """How long ago the object was created."""
    return since(obj.metadata.creation_timestamp, now)


def name(obj: Any) -> str:
    return obj.metadata.name or ""


def container_cells(containers: Iterable[Container]) -> tuple[str, str]:
    """Names and images, each joined by commas."""
    listed = list(containers)
    return ",".join(container.name for container in listed), ",".join(
        container.image or "" for container in listed
    )


def labels(pairs: Mapping[str, str] | None) -> str:
    """`a=b,c=d`, sorted."""
    return ",".join(f"{key}={pairs[key]}" for key in sorted(pairs)) if pairs else NONE


def selector(struct: LabelSelector | None) -> str:
    """A label selector as text."""
    try:
        return str(selectors.from_struct(struct)) or NONE
    except selectors.SelectorError:
        return "<error>"


def some_of(items: list[str], total: int, limit: int) -> str:
    """`a,b,c + 2 more...`"""
    text = ",".join(items[:limit])
    return f"{text} + {total - limit} more..." if total > limit else text
