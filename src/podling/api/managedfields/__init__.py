"""Ownership of fields: `metadata.managedFields`.

`update` says what the entries are after a create, update or patch. Underneath lie sets of fields in the shape of FieldsV1
(`fieldset`) and the comparison of two objects along their schema (`comparison`), on which server-side apply (`podling.api.apply`)
stands, too.
"""

from .comparison import Comparison, compare
from .fieldset import (
    EMPTY,
    FieldSet,
    difference,
    encode,
    from_paths,
    has,
    intersection,
    parse,
    recursive_difference,
    union,
)
from .tracking import (
    Identity,
    Writer,
    fields_of,
    identity,
    manager_name,
    ordered,
    same_owners,
    update,
    with_fields,
)
from .walkers import item_element

__all__ = [
    "EMPTY",
    "Comparison",
    "FieldSet",
    "Identity",
    "Writer",
    "compare",
    "difference",
    "encode",
    "fields_of",
    "from_paths",
    "has",
    "identity",
    "intersection",
    "item_element",
    "manager_name",
    "ordered",
    "same_owners",
    "parse",
    "recursive_difference",
    "union",
    "update",
    "with_fields",
]
