"""What commands print: ticks with timings while things happen, JSON where a program reads."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import typer

from podling.cluster.errors import BadConfig
from podling.cluster.progress import Step

TICK, BANG, CROSS = "✓", "!", "✗"


def step(item: Step) -> None:
    """One finished step: a tick, its name, how long it took, and a remark."""
    remark = f"  {item.detail}" if item.detail else ""
    tick(item.name + remark, seconds=item.seconds)
    if item.warning:
        warn(item.warning)


def tick(text: str, *, seconds: float | None = None) -> None:
    timing = "" if seconds is None else typer.style(f"{seconds * 1000:6.0f} ms", dim=True)
    typer.echo(f" {typer.style(TICK, fg='green')} {timing:>9}  {text}")


def warn(text: str) -> None:
    typer.echo(f" {typer.style(BANG, fg='yellow')} {text}")


def cross(text: str) -> None:
    typer.echo(f" {typer.style(CROSS, fg='red')} {text}")


def heading(text: str) -> None:
    typer.echo(typer.style(text, bold=True))


def wants_json(output: str) -> bool:
    """Whether ``-o`` asks for JSON; ``BadConfig`` for a form that is not there."""
    if output not in ("text", "json"):
        raise BadConfig(f"cannot print as {output!r}: the forms are text and json")
    return output == "json"


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Left-aligned columns three spaces apart, as kubectl prints them."""
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    for row in [columns, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("   ".join(cells).rstrip())


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start
