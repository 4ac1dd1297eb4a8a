"""Admission: what is changed or refused between authorization and validation, in the order of the table below.

The order and the plugins are upstream's defaults plus NodeRestriction, as far as this server has them.  A plugin is
a module with `admit(review, world)`, called for the operations and resources its row names; it may change
`review.obj` or raise an `ApiError`.  What judges the object as it will be stored is called `check` and comes after validation.  A new plugin is a module and a row.  Plugins look at the cluster through
`World`, which reads the watch caches, so most never wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

from . import (
    claim_resize,
    default_storage_class,
    default_tolerations,
    limit_ranger,
    namespace_lifecycle,
    node_restriction,
    pod_security,
    priority,
    runtime_class,
    service_account,
    storage_protection,
)
from .review import Operation, Review, World
from .timing import Timing

__all__ = ["Admission", "Operation", "Plugin", "Review", "World"]

Admit = Callable[[Review, World], Awaitable[None]]
_CREATE = frozenset({Operation.CREATE})
_UPDATE = frozenset({Operation.UPDATE})
_WRITES = frozenset({Operation.CREATE, Operation.UPDATE})
_ALL = frozenset({Operation.CREATE, Operation.UPDATE, Operation.DELETE})
_PODS = frozenset({"pods"})
_CLAIMS = frozenset({"persistentvolumeclaims"})
_SECURED = frozenset(
    {
        "namespaces",
        "pods",
        "podtemplates",
        "replicationcontrollers",
        "cronjobs.batch",
        "daemonsets.apps",
        "deployments.apps",
        "jobs.batch",
        "replicasets.apps",
        "statefulsets.apps",
    }
)
_NODE_WRITES = frozenset(
    {
        "pods",
        "nodes",
        "persistentvolumes",
        "persistentvolumeclaims",
        "leases.coordination.k8s.io",
        "csinodes.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "serviceaccounts",
    }
)


@dataclass(frozen=True, slots=True)
class Plugin:
    """One row: called for these operations on these resources (None: all) and subresources ("*": all)."""

    name: str
    admit: Admit | None
    operations: frozenset[Operation]
    resources: frozenset[str] | None = None
    subresources: frozenset[str] = frozenset({""})
    check: Admit | None = None
    """Called when the object is complete and valid, in the same order; it changes nothing."""

    def handles(self, operation: Operation, resource: str, subresource: str) -> bool:
        return (
            operation in self.operations
            and (self.resources is None or resource in self.resources)
            and ("*" in self.subresources or subresource in self.subresources)
        )


PLUGINS = (
    Plugin("NamespaceLifecycle", namespace_lifecycle.admit, _ALL, subresources=frozenset({"*"})),
    Plugin(
        "LimitRanger",
        limit_ranger.admit,
        _WRITES,
        frozenset({"pods", "persistentvolumeclaims"}),
        frozenset({"", "resize"}),
        check=limit_ranger.check,
    ),
    Plugin("ServiceAccount", service_account.admit, _CREATE, _PODS),
    Plugin("NodeRestriction", node_restriction.admit, _ALL, _NODE_WRITES, frozenset({"*"})),
    Plugin(
        "PodSecurity",
        None,
        _WRITES,
        _SECURED,
        frozenset({"", "ephemeralcontainers"}),
        check=pod_security.check,
    ),
    Plugin("Priority", priority.admit, _WRITES, frozenset({"pods", "priorityclasses.scheduling.k8s.io"})),
    Plugin("DefaultTolerationSeconds", default_tolerations.admit, _WRITES, _PODS),
    Plugin("DefaultStorageClass", default_storage_class.admit, _CREATE, _CLAIMS),
    Plugin(
        "StorageObjectInUseProtection", storage_protection.admit, _CREATE, _CLAIMS | {"persistentvolumes"}
    ),
    Plugin("PersistentVolumeClaimResize", None, _UPDATE, _CLAIMS, check=claim_resize.check),
    Plugin("RuntimeClass", runtime_class.admit, _CREATE, _PODS),
)


class Admission:
    """The plugins of one server."""

    def __init__(self, world: World, plugins: tuple[Plugin, ...] = PLUGINS) -> None:
        self._world = world
        self._plugins = plugins
        self.timing = Timing()

    async def admit(self, review: Review) -> None:
        """Let every plugin that handles the review have its say, in order; the first refusal ends it."""
        await self._each(review, self._asked(review).admits, "admit")

    async def check(self, review: Review) -> None:
        """Let every plugin judge the object as it will be stored; the first refusal ends it."""
        await self._each(review, self._asked(review).checks, "validate")

    async def _each(self, review: Review, acts: Sequence[tuple[str, Admit]], step: str) -> None:
        operation, timing, name = review.operation.value, self.timing, ""
        began = last = perf_counter()
        try:
            for name, act in acts:
                await act(review, self._world)
                now = perf_counter()
                timing.plugin((name, operation, step, "false"), now - last)
                last = now
        except BaseException:
            now = perf_counter()
            timing.plugin((name, operation, step, "true"), now - last)
            timing.step((operation, step, "true"), now - began)
            raise
        timing.step((operation, step, "false"), last - began)

    def _asked(self, review: Review) -> _Acts:
        asked = (review.operation, review.resource, review.subresource)
        acts = self._chosen.get(asked)
        if acts is None:
            plugins = [plugin for plugin in self._plugins if plugin.handles(*asked)]
            acts = self._chosen[asked] = _Acts(
                [(plugin.name, plugin.admit) for plugin in plugins if plugin.admit is not None],
                [(plugin.name, plugin.check) for plugin in plugins if plugin.check is not None],
            )
        return acts

    @cached_property
    def _chosen(self) -> dict[tuple[Operation, str, str], _Acts]:
        return {}


@dataclass(frozen=True, slots=True)
class _Acts:
    """What is done for one operation on one resource, in order, with the plugins' names."""

    admits: Sequence[tuple[str, Admit]]
    checks: Sequence[tuple[str, Admit]]
