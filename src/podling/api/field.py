"""Paths into objects and the errors found there, in apimachinery's words.

A `Path` grows as validation walks down: `Path("spec") / "containers" / 0 / "image"` prints `spec.containers[0].image`; `path.key("a/b")`
is an entry of a map. A `FieldError` says what is wrong at one path; its text is what clients see in a Status' message and causes
(k8s.io/apimachinery/pkg/util/validation/field).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .gotext import json_text, number, quote

_new = object.__new__


class Path:
    """Where in an object. Immutable; made by `/` and `key`."""

    __slots__ = ("_parent", "_part")

    def __init__(self, name: str, *more: str) -> None:
        self._parent: Path | None = None
        self._part: str | int | tuple[str] = ".".join((name, *more))

    def __truediv__(self, part: str | int) -> Path:
        """A named field, or with an int an element of a list."""
        child = _new(Path)
        child._parent = self
        child._part = part
        return child

    def key(self, key: str) -> Path:
        """An entry of a map."""
        child = _new(Path)
        child._parent = self
        child._part = (key,)
        return child

    def __str__(self) -> str:
        """Put together only here: validation makes many paths, and nearly all are of fields without fault."""
        parts: list[str] = []
        node = self
        while node._parent is not None:
            part = node._part
            parts.append(
                f".{part}" if isinstance(part, str) else f"[{part if isinstance(part, int) else part[0]}]"
            )
            node = node._parent
        return "".join((str(node._part), *reversed(parts)))

    def __repr__(self) -> str:
        return f"<Path {self}>"


class Type(Enum):
    """Why a value is refused. The value is the cause's `reason` on the wire."""

    NOT_FOUND = "FieldValueNotFound"
    REQUIRED = "FieldValueRequired"
    DUPLICATE = "FieldValueDuplicate"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_SHORT = "FieldValueTooShort"
    TOO_MANY = "FieldValueTooMany"
    TOO_FEW = "FieldValueTooFew"
    INTERNAL = "InternalError"
    TYPE_INVALID = "FieldValueTypeInvalid"


_WORDS = {
    Type.NOT_FOUND: "Not found",
    Type.REQUIRED: "Required value",
    Type.DUPLICATE: "Duplicate value",
    Type.INVALID: "Invalid value",
    Type.NOT_SUPPORTED: "Unsupported value",
    Type.FORBIDDEN: "Forbidden",
    Type.TOO_LONG: "Too long",
    Type.TOO_SHORT: "Too short",
    Type.TOO_MANY: "Too many",
    Type.TOO_FEW: "Too few",
    Type.INTERNAL: "Internal error",
    Type.TYPE_INVALID: "Invalid value",
}
_VALUELESS = {Type.REQUIRED, Type.FORBIDDEN, Type.TOO_LONG, Type.TOO_SHORT, Type.INTERNAL}


class _Omitted:
    """Marks a value that the message leaves out."""


_OMITTED = _Omitted()


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong at one place. Not an exception: validation collects them into an `errors.Invalid`."""

    type: Type
    field: str
    value: Any
    detail: str = ""

    @property
    def body(self) -> str:
        """The message without the field's name."""
        words = _WORDS[self.type]
        if self.type not in _VALUELESS and self.value is not _OMITTED:
            words = f"{words}: {_render(self.value)}"
        return f"{words}: {self.detail}" if self.detail else words

    def __str__(self) -> str:
        return f"{self.field}: {self.body}"


def _render(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int | float):
        return number(value)
    return json_text(value)


def not_found(path: Path, value: Any) -> FieldError:
    return FieldError(Type.NOT_FOUND, str(path), value)


def required(path: Path, detail: str = "") -> FieldError:
    return FieldError(Type.REQUIRED, str(path), "", detail)


def duplicate(path: Path, value: Any) -> FieldError:
    return FieldError(Type.DUPLICATE, str(path), value)


def invalid(path: Path, value: Any, detail: str) -> FieldError:
    return FieldError(Type.INVALID, str(path), value, detail)


def invalid_as_whole(path: Path, detail: str) -> FieldError:
    """What is wrong is how parts go together; the value is not repeated."""
    return FieldError(Type.INVALID, str(path), _OMITTED, detail)


def type_invalid(path: Path, value: Any, detail: str) -> FieldError:
    return FieldError(Type.TYPE_INVALID, str(path), value, detail)


def not_supported(path: Path, value: Any, supported: Iterable[str] = ()) -> FieldError:
    """The value is none of those that are supported; they are named in the order given."""
    names = ", ".join(quote(name) for name in supported)
    return FieldError(Type.NOT_SUPPORTED, str(path), value, f"supported values: {names}" if names else "")


def forbidden(path: Path, detail: str) -> FieldError:
    return FieldError(Type.FORBIDDEN, str(path), "", detail)


def too_long(path: Path, limit: int, unit: str = "byte") -> FieldError:
    """Longer than `limit` bytes (or another unit); the value itself is not repeated."""
    detail = f"may not be more than {limit} {unit}{'' if limit == 1 else 's'}"
    return FieldError(Type.TOO_LONG, str(path), "", detail)


def too_many(path: Path, count: int | None, limit: int) -> FieldError:
    """A list with more than `limit` items; `count` is how many there are, None to leave it out."""
    detail = f"must have at most {limit} item{'' if limit == 1 else 's'}"
    return FieldError(Type.TOO_MANY, str(path), _OMITTED if count is None else count, detail)


def too_few(path: Path, count: int, limit: int) -> FieldError:
    """A list with fewer than `limit` items."""
    return FieldError(
        Type.TOO_FEW, str(path), count, f"must have at least {limit} item{'' if limit == 1 else 's'}"
    )


def too_short(path: Path, limit: int) -> FieldError:
    """Shorter than `limit` characters; the value itself is not repeated."""
    return FieldError(
        Type.TOO_SHORT, str(path), "", f"must be at least {limit} character{'' if limit == 1 else 's'}"
    )


def internal(path: Path, detail: str) -> FieldError:
    return FieldError(Type.INTERNAL, str(path), None, detail)


def aggregate(errors: Iterable[FieldError]) -> str:
    """All errors in one line as apimachinery joins them: one alone as it is, several as `[a, b]`, repeated ones once."""
    texts = list(dict.fromkeys(map(str, errors)))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
