"""Init containers: one after the other until each has succeeded; restartable ones (sidecars) stay up beside the rest.

A sidecar counts as initialized once it has started (its startup probe passed).  Records of a former sandbox do not count: in a
new sandbox all of them run again.  (Source: concepts/workloads/pods/init-containers, sidecar-containers.)
"""

from __future__ import annotations

from podling.api import pod as pods
from podling.api.pod import is_sidecar
from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState, Sandbox

from . import restarts
from .draft import Draft
from .killing import grace_of, kill
from .starting import start, trim
from .view import View, probed


def run(draft: Draft, sandbox: Sandbox) -> bool:
    """Order the next step of the initialization; True once the Pod's containers may start."""
    view = draft.view
    initialized = _was_initialized(view, sandbox)
    first = _first_unproven(view, sandbox)
    for index, container in enumerate(view.inits):
        trim(draft, container)
        record = _record(view, container.name, sandbox)
        if is_sidecar(container):
            done = _sidecar(draft, container, record, sandbox)
        elif initialized or index < first:
            continue
        else:
            done = _plain(draft, container, record, sandbox)
        if not done and not initialized:
            return False
    return True


def _was_initialized(view: View, sandbox: Sandbox) -> bool:
    """Whether a container of the main list was made in this sandbox: then all init containers are behind it."""
    names = [container.name for container in view.spec.containers]
    return any(c.sandbox_id == sandbox.id and c.name in names for c in view.containers)


def _first_unproven(view: View, sandbox: Sandbox) -> int:
    """Init containers before the last one that has a record were passed, even if their records are gone."""
    last = 0
    for index, container in enumerate(view.inits):
        if _record(view, container.name, sandbox) is not None:
            last = index
    return last


def _record(view: View, name: str, sandbox: Sandbox) -> Container | None:
    return next((c for c in view.attempts(name) if c.sandbox_id == sandbox.id), None)


def _plain(draft: Draft, container: core_v1.Container, record: Container | None, sandbox: Sandbox) -> bool:
    """One ordinary init container: True when it has succeeded."""
    if record is not None and record.state is ContainerState.RUNNING:
        return False
    if record is not None and restarts.is_dead(record):
        if restarts.succeeded(record):
            return True
        if not pods.is_restarted(draft.view.spec, container, restarts.exit_code(record)):
            draft.over = True
            return False
    start(draft, container, sandbox)
    return False


def _sidecar(draft: Draft, container: core_v1.Container, record: Container | None, sandbox: Sandbox) -> bool:
    """One restartable init container: True when it has started."""
    view = draft.view
    if record is None or record.state is not ContainerState.RUNNING:
        start(draft, container, sandbox)
        return False
    results, name = probed(view, container, record.id), container.name
    if restarts.is_changed(record, container):
        why = f"Init container {name} definition changed"
        kill(draft, record, why, grace=grace_of(view), again=True)
    elif results.startup_failed:
        grace = grace_of(view, container.startup_probe)
        kill(draft, record, f"Init container {name} failed startup probe", grace=grace)
    elif not results.alive:
        grace = grace_of(view, container.liveness_probe)
        kill(draft, record, f"Init container {name} failed liveness probe", grace=grace)
    return results.started
