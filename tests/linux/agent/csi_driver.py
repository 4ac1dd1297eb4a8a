"""A small CSI driver: a real gRPC server on a unix socket that mounts a tmpfs for each volume and writes into it what it was told."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from podling.agent.csi.messages import CODEC
from podling.agent.volumes import loop
from podling.runtime import linux

NAME = "test.csi.podling.dev"


@dataclass
class Driver:
    """``calls``: the methods that were called, with their fields; ``kind`` and ``versions`` are how it introduces itself.

    ``stages``: volumes are staged first and publishing is a bind mount of what was staged.
    ``blocks`` is where the files behind raw blocks lie.  ``controls``: it has a controller service, too, with these capabilities.
    """

    stages: bool = False
    blocks: Path = Path("/nonexistent")
    controls: tuple[str, ...] = ()
    kind: str = "CSIPlugin"
    versions: tuple[str, ...] = ("1.0.0",)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def of(self, method: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.calls if name == method]

    async def get_info(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"type": self.kind, "name": NAME, "endpoint": "", "supported_versions": [*self.versions]}

    async def notify(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def node_info(self, _: dict[str, Any]) -> dict[str, Any]:
        topology = {"segments": {f"topology.{NAME}/zone": "here"}}
        return {"node_id": "machine-7", "max_volumes_per_node": 3, "accessible_topology": topology}

    async def publish(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if "fail" in wanted["volume_context"]:
            raise LookupError(wanted["volume_context"]["fail"])
        target = Path(wanted["target_path"])
        if "block" in wanted["volume_capability"]:
            file = self.blocks / wanted["volume_id"]
            loop.make_file(file, 1 << 20)
            target.touch()
            linux.mount(str(loop.attach(file)), str(target), flags=linux.MS_BIND)
            return {}
        target.mkdir(exist_ok=True)
        if wanted["staging_target_path"]:
            linux.mount(wanted["staging_target_path"], str(target), flags=linux.MS_BIND)
        elif not target.is_mount():
            linux.mount("none", str(target), "tmpfs", data="mode=0755")
        for key, value in {**wanted["volume_context"], **wanted["secrets"]}.items():
            (target / key.rpartition("/")[2]).write_text(value)
        return {}

    async def capabilities(self, _: dict[str, Any]) -> dict[str, Any]:
        able = ["STAGE_UNSTAGE_VOLUME"] if self.stages else []
        able += ["EXPAND_VOLUME"] if self.controls else []
        return {"capabilities": [{"rpc": {"type": each}} for each in able]}

    async def stage(self, wanted: dict[str, Any]) -> dict[str, Any]:
        staging = wanted["staging_target_path"]
        if "block" in wanted["volume_capability"]:
            return {}
        if not Path(staging).is_mount():
            linux.mount("none", staging, "tmpfs", data="mode=0755")
        return {}

    async def unstage(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if (self.blocks / wanted["volume_id"]).exists():
            loop.detach(self.blocks)
        else:
            assert linux.unmount(wanted["staging_target_path"])
        return {}

    async def unpublish(self, wanted: dict[str, Any]) -> dict[str, Any]:
        target = Path(wanted["target_path"])
        linux.unmount(str(target))
        if target.is_dir():
            target.rmdir()
        target.unlink(missing_ok=True)
        return {}

    async def services(self, _: dict[str, Any]) -> dict[str, Any]:
        types = ["CONTROLLER_SERVICE", "VOLUME_ACCESSIBILITY_CONSTRAINTS"] if self.controls else []
        return {"capabilities": [{"service": {"type": each}} for each in types]}

    async def controller_capabilities(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"capabilities": [{"rpc": {"type": each}} for each in self.controls]}

    async def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if "fail" in wanted["parameters"]:
            raise LookupError(wanted["parameters"]["fail"])
        volume = {
            "volume_id": f"made-for-{wanted['name']}",
            "capacity_bytes": wanted["capacity_range"]["required_bytes"],
            "volume_context": {"colour": wanted["parameters"].get("colour", "")},
            "accessible_topology": wanted["accessibility_requirements"]["requisite"],
        }
        return {"volume": volume}

    async def attach(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return {"publish_context": {"device": f"/dev/{wanted['node_id']}"}}

    async def expand(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return {"capacity_bytes": wanted["capacity_range"]["required_bytes"], "node_expansion_required": True}

    async def done(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}

    @asynccontextmanager
    async def serving(self, folder: Path) -> AsyncIterator[Path]:
        """Its socket in a folder of plugins."""
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(
            (
                self._service(
                    "pluginregistration.Registration",
                    GetInfo=(self.get_info, "InfoRequest", "PluginInfo"),
                    NotifyRegistrationStatus=(
                        self.notify,
                        "RegistrationStatus",
                        "RegistrationStatusResponse",
                    ),
                ),
                self._service(
                    "csi.v1.Identity",
                    GetPluginCapabilities=(
                        self.services,
                        "GetPluginCapabilitiesRequest",
                        "GetPluginCapabilitiesResponse",
                    ),
                ),
                self._controller(),
                self._service(
                    "csi.v1.Node",
                    NodeGetInfo=(self.node_info, "NodeGetInfoRequest", "NodeGetInfoResponse"),
                    NodePublishVolume=(
                        self.publish,
                        "NodePublishVolumeRequest",
                        "NodePublishVolumeResponse",
                    ),
                    NodeUnpublishVolume=(
                        self.unpublish,
                        "NodeUnpublishVolumeRequest",
                        "NodeUnpublishVolumeResponse",
                    ),
                    NodeGetCapabilities=(
                        self.capabilities,
                        "NodeGetCapabilitiesRequest",
                        "NodeGetCapabilitiesResponse",
                    ),
                    NodeExpandVolume=(
                        self.done,
                        "NodeExpandVolumeRequest",
                        "NodeExpandVolumeResponse",
                    ),
                    NodeStageVolume=(self.stage, "NodeStageVolumeRequest", "NodeStageVolumeResponse"),
                    NodeUnstageVolume=(
                        self.unstage,
                        "NodeUnstageVolumeRequest",
                        "NodeUnstageVolumeResponse",
                    ),
                ),
            )
        )
        path = folder / "test-reg.sock"
        inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # the kernel takes short names only
        try:
            server.add_insecure_port(f"unix:///proc/self/fd/{inside}/{path.name}")
            await server.start()
            yield path
        finally:
            await server.stop(None)
            path.unlink(missing_ok=True)
            os.close(inside)

    def _controller(self) -> grpc.GenericRpcHandler:
        acts = {
            "ControllerGetCapabilities": self.controller_capabilities,
            "CreateVolume": self.create,
            "DeleteVolume": self.done,
            "ControllerPublishVolume": self.attach,
            "ControllerUnpublishVolume": self.done,
            "ControllerExpandVolume": self.expand,
        }
        methods = {name: (act, f"{name}Request", f"{name}Response") for name, act in acts.items()}
        return self._service("csi.v1.Controller", **methods)

    def _service(self, name: str, **methods: tuple[Any, str, str]) -> grpc.GenericRpcHandler:
        handlers = {
            method: grpc.unary_unary_rpc_method_handler(
                self._recorded(method, act),
                request_deserializer=lambda data, kind=request: CODEC.decode(kind, data),
                response_serializer=lambda message, kind=answer: CODEC.encode(kind, message),
            )
            for method, (act, request, answer) in methods.items()
        }
        return grpc.method_handlers_generic_handler(name, handlers)

    def _recorded(
        self, method: str, act: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
    ) -> Callable[[dict[str, Any], Any], Awaitable[dict[str, Any]]]:
        async def handle(message: dict[str, Any], context: Any) -> dict[str, Any]:
            self.calls.append((method, message))
            try:
                return await act(message)
            except LookupError as error:
                await context.abort(grpc.StatusCode.NOT_FOUND, str(error.args[0]))
                raise

        return handle
