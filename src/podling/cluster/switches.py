"""Which controllers of the table a cluster runs (`podling up --controllers`, kept in its settings), and how they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from podling.controllers.loop import Build, Controllers
from podling.controllers.registry import CONTROLLERS
from podling.controllers.selection import UnknownController, selected

from .errors import BadConfig


def rows(text: str) -> Mapping[str, Build]:
    """The rows that `text` switches on. Raises BadConfig with the list where it names one that there is not."""
    try:
        return {name: CONTROLLERS[name] for name in selected(text.split(","), CONTROLLERS)}
    except UnknownController as error:
        raise BadConfig(f"cannot use --controllers {text}: {error}") from error


def report(controllers: Controllers) -> list[dict[str, Any]]:
    """All controllers of the table, in its order: their statistics, and whether they are switched on."""
    running = controllers.statistics()
    return [
        {"name": name, "on": name in running, **(asdict(running[name]) if name in running else {})}
        for name in CONTROLLERS
    ]
