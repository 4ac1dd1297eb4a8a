"""The probers of a node, by the field of a probe that asks for each."""

from __future__ import annotations

from collections.abc import Mapping

from podling.network.host import Host
from podling.runtime.interface import Runtime, RuntimeInfo

from .answer import Prober
from .exec import ExecProber
from .grpc import GrpcProber
from .http import HttpProber
from .scripted import ScriptedProber
from .tcp import TcpProber

SIMULATED = "simulated"
"""The runtime whose containers play: nothing answers at their addresses, so their probes are scripted."""


def of(runtime: Runtime, info: RuntimeInfo, host: Host, http: HttpProber) -> Mapping[str, Prober]:
    if info.name == SIMULATED:
        scripted = ScriptedProber(runtime)
        return {"exec": ExecProber(runtime), "http_get": scripted, "tcp_socket": scripted, "grpc": scripted}
    return {
        "exec": ExecProber(runtime),
        "http_get": http,
        "tcp_socket": TcpProber(host),
        "grpc": GrpcProber(host),
    }
