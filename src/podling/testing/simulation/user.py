"""A user who cannot make up his mind: creates, scales, updates, rolls back, pauses, guards, evicts and deletes at random.

He has two kinds in mind and one or two names for each, and uses them again and again, so that the old object is often still on its way out.
`act` does one thing, by the weights in ACTIONS; what the API refuses, because the object is not there or is there already, he shrugs off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any

from podling.api import kinds
from podling.api.errors import ApiError
from podling.api.kinds import Kind
from podling.api.types import meta_v1, policy_v1
from podling.client.client import Client

NAMESPACE = "default"
NAMES = ("a", "a", "b")
IMAGES = ("busybox:1", "busybox:2", "busybox:3")
SCALED = (kinds.DEPLOYMENT, kinds.STATEFUL_SET, kinds.REPLICA_SET, kinds.REPLICATION_CONTROLLER)
UPDATED = (kinds.DEPLOYMENT, kinds.STATEFUL_SET, kinds.DAEMON_SET)
WORKLOADS = (*SCALED, kinds.DAEMON_SET, kinds.JOB, kinds.CRON_JOB)
BUDGETS = ({"minAvailable": 1}, {"minAvailable": "50%"}, {"maxUnavailable": 1}, {"maxUnavailable": "34%"})
PAUSES = (0.0, 0.01, 0.1, 0.5, 1.0, 4.0, 15.0)
CRON_PAUSES = (*PAUSES, 30.0, 61.0)
"""Long enough for a time of the schedule to come."""
PROPAGATIONS = ("Background", "Background", "Foreground", "Orphan")

Body = dict[str, Any]
Tell = Callable[[str], None]


class User:
    """`tell` hears what is done."""

    def __init__(self, client: Client, chance: Random, tell: Tell) -> None:
        self._client = client
        self._chance = chance
        self._tell = tell
        self.kinds = chance.sample(WORKLOADS, 2)

    async def begin(self) -> None:
        """One object of each kind that he has in mind."""
        for kind in self.kinds:
            await self.create(kind, NAMES[0])

    async def act(self) -> None:
        """One thing."""
        kind, name = self._chance.choice(self.kinds), self._chance.choice(NAMES)
        apt = [(action, weight) for action, weight, to in ACTIONS if kind in to]
        action = self._chance.choices([each for each, _ in apt], [weight for _, weight in apt])[0]
        try:
            await action(self, kind, name)
        except ApiError as error:
            self._tell(f"user is refused: {error}")

    async def create(self, kind: Kind, name: str) -> None:
        spec = SPECS[kind](self._chance, _labels(kind, name))
        self._tell(f"user creates {kind.kind} {name}: {_shown(spec)}")
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, "spec": spec}
        await self._client.untyped(kind).create(body, namespace=NAMESPACE)

    async def scale(self, kind: Kind, name: str) -> None:
        await self._patch(kind, name, {"spec": {"replicas": self._chance.randint(0, 5)}})

    async def update(self, kind: Kind, name: str) -> None:
        """To another image, or back to one that was there before."""
        images = [{"name": "main", "image": self._chance.choice(IMAGES)}]
        await self._patch(kind, name, {"spec": {"template": {"spec": {"containers": images}}}})

    async def pause(self, kind: Kind, name: str) -> None:
        await self._patch(kind, name, {"spec": {"paused": self._chance.random() < 0.4}})

    async def suspend(self, kind: Kind, name: str) -> None:
        await self._patch(kind, name, {"spec": {"suspend": self._chance.random() < 0.4}})

    async def speed_up(self, kind: Kind, name: str) -> None:
        await self._patch(kind, name, {"spec": {"parallelism": self._chance.randint(1, 3)}})

    async def delete(self, kind: Kind, name: str) -> None:
        policy = self._chance.choice(PROPAGATIONS)
        self._tell(f"user deletes {kind.kind} {name} ({policy})")
        await self._client.resource(kind).delete(name, namespace=NAMESPACE, propagation_policy=policy)

    async def delete_pod(self, kind: Kind, name: str) -> None:
        """Any: a Pod's name does not say whose it is."""
        pods = (await self._client.resource(kinds.POD).list(namespace=NAMESPACE)).items
        if pods:
            pod = self._chance.choice(pods).metadata.name
            self._tell(f"user deletes Pod {pod}")
            await self._client.resource(kinds.POD).delete(pod, namespace=NAMESPACE)

    async def evict_pod(self, kind: Kind, name: str) -> None:
        """Any, unless a budget forbids it."""
        pods = (await self._client.resource(kinds.POD).list(namespace=NAMESPACE)).items
        if pods:
            pod = self._chance.choice(pods).metadata.name
            self._tell(f"user evicts Pod {pod}")
            eviction = policy_v1.Eviction(metadata=meta_v1.ObjectMeta(name=pod, namespace=NAMESPACE))
            pods_of_his = self._client.resource(kinds.POD)
            await pods_of_his.create_subresource(pod, "eviction", eviction, namespace=NAMESPACE)

    async def guard(self, kind: Kind, name: str) -> None:
        """A budget for the Pods of one workload, under its name."""
        labels = _labels(kind, name)
        spec = {**self._chance.choice(BUDGETS), "selector": {"matchLabels": labels}}
        self._tell(f"user guards {kind.kind} {name}: {spec}")
        body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": labels["app"]}}
        await self._client.untyped(kinds.POD_DISRUPTION_BUDGET).create(
            {**body, "spec": spec}, namespace=NAMESPACE
        )

    async def unguard(self, kind: Kind, name: str) -> None:
        self._tell(f"user no longer guards {kind.kind} {name}")
        budgets = self._client.resource(kinds.POD_DISRUPTION_BUDGET)
        await budgets.delete(_labels(kind, name)["app"], namespace=NAMESPACE)

    async def resume_all(self) -> None:
        """Let go on what was paused or suspended, and start nothing new, so that everything can come to its end."""
        for kind, spec in (
            (kinds.CRON_JOB, {"suspend": True}),
            (kinds.DEPLOYMENT, {"paused": False}),
            (kinds.JOB, {"suspend": False}),
        ):
            for each in (await self._client.resource(kind).list(namespace=NAMESPACE)).items:
                await self._patch(kind, each.metadata.name, {"spec": spec})

    async def _patch(self, kind: Kind, name: str, patch: Body) -> None:
        self._tell(f"user patches {kind.kind} {name}: {patch['spec']}")
        await self._client.untyped(kind).patch(name, patch, namespace=NAMESPACE)


