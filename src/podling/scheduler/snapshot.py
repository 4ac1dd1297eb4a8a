"""What the scheduler knows of nodes and of the Pods on them, as columns.

Why columns: a filter is one boolean mask and a score one vector over *all* nodes at once, so nothing is sampled.
Row ``i`` of every column is the node ``names[i]``; rows are reused, ``alive`` says which count.  Strings (label values,
taints, ports) are interned to small integers, so that matching is integer comparison.

Pure: changed only by the calls below, which the loop makes from informer events.  Pods are accounted under their UID;
assuming a Pod (``place``) before its binding is confirmed is the same call as learning of it, so confirming is a no-op.

Units: cpu in millicores, everything else in the resource's own unit (bytes, counts).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from podling.api import pod as pods
from podling.api import quantity
from podling.api.types import core_v1

from .storage import Storage, claims_of

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]

CPU, MEMORY, STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"
# Requests assumed for scoring where a container names none (upstream: pkg/scheduler/util/pod_resources.go).
DEFAULT_MILLI_CPU = 100.0
DEFAULT_MEMORY = 200.0 * 1024 * 1024
ABSENT = -1

Taint = tuple[str, str, str]  # key, value, effect


def amount(resource: str, given: quantity.Quantity) -> float:
    """A quantity in the unit of its column: millicores for cpu, whole units otherwise (rounded up)."""
    return float(given.milli_value() if resource == CPU else given.value())


@dataclass(frozen=True, slots=True)
class PodDemand:
    """What one Pod takes from its node: amounts by resource, its host ports, its scoring-only requests, its claims' keys."""

    amounts: Mapping[str, float]
    ports: tuple[pods.HostPort, ...]
    scored_cpu: float
    scored_memory: float
    claims: tuple[str, ...] = ()


def demand_of(pod: core_v1.Pod) -> PodDemand:
    """Read a Pod's demand off its spec; of one that was changed also off what its node has granted and has in force."""
    changed = bool(pod.metadata) and (pod.metadata.generation or 1) > 1
    asked = pods.requests(pod, use_status=changed)
    amounts = {name: amount(name, given) for name, given in asked.items()}
    amounts[PODS] = 1.0
    containers = len(pod.spec.containers) if pod.spec else 0
    return PodDemand(
        amounts,
        tuple(pods.host_ports(pod)),
        amounts.get(CPU, 0.0) or DEFAULT_MILLI_CPU * containers,
        amounts.get(MEMORY, 0.0) or DEFAULT_MEMORY * containers,
        claims_of(pod),
    )


@dataclass(slots=True)
class _Interned:
    """Values numbered in the order in which they first came."""

    ids: dict[object, int] = field(default_factory=dict)

    def number(self, value: object) -> int:
        return self.ids.setdefault(value, len(self.ids))


