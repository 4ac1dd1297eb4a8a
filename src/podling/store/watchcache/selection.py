"""Which entries somebody asks for: a namespace, labels, fields; compiled once, asked for every entry.

A namespace is the directory below the collection's prefix, a name the rest of the key: the fields `metadata.name`
and `metadata.namespace` are read off the key and need not be indexed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from podling.api.selectors import EVERY_FIELD, EVERYTHING, FieldSelector, LabelSelector, Term

from .entry import Entry

NAME = "metadata.name"
NAMESPACE = "metadata.namespace"

Pair = tuple[str, str, str]
"""("label" or "field", its name, the value it must have): what an index can be asked."""


class Selects(Protocol):
    """What `Selection` says; callers may bring a type of their own."""

    @property
    def namespace(self) -> str: ...
    @property
    def labels(self) -> LabelSelector: ...
    @property
    def fields(self) -> FieldSelector: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """A namespace ("" = all), and what labels and fields must be."""

    namespace: str = ""
    labels: LabelSelector = EVERYTHING
    fields: FieldSelector = EVERY_FIELD


class Matcher:
    """A selection compiled for one collection."""

    __slots__ = ("_fields", "_labels", "_name_terms", "directory", "identity", "name", "pairs")

    def __init__(self, prefix: str, selection: Selects) -> None:
        terms = selection.fields.terms
        on_key = tuple(term for term in terms if term.field in (NAME, NAMESPACE))
        on_fields = tuple(term for term in terms if term.field not in (NAME, NAMESPACE))
        namespace = selection.namespace or selection.fields.exact(NAMESPACE) or ""
        self.directory = f"{prefix}{namespace}/" if namespace else prefix
        """What the keys begin with."""
        self.name = selection.fields.exact(NAME)
        """The last part of the key, where there can be only one."""
        self._name_terms = FieldSelector(on_key) if on_key else None
        self._labels = None if selection.labels.is_everything else selection.labels.matches
        self._fields = FieldSelector(on_fields).matches if on_fields else None
        self.pairs = _pairs(selection.labels, on_fields)
        """Equalities that every match fulfils."""
        self.identity = (
            self.directory,
            str(selection.labels),
            selection.labels.is_nothing,
            str(selection.fields),
        )
        """Equal for selections that mean the same."""

    @property
    def is_everything(self) -> bool:
        """Whether all of `directory` matches."""
        return self._labels is None and self._fields is None and self._name_terms is None

    def __call__(self, entry: Entry) -> bool:
        if not entry.key.startswith(self.directory):
            return False
        if self._labels is not None and not self._labels(entry.labels):
            return False
        if self._fields is not None and not self._fields(entry.fields):
            return False
        return self._name_terms is None or self._name_terms.matches(_name_fields(entry.key))


def _pairs(labels: LabelSelector, terms: tuple[Term, ...]) -> tuple[Pair, ...]:
    found: list[Pair] = []
    for requirement in labels.requirements:
        if requirement.operator in ("=", "==", "in") and len(requirement.values) == 1:
            found.append(("label", requirement.key, requirement.values[0]))
    for term in terms:
        if term.equal:
            found.append(("field", term.field, term.value))
    return tuple(found)


def _name_fields(key: str) -> dict[str, str]:
    directory, _, name = key.rpartition("/")
    return {NAME: name, NAMESPACE: directory.rpartition("/")[2]}


def compiled(prefix: str, selection: Selects) -> Matcher:
    """The matcher of a selection; those of whole namespaces, which are asked for again and again, are kept."""
    if selection.labels is EVERYTHING and selection.fields is EVERY_FIELD:
        return _of_namespace(prefix, selection.namespace)
    return Matcher(prefix, selection)


@lru_cache(maxsize=1024)
def _of_namespace(prefix: str, namespace: str) -> Matcher:
    return Matcher(prefix, Selection(namespace))
