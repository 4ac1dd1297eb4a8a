"""How a starting cluster tells what it does: steps, as JSON lines where a pipe lies between.

The background process writes to a pipe that it inherited, and closes it when it is ready or has failed; ``podling up``
reads it to its end.  Nothing is ever read from a log to find out whether the cluster is up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of the start is done.  ``seconds`` it took; ``detail`` is a short remark; ``warning`` wants to be seen."""

    name: str
    seconds: float
    detail: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the start ended: ``error`` is empty when the cluster is ready; ``exit_code`` is the command's."""

    error: str = ""
    exit_code: int = 0


Report = Callable[[Step | Outcome], None]


def report_to(descriptor: int) -> Report:
    """A report that writes to ``descriptor`` and closes it after the outcome; a reader that left is ignored."""
    closed = False

    def report(item: Step | Outcome) -> None:
        nonlocal closed
        if closed:
            return
        line = json.dumps({"type": type(item).__name__, **asdict(item)}) + "\n"
        try:
            os.write(descriptor, line.encode())
        except BrokenPipeError:
            closed = True
        if isinstance(item, Outcome) or closed:
            closed = True
            os.close(descriptor)

    return report


def read_report(lines: Iterable[bytes]) -> Iterator[Step | Outcome]:
    """The other end: what was reported, in order.  Lines that are not ours (a crash's last words) are passed over."""
    for line in lines:
        try:
            fields = json.loads(line)
            kind = fields.pop("type")
        except (ValueError, KeyError, AttributeError):
            continue
        yield Step(**fields) if kind == "Step" else Outcome(**fields)
