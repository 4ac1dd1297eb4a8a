"""Taking the finalizer off Pods, remembering what the informer does not show yet, and freeing Pods that no Job will count any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from podling.api import kinds
from podling.api.errors import ApiError, NotFound
from podling.api.types import batch_v1, core_v1
from podling.client.client import Client
from podling.client.errors import ClientError
from podling.client.informer import Informer
from podling.client.resource import PatchType
from podling.controllers.ownership import controller_of
from podling.controllers.reconcile import Key

from .pods import FINALIZER, is_tracked, uid

TRACKED = "batch/job-tracked"


def by_tracking_job(pod: core_v1.Pod) -> Sequence[str]:
    """Index function: the key of the Job that a tracked Pod names; without a name if nobody controls it."""
    if not is_tracked(pod):
        return ()
    reference = controller_of(pod)
    if reference is None:
        return (str(orphans_of(pod)),)
    return (str(Key(pod.metadata.namespace or "", reference.name)),) if is_job(reference) else ()


def orphans_of(pod: core_v1.Pod) -> Key:
    """The key that stands for all tracked Pods of the namespace that nobody controls."""
    return Key(pod.metadata.namespace or "", "")


def is_job(reference: Any) -> bool:
    return (reference.api_version, reference.kind) == (kinds.JOB.api_version, kinds.JOB.kind)


class Tracking:
    def __init__(self, client: Client, pods: Informer[Any]) -> None:
        self._writes = client.resource(core_v1.Pod)
        self._pods = pods
        self._stripped: dict[Key, dict[str, str]] = {}

    def stripped(self, key: Key) -> frozenset[str]:
        """UIDs of Pods whose finalizer is off, though the informer still shows it."""
        held = self._stripped.get(key, {})
        for name in [name for name, pod_name in held.items() if not self._shows(key, name, pod_name)]:
            del held[name]
        if not held:
            self._stripped.pop(key, None)
        return frozenset(held)

    async def strip(self, key: Key, pods: Iterable[core_v1.Pod]) -> tuple[set[str], Exception | None]:
        """The UIDs of those that are free of it now, and the first error."""
        chosen = list(pods)
        results = await asyncio.gather(*(self._strip(key, pod) for pod in chosen))
        free = {uid(pod) for pod, error in zip(chosen, results, strict=True) if error is None}
        return free, next((error for error in results if error is not None), None)

    async def free_strays(self, key: Key, job: batch_v1.Job | None) -> None:
        """Let go of tracked Pods that name this Job but are not of it. Raises the first error."""
        wanted = job.metadata.uid if job is not None else None
        strays = [
            pod for pod in self._pods.by_index(TRACKED, str(key)) if wanted is None or _owner(pod) != wanted
        ]
        results = await asyncio.gather(*(self._strip(key, pod, unchanged=True) for pod in strays))
        for error in results:
            if error is not None:
                raise error

    def forget(self, key: Key) -> None:
        self._stripped.pop(key, None)

    def _shows(self, key: Key, name: str, pod_name: str) -> bool:
        pod = self._pods.get(key.namespace, pod_name)
        return pod is not None and uid(pod) == name and is_tracked(pod)

    async def _strip(self, key: Key, pod: core_v1.Pod, *, unchanged: bool = False) -> Exception | None:
        """`unchanged`: only if nobody, say a Job that adopts it, has touched the Pod since."""
        metadata = {"uid": pod.metadata.uid, "$deleteFromPrimitiveList/finalizers": [FINALIZER]}
        if unchanged:
            metadata["resourceVersion"] = pod.metadata.resource_version
        name = pod.metadata.name or ""
        try:
            await self._writes.patch(
                name, {"metadata": metadata}, namespace=pod.metadata.namespace, type=PatchType.STRATEGIC
            )
        except NotFound:
            pass
        except (ApiError, ClientError) as error:
            return error
        self._stripped.setdefault(key, {})[uid(pod)] = name
        return None


def _owner(pod: core_v1.Pod) -> str | None:
    reference = controller_of(pod)
    return reference.uid if reference is not None else None
