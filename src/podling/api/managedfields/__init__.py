"""Ownership of fields: `metadata.managedFields`.

`update` says what the entries are after a create, update or patch. Underneath lie sets of fields in the shape of FieldsV1
(`fieldset`) and the comparison of two objects along their schema (`comparison`), on which server-side apply will stand, too.
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
from .tracking import Writer, fields_of, identity, manager_name, update, with_fields

__all__ = [
    "EMPTY",
    "Comparison",
    "FieldSet",
    "Writer",
    "compare",
    "difference",
    "encode",
    "fields_of",
    "from_paths",
    "has",
    "identity",
    "intersection",
    "manager_name",
    "parse",
    "recursive_difference",
    "union",
    "update",
    "with_fields",
]
