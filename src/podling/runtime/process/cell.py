"""One container as this process knows it: its record, what became of it, and who waits for its end.

CREATED ---> RUNNING ---> EXITED
    |            |
    |            +------> UNKNOWN   its supervisor died
    +-------------------> EXITED    it could not be started
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from podling.runtime.interface import Container, ContainerState

from . import records
from .records import ContainerRecord, Exit, Started

_LOST_EXIT_CODE = 255


@dataclass(slots=True, eq=False)
class Cell:
    """``folder`` is its place on disk; the fields beside ``record`` follow the files there."""

    record: ContainerRecord
    folder: Path
    started: Started | None = None
    exit: Exit | None = None
    lost: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def state(self) -> ContainerState:
        if self.exit is not None:
            return ContainerState.EXITED
        if self.lost:
            return ContainerState.UNKNOWN
        return ContainerState.CREATED if self.started is None else ContainerState.RUNNING

    @property
    def running(self) -> bool:
        return self.state is ContainerState.RUNNING

    def load(self) -> None:
        """Read all that was written of it before."""
        self.note_start()
        self.note_end()
        self.lost = (self.folder / "lost").exists()
        if self.lost:
            self.ended.set()

    def note_start(self) -> None:
        """The supervisor has started it."""
        self.started = records.load(self.folder / "started.json", Started)

    def note_end(self) -> None:
        """It has ended, if the supervisor wrote so."""
        ended, failed = (records.load(self.folder / name, Exit) for name in ("exit.json", "fault.json"))
        self.exit = ended or failed
        if self.exit is not None:
            self.ended.set()

    def fail(self, fault: Exit) -> None:
        """It could not be started."""
        records.save(self.folder / "fault.json", fault)
        self.note_end()

    def lose(self) -> None:
        """Its supervisor is gone and left no word of its end."""
        (self.folder / "lost").touch()
        self.lost = True
        self.ended.set()

    def status(self) -> Container:
        record, end = self.record, self.exit
        return Container(
            id=record.id,
            sandbox_id=record.sandbox_id,
            name=record.config.name,
            attempt=record.config.attempt,
            state=self.state,
            image=record.config.image,
            image_id=record.image_id,
            created_at=record.created_at,
            started_at=self.started.started_at if self.started else 0,
            finished_at=end.finished_at if end else 0,
            exit_code=end.code if end else _LOST_EXIT_CODE if self.lost else 0,
            signal=end.signal if end else 0,
            reason=_reason(end),
            message=end.message if end else "",
            pid=self.started.pid if self.started and self.running else 0,
            log_path=record.log,
            labels=record.config.labels,
            annotations=record.config.annotations,
        )


def _reason(end: Exit | None) -> str:
    if end is None:
        return ""
    return end.reason or ("Completed" if end.code == 0 else "Error")
