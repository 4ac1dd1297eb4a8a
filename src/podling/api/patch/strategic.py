"""Strategic merge patch: JSON merge patch that knows how each list merges.

What a patch does to a field is said by the schema: lists with the `merge` strategy are merged, item by item where they have a merge key;
all others are replaced. Directives in the patch say more:

    $patch: replace | delete          on an object: take it as it is, or empty it; on an item of a list: replace the list, drop the item
    $retainKeys: [...]                on an object: drop every other field of the old one
    $setElementOrder/FIELD: [...]     the order that the merged list shall have
    $deleteFromPrimitiveList/FIELD    values to drop from a list of scalars

This follows k8s.io/apimachinery/pkg/util/strategicpatch, words included. Client mistakes that upstream answers with a bare 500 are a
BadRequest here.
"""

from __future__ import annotations

from typing import Any

from podling.api import errors
from podling.api.gotext import quote, verb_v
from podling.api.schema import ANYTHING, Anything, Field, ListOf, MapOf, OneOf, Record, Scalar, Schema

from . import lists
from .directives import DELETE_LIST, MARKER, ORDER, RETAIN, without_directives


def apply(document: dict[str, Any], patch: Any, schema: Schema) -> dict[str, Any]:
    """The document with the patch merged in. Raises BadRequest for a malformed patch, UnprocessablePatch for lists of lists."""
    if not isinstance(patch, dict):
        raise errors.BadRequest("invalid JSON document")
    return merge_map(document, patch, schema)


def merge_map(original: dict[str, Any] | None, patch: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """One object of the document with one object of the patch."""
    if MARKER in patch:
        return _by_directive(patch)
    result = dict(original or {})
    rest = dict(patch)
    _retain_keys(result, rest)
    _merge_ordered_lists(result, rest, schema)
    for key, value in rest.items():
        if key.startswith(DELETE_LIST):
            name = _field_of(key, DELETE_LIST, "invalid patch format of primitive list")
            _merge_field(result, name, value, schema, deleting=True)
        elif value is None:
            result.pop(key, None)
        else:
            _merge_field(result, key, value, schema, deleting=False)
    return result


def _by_directive(patch: dict[str, Any]) -> dict[str, Any]:
    directive = patch[MARKER]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != MARKER}
    if directive == "delete":
        return {}
    raise errors.BadRequest(f"unknown patch type: {verb_v(directive)} in map: {verb_v(patch)}")


def _retain_keys(result: dict[str, Any], rest: dict[str, Any]) -> None:
    """Drop from the result what the directive does not name; both arguments are this level's own copies."""
    if RETAIN not in rest:
        return
    retained = rest.pop(RETAIN)
    if not isinstance(retained, list):
        raise errors.BadRequest("invalid patch format of retainKeys")
    for key, value in rest.items():
        if value is not None and key not in retained and not key.startswith((DELETE_LIST, ORDER)):
            raise errors.BadRequest("invalid patch format of retainKeys")
    for key in [key for key in result if key not in retained]:
        del result[key]


def _merge_ordered_lists(result: dict[str, Any], rest: dict[str, Any], schema: Schema) -> None:
    """Merge the lists whose order the patch gives, and take them off `rest`."""
    for key in [key for key in rest if key.startswith(ORDER)]:
        order = rest.pop(key)
        name = _field_of(key, ORDER, "invalid patch format of setElementOrder list")
        old, new = result.get(name), rest.pop(name, None)
        if not all(isinstance(item, list | None) for item in (old, new)) or not isinstance(order, list):
            raise errors.BadRequest("invalid patch format of setElementOrder list")
        field = _lookup(schema, name)
        lists.check_order(new or [], order, field.merge_key)
        if old is None and new is None:
            continue
        if old is None:
            merged = without_directives(new)
        elif new is None:
            merged = old
        else:
            merged = _merge_list(old, new, field, deleting=False)
        result[name] = lists.in_order(merged, order, old or [], field.merge_key)


def _merge_field(result: dict[str, Any], key: str, value: Any, schema: Schema, *, deleting: bool) -> None:
    old = result.get(key)
    if isinstance(old, dict) and isinstance(value, dict):
        field = _lookup(schema, key)
        result[key] = value if "replace" in field.patch_strategy else merge_map(old, value, field.schema)
    elif isinstance(old, list) and isinstance(value, list):
        result[key] = _merge_list(old, value, _lookup(schema, key), deleting=deleting)
    elif not deleting:
        result[key] = without_directives(value)


def _merge_list(old: list[Any], new: list[Any], field: Field, *, deleting: bool) -> list[Any]:
    if "merge" not in field.patch_strategy:
        return new
    item = field.schema.item if isinstance(field.schema, ListOf) else ANYTHING
    if lists.holds_maps(old, new):
        return lists.merge_maps(old, new, field.merge_key, lambda left, right: merge_map(left, right, item))
    return lists.remove_scalars(old, new) if deleting else lists.merge_scalars(old, new)


def _field_of(key: str, prefix: str, complaint: str) -> str:
    name = key[len(prefix) :]
    if not name.startswith("/") or name == "/":
        raise errors.BadRequest(complaint)
    return name[1:]


def _lookup(schema: Schema, name: str) -> Field:
    """How the field merges; in maps and free-form JSON all fields are alike."""
    match schema:
        case Record():
            field = schema.fields.get(name)
            if field is not None:
                return field
            if schema.preserve_unknown:
                return Field(name, name, ANYTHING)
            known = schema.name.rpartition(".")[2]
            raise errors.BadRequest(
                f"unable to find api field in struct {known} for the json field {quote(name)}"
            )
        case MapOf():
            return Field(name, name, schema.value)
        case Anything() | OneOf() | Scalar() | ListOf():
            return Field(name, name, ANYTHING)
