"""How a simulated container behaves (pure).

A script is found by a ``Director``: any function of the sandbox's and the container's configuration.  The default one
reads the Pod's annotations, so that a plain manifest can ask for a slow start, a crash loop or a log:

    simulated.podling.dev/<field>              for every container of the Pod
    simulated.podling.dev/<field>.<container>  for one; it wins

Fields: ``lasts``, ``ready-after``, ``create-seconds``, ``start-seconds``, ``term-seconds`` (seconds; ``lasts`` and
``term-seconds`` also ``forever``), ``exit-codes`` (one or several, one per attempt, the last repeats), ``reason``,
``log`` (lines, written as the container starts), ``create-fault``, ``start-fault``, ``cpu`` (cores), ``memory`` (bytes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from podling.runtime.interface import ContainerConfig, ExecResult, SandboxConfig

T = TypeVar("T")

ANNOTATION_PREFIX = "simulated.podling.dev/"
TERM_EXIT_CODE = 143
_FOREVER = "forever"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """``text`` is written ``at`` seconds after the start."""

    text: str
    at: float = 0.0
    stream: str = "stdout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One life of a container.

    lasts        seconds until it exits by itself; None = until it is stopped.
    exit_code    what it then exits with.
    reason       of the exit; "" = Completed or Error, as the code says.
    ready_after  seconds from the start until probes succeed; None = never.
    """

    lasts: float | None = None
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    ready_after: float | None = 0.0
    logs: tuple[LogLine, ...] = ()


def no_output(command: Sequence[str]) -> ExecResult:
    return ExecResult(stdout=b"", stderr=b"", exit_code=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A container's behaviour over all its attempts; times in seconds.

    runs            attempt n plays ``runs[n]``; the last is repeated.
    term_seconds    from SIGTERM to the exit with ``term_exit_code``; None = SIGTERM is ignored.
    create_fault    message with which creating fails; ``start_fault`` likewise.
    execute         what a command run inside gives, once the container is ready (before: exit code 1).
    cpu, memory     usage that the statistics show, in cores and bytes.
    """

    runs: tuple[Run, ...] = (Run(),)
    create_seconds: float = 0.0
    start_seconds: float = 0.0
    term_seconds: float | None = 0.0
    term_exit_code: int = TERM_EXIT_CODE
    create_fault: str = ""
    start_fault: str = ""
    execute: Callable[[Sequence[str]], ExecResult] = no_output
    cpu: float = 0.001
    memory: int = 1 << 20

    def run(self, attempt: int) -> Run:
        return self.runs[min(attempt, len(self.runs) - 1)]


Director = Callable[[SandboxConfig, ContainerConfig], Script]


class BadScript(ValueError):
    """An annotation cannot be understood; the message names it."""


def _seconds(text: str) -> float:
    value = float(text)
    if value < 0:
        raise ValueError("it must not be negative")
    return value


def _seconds_or_forever(text: str) -> float | None:
    return None if text == _FOREVER else _seconds(text)


def _codes(text: str) -> tuple[int, ...]:
    return tuple(int(code) for code in text.split(","))


def _lines(text: str) -> tuple[LogLine, ...]:
    return tuple(LogLine(text=line) for line in text.splitlines())


_FIELDS: Mapping[str, Callable[[str], object]] = {
    "lasts": _seconds_or_forever,
    "ready-after": _seconds_or_forever,
    "create-seconds": _seconds,
    "start-seconds": _seconds,
    "term-seconds": _seconds_or_forever,
    "exit-codes": _codes,
    "reason": str,
    "log": _lines,
    "create-fault": str,
    "start-fault": str,
    "cpu": float,
    "memory": int,
}


def from_annotations(sandbox: SandboxConfig, container: ContainerConfig) -> Script:
    """The default director.  Raises ``BadScript`` for a field that does not exist or a value that does not fit."""
    given = _parse(sandbox.annotations, container.name)

    def take(name: str, default: T) -> T:
        value = given.get(name, default)
        return value  # type: ignore[return-value]  # _FIELDS parsed it to the type of the default

    codes = take("exit-codes", (0,))
    lasts = take("lasts", 0.0 if "exit-codes" in given else None)
    runs = tuple(
        Run(
            lasts=lasts,
            exit_code=code,
            reason=take("reason", ""),
            ready_after=take("ready-after", 0.0),
            logs=take("log", ()),
        )
        for code in codes
    )
    return Script(
        runs=runs,
        create_seconds=take("create-seconds", 0.0),
        start_seconds=take("start-seconds", 0.0),
        term_seconds=take("term-seconds", 0.0),
        create_fault=take("create-fault", ""),
        start_fault=take("start-fault", ""),
        cpu=take("cpu", 0.001),
        memory=take("memory", 1 << 20),
    )


def _parse(annotations: Mapping[str, str], container: str) -> dict[str, object]:
    general: dict[str, object] = {}
    own: dict[str, object] = {}
    for key, text in annotations.items():
        if not key.startswith(ANNOTATION_PREFIX):
            continue
        field, _, target = key.removeprefix(ANNOTATION_PREFIX).partition(".")
        if field not in _FIELDS:
            raise BadScript(f"cannot simulate annotation {key}: known fields are {', '.join(_FIELDS)}")
        if target not in ("", container):
            continue
        try:
            (own if target else general)[field] = _FIELDS[field](text)
        except ValueError as error:
            raise BadScript(f"cannot simulate annotation {key}={text}: {error}") from error
    return {**general, **own}
