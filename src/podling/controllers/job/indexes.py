"""Sets of completion indexes as a status writes them: `0,2-5,7` (pure; API reference, `JobStatus.completedIndexes`)."""

from __future__ import annotations

from collections.abc import Iterable


def parse(text: str | None, completions: int) -> frozenset[int]:
    """The indexes below `completions`; what cannot be read is left out, as upstream does."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            found.update(range(int(first), min(int(last or first), completions - 1) + 1))
    return frozenset(found)


def render(indexes: Iterable[int]) -> str:
    """Runs of three and more are written as a range."""
    runs: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return ",".join(map(_run, runs))


def _run(run: tuple[int, int]) -> str:
    first, last = run
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"
