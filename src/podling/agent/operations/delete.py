"""Deleting the Pod's object once nothing of the Pod is left on the node."""

from __future__ import annotations

import asyncio
import logging
import shutil

from podling.agent.kit import Kit
from podling.agent.podmemory import OTHER, Memory
from podling.agent.podstate import DeleteObject
from podling.api.errors import ApiError, Conflict, NotFound
from podling.api.types import core_v1
from podling.client.errors import ClientError

log = logging.getLogger(__name__)


async def delete(kit: Kit, memory: Memory, _: DeleteObject) -> None:
    """Logs first, then the object.  The UID goes with it: a namesake made meanwhile stays."""
    logs = kit.paths.logs(memory.pod)
    if logs.exists():
        await asyncio.to_thread(shutil.rmtree, logs)
    pods = kit.client.resource(core_v1.Pod)
    try:
        await pods.delete(memory.name, namespace=memory.namespace, grace_period_seconds=0, uid=memory.uid)
    except (NotFound, Conflict):
        log.debug("Pod %s/%s is gone already", memory.namespace, memory.name)
    except (ApiError, ClientError) as error:
        log.warning("cannot delete Pod %s/%s: %s", memory.namespace, memory.name, error)
        now = kit.clock.now()
        await asyncio.sleep(memory.fail("delete", OTHER, now) - now)
        return
    memory.deleted = True
