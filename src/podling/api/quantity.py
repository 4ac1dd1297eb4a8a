"""Resource quantities: `100m`, `1.5Gi`, `12e6`.

A quantity is an exact number of billionths with a way of writing it (decimal suffixes, binary suffixes, or an exponent), which it keeps from
the text it was read from. Printing gives the canonical form: no fraction, and the largest suffix that needs none; `1.5` is `1500m`, `1.5Gi`
is `1536Mi`. Values below a billionth are rounded away from zero when read, and so are whole and milli values when asked for
(k8s.io/apimachinery/pkg/api/resource).

On the wire and in the types a quantity is a `str`; `parse` is cached, so asking again for the same text costs a dictionary lookup.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from enum import Enum

NANO = 1_000_000_000
_MAX_INT64 = 2**63 - 1
_FAST_DIGITS = 18
"""Numbers up to this many digits are kept as int64 upstream; only those may keep their own spelling."""

_FORM = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_SCAN = re.compile(r"([+-]?)(0*)([0-9]*)(?:(\.)([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)")
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_BINARY_SUFFIX = {power: suffix for suffix, power in _BINARY.items()}


class QuantityError(ValueError):
    """The text is no quantity; the message is upstream's."""


class Format(Enum):
    DECIMAL_SI = "DecimalSI"
    BINARY_SI = "BinarySI"
    DECIMAL_EXPONENT = "DecimalExponent"


@functools.total_ordering
class Quantity:
    """An amount. Immutable; compares by value, whatever the spelling."""

    __slots__ = ("_nanos", "_text", "format")

    def __init__(self, nanos: int, format: Format = Format.DECIMAL_SI, *, text: str = "") -> None:
        self._nanos = nanos
        self._text = text
        self.format = format

    @property
    def nanos(self) -> int:
        """The exact amount in billionths."""
        return self._nanos

    def value(self) -> int:
        """In whole units, rounded away from zero."""
        return _divide_away(self._nanos, NANO)

    def milli_value(self) -> int:
        """In thousandths, rounded away from zero."""
        return _divide_away(self._nanos, 1_000_000)

    def as_float(self) -> float:
        return self._nanos / NANO

    @property
    def is_zero(self) -> bool:
        return self._nanos == 0

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self._nanos + other._nanos, self._sum_format(other))

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self._nanos - other._nanos, self._sum_format(other))

    def _sum_format(self, other: Quantity) -> Format:
        return other.format if self._nanos == 0 else self.format

    def __neg__(self) -> Quantity:
        return Quantity(-self._nanos, self.format)

    def __mul__(self, factor: int) -> Quantity:
        return Quantity(self._nanos * factor, self.format)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self._nanos == other._nanos

    def __lt__(self, other: Quantity) -> bool:
        return self._nanos < other._nanos

    def __hash__(self) -> int:
        return hash(self._nanos)

    def __str__(self) -> str:
        if not self._text:
            self._text = _canonical(self._nanos, self.format)
        return self._text

    def __repr__(self) -> str:
        return f"<Quantity {self}>"


ZERO = Quantity(0, text="0")


def of(value: int, format: Format = Format.DECIMAL_SI) -> Quantity:
    """So many whole units."""
    return Quantity(value * NANO, format)


def milli(value: int) -> Quantity:
    """So many thousandths."""
    return Quantity(value * 1_000_000)


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Quantity:
    """Read a quantity. Raises QuantityError."""
    match = _SCAN.fullmatch(text) if text else None
    if match is None:
        raise QuantityError(f"quantities must match the regular expression '{_FORM}'")
    sign, _zeros, whole, _point, fraction, suffix = match.groups(default="")
    exponent, format = _interpret(suffix)
    whole = whole or "0"
    digits = whole + fraction
    if format is Format.BINARY_SI:
        return _parse_binary(text, digits, len(fraction), exponent, sign == "-")
    return _parse_decimal(text, digits, exponent - len(fraction), format, sign == "-")


def canonical(text: str) -> str:
    """The text in the form that the API stores. Raises QuantityError."""
    return str(parse(text))


def canonical_resource(text: str) -> str:
    """The form in which ResourceLists (requests, limits, capacity) are stored: rounded up to thousandths by defaulting. Raises QuantityError."""
    amount = parse(text)
    return str(Quantity(amount.milli_value() * 1_000_000, amount.format))


def total(quantities: Iterable[Quantity]) -> Quantity:
    """The sum; zero of none."""
    result = ZERO
    for quantity in quantities:
        result = result + quantity
    return result


def _interpret(suffix: str) -> tuple[int, Format]:
    power = _DECIMAL.get(suffix)
    if power is not None:
        return power, Format.DECIMAL_SI
    power = _BINARY.get(suffix)
    if power is not None:
        return power, Format.BINARY_SI
    match = _EXPONENT.fullmatch(suffix)
    if match is None:
        raise QuantityError("unable to parse quantity's suffix")
    return int(match[1]), Format.DECIMAL_EXPONENT


def _parse_decimal(text: str, digits: str, scale: int, format: Format, negative: bool) -> Quantity:
    if len(digits) <= _FAST_DIGITS and scale >= -9:
        nanos = int(digits) * 10 ** (scale + 9)
        own = scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"
        return Quantity(-nanos if negative else nanos, format, text=text if own else "")
    nanos = _shift_away(int(digits), scale + 9)
    return Quantity(-nanos if negative else nanos, format)


def _parse_binary(text: str, digits: str, fraction: int, exponent: int, negative: bool) -> Quantity:
    if fraction == 0 and 15 - len(digits) - exponent * 3 // 10 - 1 >= 0:
        number = int(digits)
        nanos = (number << exponent) * NANO
        own = number & 7 != 0
        return Quantity(-nanos if negative else nanos, Format.BINARY_SI, text=text if own else "")
    nanos = _shift_away(int(digits) << exponent, 9 - fraction)
    nanos = min(nanos, _MAX_INT64 * NANO)
    format = Format.DECIMAL_SI if 0 < nanos < NANO else Format.BINARY_SI
    return Quantity(-nanos if negative else nanos, format)


def _shift_away(number: int, power: int) -> int:
    """`number * 10**power`, rounded up. An absurdly small power leaves one billionth of anything at all."""
    if power >= 0:
        return number * int(10**power)
    if number == 0:
        return 0
    return 1 if -power > len(str(number)) else -(-number // 10**-power)


def _divide_away(number: int, by: int) -> int:
    whole = -(-abs(number) // by)
    return whole if number >= 0 else -whole


def _canonical(nanos: int, format: Format) -> str:
    if nanos == 0:
        return "0"
    if format is Format.BINARY_SI:
        if abs(nanos) >= 1024 * NANO and nanos % NANO == 0:
            return _canonical_binary(nanos // NANO)
        format = Format.DECIMAL_SI
    return _canonical_decimal(nanos, format)


def _canonical_binary(number: int) -> str:
    power = 0
    while number % 1024 == 0 and power < 60:
        number //= 1024
        power += 10
    return f"{number}{_BINARY_SUFFIX[power] if power else ''}"


def _canonical_decimal(number: int, format: Format) -> str:
    power = -9
    limit = 18 if format is Format.DECIMAL_SI else None
    while number % 1000 == 0 and (limit is None or power < limit):
        number //= 1000
        power += 3
    if format is Format.DECIMAL_SI:
        return f"{number}{_DECIMAL_SUFFIX[power]}"
    return f"{number}e{power}" if power else str(number)
