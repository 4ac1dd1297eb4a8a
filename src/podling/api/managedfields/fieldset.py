"""Sets of fields: which paths of an object somebody owns.

A set is kept in the very shape of FieldsV1, so that reading and writing it is plain JSON:

    {"f:metadata": {"f:labels": {".": {}, "f:app": {}}},
     "f:spec": {"f:containers": {"k:{\\"name\\":\\"web\\"}": {".": {}, "f:image": {}}}}}

Keys are path elements: `f:` a field or map key, `k:` the keys of a list item, `v:` the value of an item of a set, `i:` an index.
An empty object is a member of the set; `.` makes a member of a path that has members below it; other paths are only on the way.
Sets are values: nothing here changes its arguments, results share parts with them, and an operation that changes nothing
gives back its first argument itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

FieldSet: TypeAlias = "dict[str, FieldSet]"

MEMBER: Final[FieldSet] = {}
"""A path without any below it. Shared: never to be changed."""
EMPTY: Final[FieldSet] = {}
"""The set without members, where a whole set is meant."""
_SELF: Final = "."
_PREFIXES: Final = ("f:", "k:", "v:", "i:")
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def encode(fields: FieldSet) -> bytes:
    """The set as the JSON of FieldsV1."""
    return _encode(fields)


@lru_cache(maxsize=256)
def decode(data: bytes) -> FieldSet:
    """The set in FieldsV1 that this module wrote."""
    found: FieldSet = msgspec.json.decode(data)
    return found


def parse(data: bytes) -> FieldSet:
    """The set in FieldsV1 that anybody wrote; path elements of unknown kinds are dropped. Raises ValueError."""
    try:
        found = msgspec.json.decode(data) if data else {}
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return _cleaned(found)
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"cannot read managed fields: {error}") from error


def key_element(keys: dict[str, Any]) -> str:
    """The path element of a list item: `k:{"containerPort":80,"protocol":"TCP"}`."""
    return f"k:{_encode_sorted(keys).decode()}"


def value_element(value: Any) -> str:
    """The path element of an item of a set: `v:"a"`."""
    return f"v:{_encode_sorted(value).decode()}"


def from_paths(*paths: str) -> FieldSet:
    """A set of named fields: `from_paths("status", "metadata.labels")`."""
    found: FieldSet = EMPTY
    for path in paths:
        branch: FieldSet = MEMBER
        for name in reversed(path.split(".")):
            branch = {f"f:{name}": branch}
        found = union(found, branch)
    return found


def has(fields: FieldSet, *elements: str) -> bool:
    """Whether the path of these elements is a member."""
    for element in elements:
        below = fields.get(element)
        if below is None:
            return False
        fields = below
    return bool(elements) and _is_member(fields)


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """The members of either."""
    if not other or one is other:
        return one
    if not one:
        return other
    found = dict(one)
    changed = False
    for element, theirs in other.items():
        mine = one.get(element)
        if mine is None:
            found[element] = theirs
            changed = True
        else:
            both = _join_below(mine, theirs)
            if both is not mine:
                found[element] = both
                changed = True
    return found if changed else one


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """The members of the first that are not in the second. A member stays when only paths above or below it go."""
    return _reduce(one, other, recursive=False)


def recursive_difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """As `difference`, but a member of the second takes everything below it along."""
    return _reduce(one, other, recursive=True)


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """The members of both."""
    found: FieldSet = {}
    for element, mine in one.items():
        theirs = other.get(element)
        if theirs is None or element == _SELF:
            continue
        below = intersection(mine, theirs) if mine and theirs else EMPTY
        if _is_member(mine) and _is_member(theirs):
            found[element] = {_SELF: MEMBER, **below} if below else MEMBER
        elif below:
            found[element] = below
    return found


def _is_member(node: FieldSet) -> bool:
    return not node or _SELF in node


def _join_below(mine: FieldSet, theirs: FieldSet) -> FieldSet:
    """The union of what stands at one path, where an empty object is a member."""
    if mine is theirs or not theirs:
        return mine if _is_member(mine) else {_SELF: MEMBER, **mine}
    if not mine:
        return theirs if _SELF in theirs else {_SELF: MEMBER, **theirs}
    return union(mine, theirs)


def _reduce(one: FieldSet, other: FieldSet, *, recursive: bool) -> FieldSet:
    shared = one.keys() & other.keys()
    if not shared:
        return one
    found: FieldSet | None = None
    for element in one:
        if element not in shared or element == _SELF:
            continue
        mine = one[element]
        rest = _reduce_below(mine, other[element], recursive=recursive)
        if rest is not mine:
            found = dict(one) if found is None else found
            if rest is None:
                del found[element]
            else:
                found[element] = rest
    return one if found is None else found


def _reduce_below(mine: FieldSet, theirs: FieldSet, *, recursive: bool) -> FieldSet | None:
    """What is left at one path, where an empty object is a member; None for nothing."""
    goes = _is_member(theirs)
    if goes and (recursive or not mine):
        return None
    if not mine or not theirs:
        below = mine
    else:
        below = _reduce(mine, theirs, recursive=recursive)
    stays = _is_member(mine) and not goes
    if stays:
        return MEMBER if len(below) == 1 and _SELF in below else below
    if _SELF in below:
        below = {element: node for element, node in below.items() if element != _SELF}
    return below or None


def _cleaned(found: dict[str, Any]) -> FieldSet:
    kept: FieldSet = {}
    for element, node in found.items():
        if not isinstance(node, dict):
            raise ValueError(f"{element!r} is not an object")
        if element == _SELF:
            kept[element] = MEMBER
        elif element.startswith(_PREFIXES):
            kept[element] = _cleaned(node)
    return kept
