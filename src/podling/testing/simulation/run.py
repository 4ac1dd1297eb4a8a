"""One seed from beginning to end: bad weather over a busy user, then a calm in which everything must come to rest as it should.

    start -> USER ACTIONS, faults, crashes, lost nodes -> calm: nodes back, no faults -> quiet -> laws

The whole of it hangs on the seed alone: `run(7)` gives the same story and the same writes whenever and wherever it is called.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from podling.api.types import core_v1
from podling.controllers import (
    cronjob,
    daemonset,
    deployment,
    disruption,
    garbagecollector,
    job,
    podgc,
    replicaset,
    replicationcontroller,
    serviceaccount,
    statefulset,
    ttlafterfinished,
)
from podling.controllers.registry import CONTROLLERS
from podling.testing import virtualtime

from . import laws
from .cluster import SimulatedCluster
from .faults import CALM, Rates
from .nodes import Course
from .user import Tell, User, wander
from .witness import Witness

WEATHERS = (
    CALM,
    Rates(refused=0.02, cut=0.01, lost=0.02, fatal=0.005, dropped=0.02, expired=0.01),
    Rates(refused=0.08, cut=0.05, lost=0.08, fatal=0.01, dropped=0.08, expired=0.04),
    Rates(lost=0.25),
    Rates(fatal=0.06),
    Rates(dropped=0.4, expired=0.1),
    Rates(refused=0.2, cut=0.1, lost=0.1, fatal=0.02, dropped=0.2, expired=0.1),
)
WORKLOADS = (
    serviceaccount,
    podgc,
    deployment,
    replicaset,
    replicationcontroller,
    daemonset,
    statefulset,
    job,
    cronjob,
    disruption,
    ttlafterfinished,
    garbagecollector,
)
"""The controllers that most seeds do with, for speed; every tenth has them all."""
NODES = ("node-1", "node-2", "node-3")
ACTIONS = 9
QUIET_SECONDS = 200.0
"""Longer than any back-off that a controller may be in."""
PATIENCE_SECONDS = 7200.0


@dataclass(slots=True)
class Report:
    """What came of a seed. `digest` is that of all writes."""

    seed: int
    story: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    digest: str = ""
    crashes: int = 0

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {breach}" for breach in self.breaches]
        return "\n".join([*lines, f"replay with: python -m podling.testing.simulation {self.seed}"])


def run(seed: int) -> Report:
    """Live through a seed."""
    report = Report(seed)
    virtualtime.run(_live(report))
    return report


async def _live(report: Report) -> None:
    seed = report.seed
    loop = asyncio.get_running_loop()

    def tell(line: str) -> None:
        report.story.append(f"{loop.time():9.3f} {line}")

    witness = Witness()
    courses = Random(f"{seed}/courses")
    everything = seed % 10 == 0
    async with SimulatedCluster(
        seed,
        nodes=NODES,
        rows=CONTROLLERS if everything else {each.NAME: each.controller for each in WORKLOADS},
        direct=lambda pod: _course(pod, courses),
        beats=everything,
        tell=tell,
    ) as cluster:
        cluster.chronicle.listen(lambda old, new: witness.see(old, new, loop.time()))
        chance = cluster.chance("events")
        user = User(cluster.client, cluster.chance("user"), tell)
        cluster.weather.rates = chance.choice(WEATHERS)
        witness.exact = not cluster.weather.rates.lost
        tell(f"weather: {cluster.weather.rates}")
        trouble = asyncio.create_task(_trouble(cluster, chance, tell), name="trouble")
        await wander(user, cluster.chance("pauses"), actions=ACTIONS)
        trouble.cancel()
        await asyncio.wait([trouble])
        await _calm(cluster, tell)
        if not await cluster.quiet(seconds=QUIET_SECONDS, at_most=PATIENCE_SECONDS):
            report.breaches.append("it never comes to rest")
        tell("quiet")
        report.breaches += witness.breaches
        report.breaches += laws.settled(laws.Picture(cluster.chronicle.objects()))
        report.digest = cluster.chronicle.digest
        report.crashes = cluster.crashes


async def _trouble(cluster: SimulatedCluster, chance: Random, tell: Tell) -> None:
    """Crashes and lost nodes, now and then, until cancelled."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / 10))
        if chance.random() < 0.5:
            cluster.crash()
            continue
        node = chance.choice(NODES)
        if cluster.nodes.is_lost(node):
            tell(f"{node} is back")
            await cluster.nodes.restore(node)
        else:
            tell(f"{node} is lost")
            cluster.nodes.lose(node)


async def _calm(cluster: SimulatedCluster, tell: Tell) -> None:
    cluster.weather.rates = CALM
    tell("calm")
    for node in NODES:
        if cluster.nodes.is_lost(node):
            await cluster.nodes.restore(node)
    user = User(cluster.client, cluster.chance("calm"), tell)
    await user.resume_all()


def _course(pod: core_v1.Pod, chance: Random) -> Course:
    """Most Pods do well; those of Jobs end, one in five badly; any other fails now and then."""
    starts, stops = chance.choice([0.0, 0.1, 3.0]), chance.choice([0.0, 0.5])
    if pod.spec is not None and pod.spec.restart_policy == "Never":
        code = int(chance.random() < 0.2)
        return Course(starts=starts, lasts=chance.choice([0.0, 1.0, 8.0]), code=code, stops=stops)
    fails = chance.random() < 0.03
    return Course(starts=starts, lasts=chance.uniform(0, 20) if fails else None, code=1, stops=stops)
