"""A Pod that is to run: volumes, one ready sandbox, ephemeral and init containers, then the containers; and keeping them so.

Follows kubelet's `computePodActions` step for step, with one difference: what belongs to an earlier sandbox is told apart by
its sandbox id, so init containers run again in a new sandbox without their old records being purged first.
"""

from __future__ import annotations

from podling.api import pod as pods
from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState, Sandbox, SandboxState

from . import ephemerals, inits, resizing, restartall, restarts
from .actions import CreateSandbox, MountVolumes, Note, PrepareImage, RemoveSandbox, StopSandbox
from .draft import Draft, Waiting
from .killing import grace_of, kill
from .starting import start, trim
from .view import View, probed


def bring_up(draft: Draft) -> None:
    """Order what is next on the way to a running Pod, or to keep it running."""
    view = draft.view
    sandbox = ready_sandbox(view)
    if sandbox is None:
        _renew_sandbox(draft)
        return
    _drop_old_sandboxes(draft, sandbox)
    if not _volumes_ready(draft):
        return
    ephemerals.run(draft, sandbox)
    if restartall.is_clearing(view):
        restartall.clear(draft)
        return
    if inits.run(draft, sandbox):
        for container in view.spec.containers:
            _keep(draft, container, sandbox)
            trim(draft, container)
        starting = any(
            key.startswith("start/") for key in view.busy
        )  # what sidecars are ordered does not count
        draft.over = not _any_alive(view) and not _any_wanted(view) and not starting
    if not draft.over:
        resizing.carry_on(draft, sandbox)


def ready_sandbox(view: View) -> Sandbox | None:
    """The one sandbox to run in: the newest, if it is the only ready one and has its address."""
    ready = [sandbox for sandbox in view.sandboxes if sandbox.state is SandboxState.READY]
    if len(ready) != 1 or ready[0] is not view.sandboxes[0]:
        return None
    has_network = bool(ready[0].ips) or bool(view.spec.host_network)
    return ready[0] if has_network else None


def _volumes_ready(draft: Draft) -> bool:
    volumes = draft.view.volumes
    if volumes.ready:
        return True
    if volumes.retry_at > draft.view.now:
        draft.wait_until(volumes.retry_at)
    else:
        draft.act(MountVolumes())
    return False


def _renew_sandbox(draft: Draft) -> None:
    """No usable sandbox: end what is left in the old ones, then make the next attempt, if any container wants to run."""
    view = draft.view
    if view.sandboxes and _is_over(view):
        draft.over = True
        return
    _look_for_images(draft)
    if not _volumes_ready(draft) or not _old_ones_ended(draft):
        return
    failure = view.failures.get("sandbox")
    if failure is not None and failure.retry_at > view.now:
        draft.wait_until(failure.retry_at)
        return
    draft.act(CreateSandbox(view.sandboxes[0].attempt + 1 if view.sandboxes else 0))


def _is_over(view: View) -> bool:
    """Whether no container is to run any more, so that a lost sandbox is not made again."""
    if view.spec.restart_policy == "Never" and all(c.restart_policy is None for c in view.spec.containers):
        return bool(view.containers)
    begun = any(view.newest(container.name) for container in view.spec.containers)
    return begun and not _any_wanted(view) and not _any_alive(view)


def _any_wanted(view: View) -> bool:
    return any(restarts.is_wanted(view, container) for container in view.spec.containers)


def _any_alive(view: View) -> bool:
    records = [view.newest(container.name) for container in view.spec.containers]
    return any(record is not None and not restarts.is_dead(record) for record in records)


def _old_ones_ended(draft: Draft) -> bool:
    view = draft.view
    alive = [c for c in view.containers if restarts.is_alive(c)]
    if view.sandboxes:
        message = "Pod sandbox changed, it will be killed and re-created."
        draft.notes.append(Note(f"sandbox/{view.sandboxes[0].id}", "Normal", "SandboxChanged", message))
    for container in alive:
        kill(draft, container, f"Stopping container {container.name}", grace=grace_of(view))
    if alive:
        return False
    ready = [sandbox for sandbox in view.sandboxes if sandbox.state is SandboxState.READY]
    for sandbox in ready:
        draft.act(StopSandbox(sandbox.id))
    return not ready


def _drop_old_sandboxes(draft: Draft, sandbox: Sandbox) -> None:
    """Remove a former attempt once each of its containers has a successor."""
    view = draft.view
    newest = {c.name: c.id for c in reversed(view.containers)}
    for old in view.sandboxes:
        holds = any(c.sandbox_id == old.id and newest[c.name] == c.id for c in view.containers)
        if old.id != sandbox.id and not holds:
            draft.act(RemoveSandbox(old.id))


def _look_for_images(draft: Draft) -> None:
    """Have the first images found or pulled while volumes and sandbox are being made."""
    view = draft.view
    for container in view.inits[:1] or view.spec.containers:
        known = container.name in view.images or container.name in view.failures
        if not known and restarts.is_wanted(view, container):
            draft.act(PrepareImage(container.name))


def _keep(draft: Draft, container: core_v1.Container, sandbox: Sandbox) -> None:
    """Start the container if it should run and does not; end it if it runs and should not go on."""
    view = draft.view
    record = view.newest(container.name)
    if record is None or record.state is not ContainerState.RUNNING or record.sandbox_id != sandbox.id:
        if restarts.is_wanted(view, container):
            start(draft, container, sandbox)
            _show_replacement(draft, container, record)
        return
    results = probed(view, container, record.id)
    if restarts.is_changed(record, container):
        why = f"Container {container.name} definition changed, will be restarted"
        kill(draft, record, why, grace=grace_of(view), again=True)
    elif not results.alive:
        _end(draft, container, record, "liveness", container.liveness_probe)
    elif results.startup_failed:
        _end(draft, container, record, "startup", container.startup_probe)


def _show_replacement(draft: Draft, container: core_v1.Container, record: Container | None) -> None:
    """A container that was replaced though it is never restarted does not show its end: the API takes that for its last word."""
    if record is None or record.id not in draft.view.resizing.restarting or not restarts.is_dead(record):
        return
    if not pods.is_restarted(draft.view.spec, container, restarts.exit_code(record)):
        draft.waiting.setdefault(container.name, Waiting("ContainerCreating", ""))


def _end(
    draft: Draft, container: core_v1.Container, record: Container, what: str, probe: core_v1.Probe | None
) -> None:
    """Kill a container whose probe has failed."""
    view = draft.view
    restarted = pods.is_restarted(view.spec, container, restarts.KILLED_EXIT_CODE)
    why = f"Container {container.name} failed {what} probe{', will be restarted' if restarted else ''}"
    kill(draft, record, why, grace=grace_of(view, probe))