class Snapshot:
    """The columns.  ``generation`` rises with every change that could make an unschedulable Pod fit."""

    def __init__(self, *, capacity: int = 16) -> None:
        self.names: list[str] = []
        self.index: dict[str, int] = {}
        self.resources: dict[str, int] = {}
        self.alive: Mask = np.zeros(capacity, dtype=np.bool_)
        self.unschedulable: Mask = np.zeros(capacity, dtype=np.bool_)
        self.allocatable: Vector = np.zeros((capacity, 0))
        self.requested: Vector = np.zeros((capacity, 0))
        self.scored: Vector = np.zeros((capacity, 2))
        self.labels: dict[str, NDArray[np.int32]] = {}
        self.label_values: dict[str, _Interned] = {}
        self.taints: dict[Taint, Mask] = {}
        self.ports: dict[pods.HostPort, NDArray[np.int32]] = {}
        self.storage = Storage()
        self.claim_users: dict[str, dict[int, int]] = {}
        """For each claim the rows of the nodes whose Pods use it, and how many of them do."""
        self._free: list[int] = []
        self._placed: dict[str, tuple[int, PodDemand]] = {}
        self._waiting: dict[str, dict[str, PodDemand]] = {}
        for name in (CPU, MEMORY, STORAGE, PODS):
            self.column(name)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def rows(self) -> int:
        """Length of every column, dead rows included."""
        return len(self.names)

    def column(self, resource: str) -> int:
        """The column of a resource, made where it is new."""
        if resource not in self.resources:
            self.resources[resource] = len(self.resources)
            blank = np.zeros((len(self.alive), 1))
            self.allocatable = np.hstack([self.allocatable, blank])
            self.requested = np.hstack([self.requested, blank])
        return self.resources[resource]

    def set_node(self, node: core_v1.Node) -> None:
        """Add a node or replace what is known of it; Pods placed on it stay accounted."""
        name = node.metadata.name if node.metadata else None
        if not name:
            return
        row = self.index.get(name)
        if row is None:
            row = self._new_row(name)
        self.unschedulable[row] = bool(node.spec and node.spec.unschedulable)
        self.allocatable[row, :] = 0.0
        status = node.status
        offered = (status.allocatable or status.capacity or {}) if status else {}
        for resource, text in offered.items():
            column = self.column(resource)
            self.allocatable[row, column] = amount(resource, quantity.parse(text))
        self._set_labels(row, (node.metadata.labels if node.metadata else None) or {})
        self._set_taints(row, (node.spec.taints if node.spec else None) or ())
        for uid, demand in self._waiting.pop(name, {}).items():
            self._account(uid, row, demand)

    def remove_node(self, name: str) -> None:
        """Forget a node.  Pods still bound to it wait for its return."""
        row = self.index.pop(name, None)
        if row is None:
            return
        for uid, (where, demand) in list(self._placed.items()):
            if where == row:
                self.displace(uid)
                self._waiting.setdefault(name, {})[uid] = demand
        self.alive[row] = False
        self._set_labels(row, {})
        self._set_taints(row, ())
        self.names[row] = ""
        self._free.append(row)

    def place(self, uid: str, node: str, demand: PodDemand) -> bool:
        """Account a Pod on a node, whether bound or only assumed; moving or repeating is allowed.

        Returns whether it takes less of something than before.
        """
        row = self.index.get(node)
        if row is None:
            self.displace(uid)
            self._waiting.setdefault(node, {})[uid] = demand
            return False
        before = self._placed.get(uid)
        if before == (row, demand):
            return False
        self.displace(uid)
        self._account(uid, row, demand)
        if before is None:
            return False
        had = before[1].amounts
        return any(had[name] > demand.amounts.get(name, 0.0) for name in had)

    def displace(self, uid: str) -> bool:
        """Take a Pod's demand back; False if it was not accounted."""
        found = self._placed.pop(uid, None)
        if found is None:
            return any(waiting.pop(uid, None) for waiting in self._waiting.values())
        row, demand = found
        self._add(row, demand, sign=-1.0)
        return True

    def label(self, key: str) -> NDArray[np.int32]:
        """Each node's interned value of a label; ``ABSENT`` where it has none."""
        found = self.labels.get(key)
        return np.full(self.rows, ABSENT, dtype=np.int32) if found is None else found[: self.rows]

    def label_values_of(self, key: str) -> Mapping[object, int]:
        """The numbers behind a label's values."""
        interned = self.label_values.get(key)
        return interned.ids if interned else {}

    def _account(self, uid: str, row: int, demand: PodDemand) -> None:
        self._placed[uid] = (row, demand)
        self._add(row, demand, sign=1.0)

    def _add(self, row: int, demand: PodDemand, *, sign: float) -> None:
        for resource, value in demand.amounts.items():
            column = self.column(resource)
            self.requested[row, column] += sign * value
        self.scored[row, 0] += sign * demand.scored_cpu
        self.scored[row, 1] += sign * demand.scored_memory
        for port in demand.ports:
            column_of_port = self.ports.setdefault(port, np.zeros(len(self.alive), dtype=np.int32))
            column_of_port[row] += int(sign)
        for claim in demand.claims:
            users = self.claim_users.setdefault(claim, {})
            users[row] = users.get(row, 0) + int(sign)
            if not users[row]:
                del users[row]
            if not users:
                del self.claim_users[claim]

    def _new_row(self, name: str) -> int:
        if self._free:
            row = self._free.pop()
            self.names[row] = name
        else:
            row = len(self.names)
            self.names.append(name)
            if row >= len(self.alive):
                self._grow()
        self.index[name] = row
        self.alive[row] = True
        return row

    def _grow(self) -> None:
        more = len(self.alive)
        self.alive = np.concatenate([self.alive, np.zeros(more, dtype=np.bool_)])
        self.unschedulable = np.concatenate([self.unschedulable, np.zeros(more, dtype=np.bool_)])
        self.allocatable = np.vstack([self.allocatable, np.zeros((more, self.allocatable.shape[1]))])
        self.requested = np.vstack([self.requested, np.zeros((more, self.requested.shape[1]))])
        self.scored = np.vstack([self.scored, np.zeros((more, 2))])
        absent = np.full(more, ABSENT, dtype=np.int32)
        self.labels = {key: np.concatenate([column, absent]) for key, column in self.labels.items()}
        none = np.zeros(more, dtype=np.bool_)
        self.taints = {taint: np.concatenate([column, none]) for taint, column in self.taints.items()}
        zero = np.zeros(more, dtype=np.int32)
        self.ports = {port: np.concatenate([column, zero]) for port, column in self.ports.items()}

    def _set_labels(self, row: int, labels: Mapping[str, str]) -> None:
        for key, column in self.labels.items():
            if key not in labels:
                column[row] = ABSENT
        for key, value in labels.items():
            if key not in self.labels:
                self.labels[key] = np.full(len(self.alive), ABSENT, dtype=np.int32)
                self.label_values[key] = _Interned()
            self.labels[key][row] = self.label_values[key].number(value)

    def _set_taints(self, row: int, taints: Iterable[core_v1.Taint]) -> None:
        wanted = {(taint.key, taint.value or "", taint.effect) for taint in taints}
        for column in self.taints.values():
            column[row] = False
        for taint in sorted(wanted):
            self.taints.setdefault(taint, np.zeros(len(self.alive), dtype=np.bool_))[row] = True
