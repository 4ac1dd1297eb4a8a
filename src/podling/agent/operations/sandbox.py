"""Making, stopping and removing sandboxes."""

from __future__ import annotations

import asyncio

from podling.agent import userids
from podling.agent.errors import AgentFault, ConfigFault
from podling.agent.kit import Kit
from podling.agent.podmemory import SANDBOX, Memory
from podling.agent.podspec import names, sandbox
from podling.agent.podstate import CreateSandbox, Failure, RemoveSandbox, StopSandbox
from podling.api.errors import ApiError, NotFound
from podling.api.types import node_v1
from podling.client.errors import ClientError
from podling.runtime.interface import IdMapping, RuntimeFault

REASON = "FailedCreatePodSandBox"


async def create(kit: Kit, memory: Memory, action: CreateSandbox) -> None:
    pod = memory.pod
    logs = kit.paths.logs(pod)
    try:
        handler = await _handler(kit, memory)
        logs.mkdir(mode=0o755, parents=True, exist_ok=True)
        config = sandbox.config(
            pod,
            attempt=action.attempt,
            log_directory=str(logs),
            dns=names.dns(
                pod,
                cluster_dns=kit.config.cluster_dns,
                cluster_domain=kit.config.cluster_domain,
                host_resolv_conf=kit.node.resolv_conf,
            ),
            cluster_domain=kit.config.cluster_domain,
            users=await _users(kit, memory, handler),
            pids=kit.config.pod_pids,
        )
        made = await kit.runtime.run_sandbox(config, handler=handler)
    except (AgentFault, RuntimeFault, OSError) as fault:
        now = kit.clock.now()
        message = f"Failed to create pod sandbox: {fault}"
        memory.failures["sandbox"] = Failure(
            REASON, message, at=now, retry_at=memory.fail("sandbox", SANDBOX, now)
        )
        kit.tell(pod, "Warning", REASON, message)
        return
    memory.succeed("sandbox")
    memory.resizing.whole = pod
    kit.observed.put_sandbox(made)


async def stop(kit: Kit, memory: Memory, action: StopSandbox) -> None:
    await kit.runtime.stop_sandbox(action.sandbox_id)
    kit.observed.sandbox_stopped(action.sandbox_id)


async def remove(kit: Kit, memory: Memory, action: RemoveSandbox) -> None:
    await kit.runtime.remove_sandbox(action.sandbox_id)
    kit.observed.drop_sandbox(action.sandbox_id)


async def _users(kit: Kit, memory: Memory, handler: str) -> tuple[IdMapping, ...] | None:
    """The ids of the Pod's own users; None where it has the node's.  Raises ``ConfigFault`` in the kubelet's words."""
    spec = memory.pod.spec
    if spec is None or spec.host_users is not False:
        return None
    if not kit.info.user_namespaces:
        who = f'RuntimeClass handler "{handler}"' if handler else "runtime"
        raise ConfigFault(f"can't set `spec.hostUsers: false`, {who} does not support user namespaces")
    return await asyncio.to_thread(userids.claim, kit.paths, memory.uid, ranges=kit.config.max_pods)


async def _handler(kit: Kit, memory: Memory) -> str:
    """The runtime handler of the Pod's RuntimeClass, "" for the default."""
    name = memory.pod.spec.runtime_class_name if memory.pod.spec else None
    if not name:
        return ""
    try:
        found = await kit.client.resource(node_v1.RuntimeClass).get(name)
    except NotFound:
        raise ConfigFault(f'runtimeclass.node.k8s.io "{name}" not found') from None
    except (ApiError, ClientError) as error:
        raise ConfigFault(f"failed to lookup RuntimeClass {name}: {error}") from error
    if found.handler not in kit.info.handlers:
        raise ConfigFault(f'failed to get sandbox runtime: no runtime for "{found.handler}" is configured')
    return found.handler
