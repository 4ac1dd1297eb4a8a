"""When a namespace that is being deleted is looked at, and what is done about it.

Nothing is polled while Pods end: the last one's deletion wakes us. Other objects with finalizers are looked at again from time to time, less
and less often, as nobody watches every kind there is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from podling.api import codec, kinds, times
from podling.api.errors import NotFound
from podling.api.types import core_v1
from podling.client.client import Client
from podling.client.discovery import discover
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key
from podling.controllers.termination import is_terminating

from .conditions import Remains, conditions
from .sweep import sweep

NAME = "namespace-controller"
FINALIZER = "kubernetes"


def is_ours(namespace: core_v1.Namespace) -> bool:
    """Whether its content is still ours to delete."""
    finalizers = (namespace.spec.finalizers if namespace.spec else None) or ()
    return is_terminating(namespace) and FINALIZER in finalizers


def next_look(waited: float) -> float:
    """Seconds until stubborn content is looked at again, after waiting for `waited`: 1 s at first, 15 s in the end."""
    return min(15.0, 1.0 + max(0.0, waited) / 10)


class Deletion:
    """Brings one namespace after the other to its end."""

    def __init__(self, context: Context) -> None:
        self._client: Client = context.clients(NAME)
        self._clock = context.clock
        self._namespaces = context.informers.get(core_v1.Namespace)
        self._pods = context.informers.get(core_v1.Pod)

    def keys_of_pod(self, pod: core_v1.Pod) -> Sequence[Key]:
        """The Pod's namespace, when it waits for its Pods and this was the last one."""
        name = pod.metadata.namespace or ""
        namespace = self._namespaces.get("", name)
        if namespace is None or not is_ours(namespace) or self._pods.list(name):
            return ()
        return (Key("", name),)

    async def reconcile(self, key: Key) -> Outcome:
        namespace = self._namespaces.get("", key.name)
        if namespace is None or not is_ours(namespace):
            return DONE
        remains = await sweep(self._client, await discover(self._client), key.name)
        if remains.nothing:
            await self._finalize(key.name)
            return DONE
        await self._show(namespace, remains)
        deleted_at = times.parse(namespace.metadata.deletion_timestamp or "")
        return Again(next_look(self._clock.now() - deleted_at))

    async def _show(self, namespace: core_v1.Namespace, remains: Remains) -> None:
        before = (namespace.status.conditions if namespace.status else None) or []
        after = conditions(before, remains, now=self._clock.now())
        phase = namespace.status.phase if namespace.status else None
        if after == before and phase == "Terminating":
            return
        changed = codec.struct_clone(namespace)
        changed.status = core_v1.NamespaceStatus(phase="Terminating", conditions=after)
        with contextlib.suppress(NotFound):
            await self._client.resource(core_v1.Namespace).update(changed, subresource="status")

    async def _finalize(self, name: str) -> None:
        """Take our finalizer off; without any other the server then removes the namespace."""
        namespaces = self._client.resource(core_v1.Namespace)
        with contextlib.suppress(NotFound):
            fresh = await namespaces.get(name)
            spec = fresh.spec or core_v1.NamespaceSpec()
            spec.finalizers = [each for each in spec.finalizers or () if each != FINALIZER]
            fresh.spec = spec
            await namespaces.update(fresh, subresource="finalize")


def controller(context: Context) -> Controller:
    deletion = Deletion(context)
    return Controller(
        name=NAME,
        watches=(
            Watch(kind=kinds.NAMESPACE, keys=own_key),
            Watch(kind=kinds.POD, keys=deletion.keys_of_pod),
        ),
        reconcile=deletion.reconcile,
        workers=5,
    )
