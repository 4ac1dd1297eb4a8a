"""One container in memory: its records, its state and who waits for its end.

    created --start--> running --exit--> exited
       └----start failed------------------^

A ``Cell`` moves only along these arrows; anything else is a bug and says so.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

from podling.runtime.interface import Container, ContainerState

from .records import ContainerRecord, ContainerStatus

_MOVES = {
    ContainerState.CREATED: {ContainerState.RUNNING, ContainerState.EXITED},
    ContainerState.RUNNING: {ContainerState.EXITED},
    ContainerState.EXITED: set(),
}


class Cell:
    """``lock`` serialises start and remove; ``exited`` is set once the exit is on record."""

    def __init__(self, record: ContainerRecord, folder: Path, *, group: str) -> None:
        self.record = record
        self.folder = folder
        self.group = group
        self.state = ContainerState.CREATED
        self.status = ContainerStatus()
        self.lock = asyncio.Lock()
        self.exited = asyncio.Event()
        self.removed = False
        self.resources = record.config.resources
        self.pidfd = -1
        self.conmon_fd = -1

    def __repr__(self) -> str:
        return f"<Cell {self.record.config.name} {self.record.id[:12]} {self.state.value}>"

    @property
    def id(self) -> str:
        return self.record.id

    def move(self, state: ContainerState, **status: object) -> None:
        if state not in _MOVES[self.state]:
            raise AssertionError(f"{self!r} cannot become {state.value}")
        self.state = state
        self.status = replace(self.status, **status)  # type: ignore[arg-type]
        if state is ContainerState.EXITED:
            self.exited.set()

    def watch_processes(self) -> None:
        """Open the pidfds of the container's first process and of its supervisor; -1 for what is gone."""
        status = self.status
        self.pidfd = status.process.open() if status.process else -1
        self.conmon_fd = status.conmon.open() if status.conmon else -1

    def signal(self, number: int) -> None:
        """Signal the first process; nothing happens if it is gone."""
        if self.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self.pidfd, number)
            except ProcessLookupError:
                return

    def close(self) -> None:
        for fd in (self.pidfd, self.conmon_fd):
            if fd >= 0:
                os.close(fd)
        self.pidfd = self.conmon_fd = -1

    def view(self) -> Container:
        record, status = self.record, self.status
        return Container(
            id=record.id,
            sandbox_id=record.sandbox_id,
            name=record.config.name,
            attempt=record.config.attempt,
            state=self.state,
            image=record.config.image,
            image_id=record.image_id,
            created_at=record.created_at,
            started_at=status.started_at,
            finished_at=status.finished_at,
            exit_code=status.exit_code,
            reason=status.reason,
            message=status.message,
            pid=status.process.pid if status.process and self.state is ContainerState.RUNNING else 0,
            log_path=record.log_path,
            labels=record.config.labels,
            annotations=record.config.annotations,
            resources=self.resources,
            user=record.user,
        )