Action = Callable[[User, Kind, str], Awaitable[None]]
ACTIONS: Sequence[tuple[Action, int, Sequence[Kind]]] = (
    (User.create, 4, WORKLOADS),
    (User.scale, 6, SCALED),
    (User.update, 6, UPDATED),
    (User.delete, 2, WORKLOADS),
    (User.delete_pod, 2, WORKLOADS),
    (User.pause, 2, (kinds.DEPLOYMENT,)),
    (User.suspend, 3, (kinds.JOB, kinds.CRON_JOB)),
    (User.speed_up, 3, (kinds.JOB,)),
    (User.guard, 2, SCALED),
    (User.unguard, 1, SCALED),
    (User.evict_pod, 2, SCALED),
)


def _labels(kind: Kind, name: str) -> dict[str, str]:
    """Of the Pods of one workload."""
    return {"app": f"{kind.kind}-{name}".lower()}


def _template(labels: dict[str, str], chance: Random, **spec: Any) -> Body:
    container = {"name": "main", "image": chance.choice(IMAGES)}
    return {
        "metadata": {"labels": labels},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **spec},
    }


def _replicated(chance: Random, labels: dict[str, str]) -> Body:
    return {
        "replicas": chance.randint(1, 5),
        "selector": {"matchLabels": labels},
        "template": _template(labels, chance),
    }


def _controller(chance: Random, labels: dict[str, str]) -> Body:
    return {**_replicated(chance, labels), "selector": labels}


def _deployment(chance: Random, labels: dict[str, str]) -> Body:
    rolling = {
        "maxSurge": chance.choice([0, 1, 2, "25%", "100%"]),
        "maxUnavailable": chance.choice([1, 2, "34%"]),
    }
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    if chance.random() < 0.2:
        strategy = {"type": "Recreate"}
    return {
        **_replicated(chance, labels),
        "strategy": strategy,
        "minReadySeconds": chance.choice([0, 0, 5]),
        "revisionHistoryLimit": chance.choice([0, 1, 10]),
    }


def _stateful(chance: Random, labels: dict[str, str]) -> Body:
    return {
        **_replicated(chance, labels),
        "serviceName": "none",
        "podManagementPolicy": chance.choice(["OrderedReady", "Parallel"]),
        "minReadySeconds": chance.choice([0, 0, 3]),
    }


def _daemons(chance: Random, labels: dict[str, str]) -> Body:
    rolling = chance.choice(
        [{"maxUnavailable": 1}, {"maxUnavailable": 2}, {"maxSurge": 1, "maxUnavailable": 0}]
    )
    return {
        "selector": {"matchLabels": labels},
        "template": _template(labels, chance),
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
    }


def _job(chance: Random, labels: dict[str, str]) -> Body:
    mode = chance.choice(["NonIndexed", "Indexed"])
    spec: Body = {
        "completions": chance.randint(1, 4),
        "parallelism": chance.randint(1, 3),
        "completionMode": mode,
        "backoffLimit": chance.choice([0, 2, 6]),
        "template": _template(labels, chance, restartPolicy="Never"),
    }
    if mode == "Indexed" and chance.random() < 0.3:
        del spec["backoffLimit"]
        spec["backoffLimitPerIndex"] = 1
    if chance.random() < 0.2:
        spec["ttlSecondsAfterFinished"] = 20
    return spec


def _cron_job(chance: Random, labels: dict[str, str]) -> Body:
    spec: Body = {
        "schedule": "* * * * *",
        "concurrencyPolicy": chance.choice(["Allow", "Forbid", "Replace"]),
        "successfulJobsHistoryLimit": chance.choice([0, 1, 3]),
        "failedJobsHistoryLimit": chance.choice([0, 1]),
        "jobTemplate": {"spec": _job(chance, labels)},
    }
    if chance.random() < 0.3:
        spec["startingDeadlineSeconds"] = 30
    return spec


SPECS: Mapping[Kind, Callable[[Random, dict[str, str]], Body]] = {
    kinds.DEPLOYMENT: _deployment,
    kinds.STATEFUL_SET: _stateful,
    kinds.REPLICA_SET: _replicated,
    kinds.REPLICATION_CONTROLLER: _controller,
    kinds.DAEMON_SET: _daemons,
    kinds.JOB: _job,
    kinds.CRON_JOB: _cron_job,
}


def _shown(body: Body) -> str:
    """A spec in few words: the template says nothing of use but its image."""
    shown = {
        name: value for name, value in body.items() if name not in ("template", "selector", "jobTemplate")
    }
    template = body.get("template")
    if template:
        shown["image"] = template["spec"]["containers"][0]["image"]
    return str(shown)


async def wander(user: User, chance: Random, *, actions: int) -> None:
    """So many things, with pauses that are often too short for the last one to be over."""
    await user.begin()
    for _ in range(actions):
        await asyncio.sleep(chance.choice(CRON_PAUSES if kinds.CRON_JOB in user.kinds else PAUSES))
        await user.act()
    await asyncio.sleep(1.0)
