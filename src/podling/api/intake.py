"""What happens to every body that comes from outside, before anything looks at it.

Decode, drop what the served level does not know, bring Quantities and times to their one spelling, and list what was
unknown or repeated for the caller to refuse, warn about or ignore (`fieldValidation`).
"""

from __future__ import annotations

from dataclasses import dataclass

from . import codec, strict
from .errors import BadRequest
from .kinds import Kind
from .levels import Level
from .object import Object


@dataclass(frozen=True, slots=True)
class Taken:
    """An object from outside, and the unknown and duplicate fields it came with, in upstream's words."""

    object: Object
    problems: list[str]


def take(kind: Kind, data: bytes, *, level: Level, inspect: bool = True) -> Taken:
    """The object in a request's body; `inspect=False` (`fieldValidation=Ignore`) saves the search for problems.

    Raises BadRequest. Unknown fields of custom resources are for the schema of their kind to find.
    """
    found, exact = codec.decode_telling(kind, data)
    if kind.type:
        exact = not level.drop_unknown(found.body) and exact
    problems = _problems(kind, data, level=level, exact=exact) if inspect and kind.type else []
    codec.canonicalise(found)
    return Taken(found, problems)


def _problems(kind: Kind, data: bytes, *, level: Level, exact: bool) -> list[str]:
    try:
        return strict.check(kind, data, level=level, exact=exact)
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply to be inspected") from error
