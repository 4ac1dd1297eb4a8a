"""Which objects a list, watch or deletecollection is about: namespace, label selector, field selector."""

from __future__ import annotations

from functools import lru_cache

from podling.api import errors, selectable
from podling.api.kinds import Kind
from podling.api.selectors import (
    EVERY_FIELD,
    EVERYTHING,
    FieldSelector,
    LabelSelector,
    SelectorError,
    parse_fields,
    parse_labels,
)
from podling.store.watchcache import Selection
from podling.store.watchcache.selection import NAME

from .call import Call
from .options import ListOptions

REMEMBERED = 1024
"""Longer selectors are read anew each time: what is kept in memory is not for clients to choose."""


def of(call: Call, options: ListOptions) -> Selection:
    """What the request selects; raises BadRequest for selectors that cannot be read or used on this kind."""
    field_selector = options.field_selector
    if call.info.name and not field_selector:
        field_selector = f"{NAME}={call.info.name}"
    if not options.label_selector and not field_selector:
        return Selection(call.namespace)
    label_selector = options.label_selector
    labels = _labels if len(label_selector) <= REMEMBERED else _labels.__wrapped__
    fields = _fields if len(field_selector) <= REMEMBERED else _fields.__wrapped__
    return Selection(call.namespace, labels(label_selector), fields(call.resource.kind, field_selector))


@lru_cache(maxsize=512)
def _labels(text: str) -> LabelSelector:
    if not text:
        return EVERYTHING
    try:
        return parse_labels(text)
    except SelectorError as error:
        raise errors.BadRequest(str(error)) from error


@lru_cache(maxsize=512)
def _fields(kind: Kind, text: str) -> FieldSelector:
    if not text:
        return EVERY_FIELD
    try:
        fields = parse_fields(text)
        fields.check(kind)
    except SelectorError as error:
        raise errors.BadRequest(str(error)) from error
    stored = selectable.STORED_NAMES.get(kind)
    return fields.renamed(stored) if stored else fields
