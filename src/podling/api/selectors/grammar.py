"""The grammar of label selectors: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`.

Recursive descent as in apimachinery's `labels.Parse`, with its words for whatever it did not expect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from podling.api import field, names

from .requirement import Operator, Requirement, SelectorError, checked

_BINARY = "in, notin, =, ==, !=, gt, lt"
_TOKEN = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^=!(),<> \t\r\n]+)|$)")
_SYMBOLS: dict[str, Operator] = {
    "in": "in",
    "notin": "notin",
    "=": "=",
    "==": "==",
    "!=": "!=",
    ">": "gt",
    "<": "lt",
}


def parse(text: str) -> list[Requirement]:
    """The requirements in the order written. Raises SelectorError."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_scan(text))
        self._at = 0

    def parse(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            token = self._peek()
            if token.end:
                return found
            if not (token.word or token.text == "!"):
                raise SelectorError(f"found '{token.text}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            after = self._take()
            if after.end:
                return found
            if after.text != ",":
                raise SelectorError(f"found '{after.text}', expected: ',' or 'end of string'")
            following = self._peek()
            if not (following.word or following.text == "!"):
                raise SelectorError(f"found '{following.text}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        negated = self._peek().text == "!"
        if negated:
            self._take()
        token = self._take()
        if not token.word:
            raise SelectorError(f"found '{token.text}', expected: identifier")
        wrong = names.label_key(token.text)
        if wrong:
            raise SelectorError(
                str(field.FieldError(field.Type.INVALID, "<nil>", token.text, "; ".join(wrong)))
            )
        following = self._peek()
        if negated or following.end or following.text == ",":
            return checked(token.text, "!" if negated else "exists", ())
        sign = self._take()
        operator = _SYMBOLS.get(sign.text)
        if operator is None:
            raise SelectorError(f"found '{sign.text}', expected: {_BINARY}")
        values = self._set() if operator in ("in", "notin") else self._exact()
        return checked(token.text, operator, values)

    def _exact(self) -> tuple[str, ...]:
        token = self._peek()
        if token.end or token.text == ",":
            return ("",)
        self._take()
        if not token.word:
            raise SelectorError(f"found '{token.text}', expected: identifier")
        return (token.text,)

    def _set(self) -> tuple[str, ...]:
        opening = self._take()
        if opening.text != "(":
            raise SelectorError(f"found '{opening.text}' expected: '('")
        first = self._peek()
        if first.text == ")":
            self._take()
            return ("",)
        if not (first.word or first.text == ","):
            raise SelectorError(f"found '{first.text}', expected: ',', ')' or identifier")
        values = self._members()
        self._take()
        return tuple(sorted(values))

    def _members(self) -> set[str]:
        values: set[str] = set()
        while True:
            token = self._take()
            if token.word:
                values.add(token.text)
                following = self._peek()
                if following.text == ")":
                    return values
                if following.text != ",":
                    raise SelectorError(f"found '{following.text}', expected: ',' or ')'")
            elif token.text == ",":
                following = self._peek()
                if not values or following.text in (")", ","):
                    values.add("")
                if following.text == ")":
                    return values
            else:
                raise SelectorError(f"found '{token.text}', expected: ',', or identifier")

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    word: bool = False
    end: bool = False


def _scan(text: str) -> Iterator[_Token]:
    at = 0
    while True:
        match = _TOKEN.match(text, at)
        assert match is not None
        at = match.end()
        if match[1]:
            yield _Token(match[1])
        elif match[2]:
            yield _Token(match[2], word=True)
        else:
            yield _Token("", end=True)
            return
