"""What is known of sandboxes and containers, in files that outlive this process.

sandboxes/<id>/sandbox.json
containers/<id>/container.json   what was asked; written last, so its absence marks a half-made one
                plan.json        how its processes are launched
                fault.json       why it could not be started
                started.json     } written by the supervisor
                exit.json        }
                lost             its supervisor died before it
"""

from __future__ import annotations

from dataclasses import dataclass

from podling.runtime.interface import ContainerConfig, SandboxConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRecord:
    id: str
    config: SandboxConfig
    created_at: int
    boot: str
    mode: str
    ready: bool = True
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRecord:
    id: str
    sandbox_id: str
    config: ContainerConfig
    image_id: str
    created_at: int
    stop_signal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    pid: int
    start_time: int
    started_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    code: int
    signal: int
    finished_at: int
    reason: str = ""
    message: str = ""
