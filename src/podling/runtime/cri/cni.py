"""Our Pod network under a runtime that wants its own: a CNI plugin that asks us.

A CRI runtime gives each sandbox its network by a CNI plugin before anything runs in it, and has no other way.  So the
node's folder holds a plugin and its configuration, both written at every start; a runtime whose ``bin_dir`` and
``conf_dir`` point there calls the plugin, which asks this process over a socket beside it, and the sandbox is attached by
``SandboxNetwork`` as with every other runtime.  A runtime with a network of its own is left to it, as kubelets do, and its
addresses are taken as they are.

While nobody answers the socket, sandboxes cannot be made, but they can be taken down: what is left of their network goes with
their namespace, or at our next start.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from podling.runtime.interface import RuntimeFault, SandboxConfig, SandboxNetwork

from . import cniplugin

log = logging.getLogger(__name__)

NETWORK = "podling"
PLUGINS = (NETWORK, "loopback")
"""Names under which the plugin is found; containerd wants one for ``lo``, which is up with ``eth0``."""
_VERSION = "0.4.0"
_LONGEST = 1 << 20

Pod = tuple[str, str, str]
"""Namespace, name and UID."""


def install(folder: Path) -> None:
    """Write plugin and configuration, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (
        Path(cniplugin.__file__).read_text().replace("#!/usr/bin/env python3", f"#!{sys.executable} -IS", 1)
    )
    for name in PLUGINS:
        _write(folder / name, text, mode=0o755)
    document = {
        "cniVersion": _VERSION,
        "name": NETWORK,
        "plugins": [{"type": NETWORK, "socket": str(folder / "socket")}],
    }
    _write(folder / "10-podling.conflist", json.dumps(document), mode=0o644)


class Server:
    """Answers the plugin.  ``expect`` a Pod before its sandbox is asked for."""

    def __init__(self, folder: Path, network: SandboxNetwork) -> None:
        self._folder = folder
        self._network = network
        self._expected: dict[Pod, SandboxConfig] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises ``OSError``."""
        await asyncio.to_thread(install, self._folder)
        socket = self._folder / "socket"
        socket.unlink(missing_ok=True)
        handle = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:  # the plain path may be too long for a socket
            self._server = await asyncio.start_unix_server(
                self._serve, f"/proc/self/fd/{handle}/socket", limit=_LONGEST
            )
        finally:
            os.close(handle)
        socket.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            (self._folder / "socket").unlink(missing_ok=True)

    def expect(self, config: SandboxConfig) -> None:
        self._expected[_pod(config)] = config

    def forget(self, config: SandboxConfig) -> None:
        self._expected.pop(_pod(config), None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.LimitOverrunError):
            try:
                answer = await self._answer(json.loads(await reader.readline()))
            except (OSError, RuntimeFault, ValueError, KeyError) as error:
                answer = {"code": 999, "msg": str(error)}
            writer.write(json.dumps({"cniVersion": _VERSION, **answer}).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        sandbox_id = request["CNI_CONTAINERID"]
        if request["CNI_COMMAND"] == "DEL":
            await self._network.detach(sandbox_id)
            return {}
        words = dict(word.split("=", 1) for word in request["CNI_ARGS"].split(";") if "=" in word)
        pod = (words["K8S_POD_NAMESPACE"], words["K8S_POD_NAME"], words.get("K8S_POD_UID", ""))
        config = self._expected.get(pod)
        if config is None:
            raise RuntimeFault(f"cannot attach {sandbox_id}: Pod {pod[0]}/{pod[1]} is not ours")
        addresses = await self._network.attach(sandbox_id, request["CNI_NETNS"], config)
        return {
            "interfaces": [{"name": request["CNI_IFNAME"], "sandbox": request["CNI_NETNS"]}],
            "ips": [_ip(address) for address in addresses],
        }


def _ip(address: str) -> dict[str, Any]:
    family, length = ("6", 128) if ":" in address else ("4", 32)
    return {"version": family, "address": f"{address}/{length}", "interface": 0}


def _pod(config: SandboxConfig) -> Pod:
    return config.namespace, config.name, config.uid


def _write(file: Path, text: str, *, mode: int) -> None:
    if file.exists() and file.read_text() == text:
        return  # a runtime reads its configuration anew whenever a file changes
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(file)
