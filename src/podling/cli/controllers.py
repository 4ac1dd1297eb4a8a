"""``podling controllers``: what each controller has to do, how often it had to try again, and what went wrong last.

The cluster's own process says so; ``podling up --controllers`` switches them on and off.
"""

from __future__ import annotations

import time
from typing import Any

import typer

from podling.cluster import config as settings
from podling.cluster import control
from podling.cluster.errors import NotRunning

from . import options, screen

_SECONDS = 10.0
_COLUMNS = ("NAME", "STATE", "QUEUED", "DELAYED", "BUSY", "DONE", "RETRIES", "LAST ERROR")


def command(
    name: options.Name = options.NAME, data_dir: options.DataDir = None, output: options.Output = "text"
) -> None:
    """List the controllers with their queues and last errors."""
    as_json = screen.wants_json(output)
    layout = options.layout(name, data_dir)
    if settings.load(layout) is None:
        raise NotRunning(
            f"there is no cluster {name!r} in {layout.data_dir}; '{options.Speaker.of(layout).command('up')}' makes it"
        )
    found = control.report(layout, "controllers", limit=_SECONDS)
    if as_json:
        screen.print_json(found)
        return
    screen.table(_COLUMNS, [_row(each) for each in found])
    if not all(each["on"] for each in found):
        typer.echo("   'podling up --controllers=*' after a 'down' switches all of them on")


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    if not each["on"]:
        return (each["name"], "off", "", "", "", "", "", "")
    counts = (each[name] for name in ("queued", "delayed", "processing", "reconciled", "retries"))
    return (each["name"], "on", *map(str, counts), _error(each))


def _error(each: dict[str, Any]) -> str:
    """The latest error that still stands, cut to fit a line, and when it was."""
    if not each["last_error"]:
        return ""
    ago = round(time.time() - each["last_error_at"])
    text = " ".join(each["last_error"].split())
    return f"{text[:120]} ({ago}s ago)"
