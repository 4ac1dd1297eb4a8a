"""JSON merge patch (RFC 7386): objects merge, null removes, everything else replaces."""

from __future__ import annotations

from typing import Any

from podling.api import errors


def apply(document: dict[str, Any], patch: Any) -> dict[str, Any]:
    """The document with the patch merged in. Raises BadRequest for a patch that is no object."""
    if not isinstance(patch, dict):
        raise errors.BadRequest("Invalid JSON Patch")
    return _merge(document, patch)


def _merge(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merge(result.get(key), value)
        else:
            result[key] = value
    return result
