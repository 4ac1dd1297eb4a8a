"""The host that a further node is: a network namespace, a link to the others, a control group.  Made, frozen, powered off.

    podling/<cluster>/<node>/          frozen by pause, killed by stop
        agent/                         the agent's process
        pods/                          the Pods, as the runtime lays them out

No pid is ever written down: what belongs to a node is what sits in its group, whoever started it and whoever died
since.  The namespace is held by a mount under ``hosts/``, in a folder whose mounts show in every copy of the mount
namespace, so that taking it away there takes it away everywhere.

Everything here blocks for milliseconds and may be done again; call it in a thread.
"""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import Future
from pathlib import Path

from podling.network.errors import NetworkFault
from podling.network.host import new_netns
from podling.network.transit import Transit
from podling.runtime import linux
from podling.runtime.cgroups import CgroupFault, CgroupTree, detect
from podling.runtime.oci.mountspace import mounted_below, share

from . import machine
from .errors import StartFailed
from .layout import Layout
from .nodes import NodePlan

_AGENT = "agent"
_KILL_SECONDS = 10.0


class NodeHost:
    """One further node's host."""

    def __init__(self, layout: Layout, plan: NodePlan, *, transit: Transit) -> None:
        self._layout = layout
        self._plan = plan
        self._transit = transit
        self._netns = layout.hosts / plan.name
        groups = detect()
        self._all = CgroupTree(groups, machine.group_of(layout, plan), everywhere=True)
        self._groups = CgroupTree(groups, machine.group_of(layout, plan))

    def make(self) -> None:
        """Make the host or find it; an agent that an earlier process left is ended, its Pods go on.

        Raises ``StartFailed`` and ``NetworkFault``.
        """
        try:
            self.freeze(frozen=False)
            self._groups.remove(_AGENT, patience=_KILL_SECONDS)
            if not linux.is_mount_point(str(self._netns)):
                self._transit.disconnect(self._plan.name)
                _hold_new_netns(self._netns)
        except (OSError, CgroupFault) as error:
            if isinstance(error, NetworkFault):
                raise
            raise StartFailed(f"cannot make node {self._plan.name}: {error}") from error
        self._transit.connect(self._plan.name, self._plan.address, netns=str(self._netns))

    def join(self) -> None:
        """Move this process into the node's group: it is the agent.

        Not in a hybrid machine's v2 hierarchy, where what it starts would be born in the agent's group, and end with it.
        """
        self._groups.make(_AGENT)
        self._groups.add(_AGENT, os.getpid())

    def freeze(self, *, frozen: bool) -> None:
        """Stop or resume the agent and all Pods between two instructions; nothing happens where nothing runs."""
        with contextlib.suppress(FileNotFoundError):
            self._groups.freeze("", frozen=frozen)

    def power_off(self) -> None:
        """End everything at once, as if the power failed: processes, mounts, network.  What is on disk stays."""
        self.freeze(frozen=False)
        self._all.remove("", patience=_KILL_SECONDS)
        self._all.prune()
        for mount_point in mounted_below(self._layout.node(self._plan.name)):
            linux.unmount(mount_point)
        self._transit.disconnect(self._plan.name)
        linux.unmount(str(self._netns))
        self._netns.unlink(missing_ok=True)


def share_hosts(layout: Layout) -> None:
    """Make the folder of the namespaces, once and before any host: mounts in it are to show everywhere."""
    try:
        layout.hosts.mkdir(parents=True, exist_ok=True, mode=0o700)
        share(layout.hosts)
    except OSError as error:
        raise StartFailed(f"cannot make further nodes: {error}") from error


def _hold_new_netns(file: Path) -> None:
    """A network namespace that lives for as long as it is mounted on ``file``."""
    made: Future[None] = Future()

    def make() -> None:
        try:
            new_netns()
            file.touch(mode=0o600)
            linux.mount("/proc/thread-self/ns/net", str(file), flags=linux.MS_BIND)
            made.set_result(None)
        except OSError as error:
            made.set_exception(error)

    thread = threading.Thread(target=make, name="podling host")
    thread.start()
    thread.join()
    made.result()
