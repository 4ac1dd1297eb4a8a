"""YAML in and out; PyYAML is loaded when YAML is first met, which a server may never do."""

from __future__ import annotations

from typing import Any

import msgspec

from podling.api.object import Object

from .json import to_dict


def yaml_load_all(text: str | bytes, *, name: str, repeated: list[str] | None = None) -> list[dict[str, Any]]:
    """The documents of a YAML or JSON text, empty ones left out.

    `name` says in errors where the text came from. Raises Malformed with name and line when the text is not YAML, repeats
    a key, holds what JSON cannot, unfolds without bound, or has a document that is no mapping. With a list as `repeated`, keys
    given twice are no error: the last one counts and the list gets a line about each.
    """
    from .yaml_dialect import load_all

    return load_all(text, name=name, repeated=repeated)


def yaml_dump(value: Object | msgspec.Struct | dict[str, Any] | list[Any]) -> str:
    """One YAML document as kubectl prints it: keys sorted, blocks, long text as literals."""
    from .yaml_dialect import dump

    return dump(to_dict(value) if isinstance(value, (Object, msgspec.Struct)) else value)
