"""Rows of the conformance lists as data: a Pod that runs to its end, and what it must have said and come to.

All Pods of a module run at once in one real world; each row is then a test of its own.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from real_netns import make_netns, remove_netns
from real_world import RealWorld

from podling.api.types import core_v1

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One Pod.

    about     the requirement, in short.
    script    what its container `main` runs; containers  instead of it: whole containers.
    says      what `main` must have written, line by line; None = not looked at.
    phase     in which the Pod must end; reason  its own, if any.
    message   how `main` explains its end; None = not looked at.
    mounts    volumeMounts of `main`; container  further fields of it; spec  further fields of the Pod's spec.
    """

    about: str
    script: str = ""
    says: Sequence[str] | None = None
    phase: str = "Succeeded"
    reason: str | None = None
    message: str | None = None
    mounts: Sequence[dict[str, Any]] = ()
    container: dict[str, Any] = field(default_factory=dict)
    containers: Sequence[dict[str, Any]] = ()
    spec: dict[str, Any] = field(default_factory=dict)

    def pod_containers(self) -> list[dict[str, Any]]:
        if self.containers:
            return [*self.containers]
        main = {"name": "main", "image": "busybox", "volumeMounts": [*self.mounts]}
        if self.script:
            main["command"] = ["sh", "-c", self.script]
        return [main | self.container]


@dataclass(frozen=True)
class Outcome:
    pod: core_v1.Pod
    lines: Sequence[str]
    events: Sequence[tuple[str, str]]


def pod_name(row: Row) -> str:
    """From what it is about."""
    return "".join(c if c.isalnum() else "-" for c in row.about.lower()).strip("-")[:63].rstrip("-")


async def run(world: RealWorld, rows: Iterable[Row]) -> dict[str, Outcome]:
    """Every row's Pod to its end, by what it is about."""

    async def one(row: Row) -> tuple[str, Outcome]:
        name = pod_name(row)
        await world.create(name, *row.pod_containers(), **({"restartPolicy": "Never"} | row.spec))
        try:
            pod = await world.until(name, lambda pod: pod.status.phase in ("Succeeded", "Failed"))
        except TimeoutError:
            pod = await world.get(name)  # its own row tells; the others go on
        return row.about, Outcome(pod, _said(world, pod), await world.events(name))

    return dict(await asyncio.gather(*(one(row) for row in rows)))


def judge(row: Row, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[row.about]
    if row.says is not None:
        assert list(outcome.lines) == list(row.says), (list(outcome.lines), outcome.events)
    status = outcome.pod.status
    assert (status.phase, status.reason) == (row.phase, row.reason), status
    if row.message is not None:
        main = next(one for one in status.container_statuses if one.name == "main")
        assert (main.state.terminated.message or "") == row.message


def _said(world: RealWorld, pod: core_v1.Pod) -> list[str]:
    """What `main` wrote on stdout, without the log's own columns."""
    try:
        text = world.log(pod)
    except FileNotFoundError:  # it never ran
        return []
    written = (line.split(" ", 3) for line in text.splitlines())
    return [parts[3] for parts in written if parts[1] == "stdout"]


def play(
    rows: Sequence[Row], *, folder: Path, images: Path, prepare: Callable[[RealWorld], Awaitable[None]]
) -> dict[str, Outcome]:
    """All rows in a world of their own, after ``prepare`` has made what they refer to."""

    async def all_rows(world: RealWorld) -> dict[str, Outcome]:
        await prepare(world)
        return await run(world, rows)

    return in_world(all_rows, folder=folder, images=images)


def in_world(
    work: Callable[[RealWorld], Awaitable[T]], *, folder: Path, images: Path, runtime: str = ""
) -> T:
    """What ``work`` finds in a world of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups")
    path = folder / f"netns-{secrets.token_hex(4)}"

    async def whole() -> T:
        async with RealWorld(folder, netns=str(path), images=images, runtime=runtime) as world:
            return await work(world)

    make_netns(path)
    try:
        return asyncio.run(whole())
    finally:
        remove_netns(path)
