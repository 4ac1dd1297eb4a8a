"""The directives of strategic merge patches, and taking them out of what is new.

Where a patch adds an object or a list that was not there, there is nothing to merge with: directives in it have no more to do and nulls nothing
to remove, so both go.
"""

from __future__ import annotations

from typing import Any

MARKER = "$patch"
RETAIN = "$retainKeys"
ORDER = "$setElementOrder"
DELETE_LIST = "$deleteFromPrimitiveList"


def without_directives(value: Any) -> Any:
    """The value as it enters a document that has nothing in its place."""
    if isinstance(value, dict):
        if value.get(MARKER) == "delete":
            return {}
        return {
            key: without_directives(item)
            for key, item in value.items()
            if item is not None and not _is_directive(key)
        }
    if isinstance(value, list):
        return [without_directives(item) for item in value if not (isinstance(item, dict) and MARKER in item)]
    return value


def _is_directive(key: str) -> bool:
    return key in (MARKER, RETAIN) or key.startswith((ORDER + "/", DELETE_LIST + "/"))
