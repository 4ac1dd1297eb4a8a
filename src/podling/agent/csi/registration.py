"""Drivers make themselves known by a socket in a folder, as the kubelet's plugin watcher has it.

    socket appears -> GetInfo -> is it a driver that speaks CSI 1? -> NodeGetInfo -> CSINode written -> NotifyRegistrationStatus
    socket goes    -> the driver is forgotten, CSINode written

The folder is looked through whenever something in it changes; what was done for a socket is remembered with its inode, so that one that was made
anew is asked anew.  A driver that does not answer yet is asked again.  (Source: kubelet `pkg/kubelet/pluginmanager`.)
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podling.agent.errors import VolumeFault
from podling.aio.backoff import Backoff
from podling.aio.tasks import Tasks
from podling.api.errors import ApiError
from podling.client.errors import ClientError
from podling.runtime import linux
from podling.runtime.cri.channel import Channel

from .drivers import Drivers, ask, meet
from .messages import REGISTRATION

log = logging.getLogger(__name__)

TYPE = "CSIPlugin"
_AGAIN = Backoff(first=0.1, cap=10.0)
_CHUNK = 65536
_CHANGES = linux.IN_CREATE | linux.IN_MOVED_TO | linux.IN_DELETE


@dataclass(slots=True)
class _Socket:
    inode: int
    task: asyncio.Task[None]
    name: str = ""
    """Of the driver, once it is registered."""


class Registration:
    """``publish`` makes the node's objects show the drivers; ``on_change`` is called when one has come."""

    def __init__(
        self,
        folder: Path,
        drivers: Drivers,
        *,
        publish: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._drivers = drivers
        self._publish = publish
        self._on_change = on_change
        self._sockets: dict[Path, _Socket] = {}
        self._tasks = Tasks("csi registration")
        self._fd = -1

    def start(self) -> None:
        """Watch, and take who is there already."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._fd = linux.inotify_open()
        linux.inotify_watch(self._fd, str(self._folder), _CHANGES)
        asyncio.get_running_loop().add_reader(self._fd, self._changed)
        self._tasks.start(self._publish_patiently(), name="publish drivers")
        self._look()

    async def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
        await self._tasks.close()
        self._drivers.close()

    def _changed(self) -> None:
        try:
            os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return
        self._look()

    def _look(self) -> None:
        there = {path: path.lstat().st_ino for path in self._folder.iterdir() if path.is_socket()}
        for path, known in [*self._sockets.items()]:
            if there.get(path) != known.inode:
                self._forget(path, known)
        for path, inode in there.items():
            if path not in self._sockets:
                task = self._tasks.start(self._register(path), name=f"register {path.name}")
                self._sockets[path] = _Socket(inode, task)

    def _forget(self, path: Path, known: _Socket) -> None:
        known.task.cancel()
        del self._sockets[path]
        if known.name:
            log.info("CSI driver %s has gone", known.name)
            self._drivers.remove(known.name)
            self._tasks.start(self._publish_patiently(), name="publish drivers")

    async def _register(self, path: Path) -> None:
        channel = Channel(f"unix://{path}")
        failures = 0
        try:
            while True:
                try:
                    await self._introduce(path, channel)
                except VolumeFault as fault:
                    failures += 1
                    log.log(logging.WARNING if failures == 3 else logging.DEBUG, "%s: %s", path, fault)
                    await asyncio.sleep(_AGAIN.delay(failures))
                else:
                    return
        finally:
            channel.close()

    async def _introduce(self, path: Path, channel: Channel) -> None:
        info = await ask(channel, f"{REGISTRATION}GetInfo", "InfoRequest", "PluginInfo", {})
        error = objection(info, path)
        if not error:
            try:
                driver = await meet(info["name"], info["endpoint"] or str(path))
            except VolumeFault as fault:
                error = f"plugin registration failed with err: error during CSI NodeGetInfo() call: {fault}"
            else:
                self._drivers.add(driver)
                self._sockets[path].name = driver.name
                await self._publish_patiently()
                self._on_change()
                log.info("CSI driver %s has registered, this node is %s to it", driver.name, driver.node_id)
        told = {"plugin_registered": not error, "error": error}
        await ask(
            channel,
            f"{REGISTRATION}NotifyRegistrationStatus",
            "RegistrationStatus",
            "RegistrationStatusResponse",
            told,
        )

    async def _publish_patiently(self) -> None:
        failures = 0
        while True:
            try:
                await self._publish()
            except (ApiError, ClientError) as error:
                failures += 1
                log.warning("cannot publish CSI drivers: %s", error)
                await asyncio.sleep(_AGAIN.delay(failures))
            else:
                return


def objection(info: dict[str, Any], path: Path) -> str:
    """Why who introduced himself so is not taken; "" if he is."""
    if info["type"] != TYPE:
        return f"no handler registered for plugin type: {info['type']} at socket {path}"
    if not info["name"]:
        return "CSI driver name is missing"
    versions = info["supported_versions"]
    if not versions:
        return "CSI driver supported versions list is empty"
    if not any(version.removeprefix("v").split(".")[0] == "1" for version in versions):
        return f"CSI driver {info['name']} supports none of the versions of CSI that this node speaks: {versions}"
    return ""
