"""Sets of completion indexes as users and statuses write them: `0,2-5,7`, rising (API reference, `JobStatus.completedIndexes`)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api.gotext import quote

Interval = tuple[int, int]


def count(text: str, completions: int) -> int:
    """How many indexes there are. Raises ValueError for what is no such set below `completions`."""
    total, last = 0, -1
    for part in text.split(",") if text else ():
        first, end = interval(part, completions)
        if last >= first:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        total, last = total + end - first + 1, end
    return total


def interval(part: str, completions: int) -> Interval:
    limits = part.split("-")
    if len(limits) > 2:
        why = "violates the requirement that an index interval can have at most two parts separated by '-'"
        raise ValueError(f"the fragment {quote(part)} {why}")
    first, *more = (_index(limit, completions) for limit in limits)
    if more and first >= more[0]:
        raise ValueError(f"non-increasing order, previous: {first}, current: {more[0]}")
    return first, (more or [first])[0]


def overlap(one: str, other: str, completions: int) -> int | None:
    """The least index in both; parts that cannot be read are passed over, as they are refused for themselves."""
    shared = [
        max(first, begin)
        for first, last in _readable(one, completions)
        for begin, end in _readable(other, completions)
        if first <= end and begin <= last
    ]
    return min(shared, default=None)


def _readable(text: str, completions: int) -> Iterator[Interval]:
    for part in text.split(",") if text else ():
        try:
            yield interval(part, completions)
        except ValueError:
            continue


def _index(text: str, completions: int) -> int:
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"cannot convert string to integer for index: {quote(text)}")
    if int(digits) >= completions:
        raise ValueError(f"too large index: {quote(text)}")
    return int(digits)
