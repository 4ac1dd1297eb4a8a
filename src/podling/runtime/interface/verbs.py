"""The verbs: ``Runtime`` with its streams, the ``Images`` of a machine, and the network that a sandbox joins.

The contract that they share stands at the top of the package.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from .reports import Container, ContainerEvent, ContainerStats, ExecResult, Image, RuntimeInfo, Sandbox
from .requests import ContainerConfig, Credentials, Resources, SandboxConfig


class Stream(Protocol):
    """A live exec or attach.  Reading is pulled by the caller, so a slow client stalls the process, not memory.

    ``read`` yields ``(channel, data)`` with channel 1 = stdout, 2 = stderr until both ended; ``wait`` gives the exit
    code (attach: of the container).  Leaving the context manager that gave it kills an exec's process group.
    """

    def read(self) -> AsyncIterator[tuple[int, bytes]]: ...
    async def write(self, data: bytes) -> None: ...
    async def close_stdin(self) -> None: ...
    async def resize(self, width: int, height: int) -> None: ...
    async def wait(self) -> int: ...


class Runtime(Protocol):
    """Sandboxes and containers of one node.  See the module's text for the contract that the signatures cannot say."""

    async def start(self) -> None:
        """Make ready: adopt what runs already.  Raises ``Unavailable`` with what is missing."""
        ...

    async def close(self) -> None:
        """Let go without stopping any container."""
        ...

    def info(self) -> RuntimeInfo: ...

    async def run_sandbox(self, config: SandboxConfig, *, handler: str = "") -> Sandbox: ...
    async def stop_sandbox(self, sandbox_id: str) -> None: ...
    async def remove_sandbox(self, sandbox_id: str) -> None: ...
    async def sandbox(self, sandbox_id: str) -> Sandbox: ...
    async def list_sandboxes(self) -> list[Sandbox]: ...

    async def update_sandbox(self, sandbox_id: str, resources: Resources) -> None:
        """Set what all containers of the sandbox may use together; what ``resources`` leaves open stays as it is."""
        ...

    async def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        """Make a container, not yet running, and return its id.  Raises ``CreateFault`` or ``ImageFault``."""
        ...

    async def start_container(self, container_id: str) -> None:
        """Run the created container's process.  Raises ``StartFault`` if the command cannot be executed."""
        ...

    async def stop_container(self, container_id: str, *, grace: float) -> None:
        """Send the stop signal, wait up to ``grace`` seconds, then SIGKILL; return when the container has exited."""
        ...

    async def signal_container(self, container_id: str, signal: int) -> None: ...
    async def remove_container(self, container_id: str) -> None: ...
    async def container(self, container_id: str) -> Container: ...
    async def list_containers(self, sandbox_id: str | None = None) -> list[Container]: ...
    async def update_resources(self, container_id: str, resources: Resources) -> None: ...
    async def reopen_log(self, container_id: str) -> None: ...

    async def stats(self, container_id: str | None = None, *, disk: bool = True) -> list[ContainerStats]:
        """Usage of the running containers, or of one.  Without ``disk`` nobody walks through their files: those read 0."""
        ...

    async def exec_sync(self, container_id: str, command: Sequence[str], *, limit: float) -> ExecResult:
        """Run ``command`` inside; ``limit`` in seconds (0 = none), past it the process is killed and ``Timeout`` raised."""
        ...

    def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> AbstractAsyncContextManager[Stream]: ...

    def attach(self, container_id: str, *, stdin: bool, tty: bool) -> AbstractAsyncContextManager[Stream]: ...

    def port_forward(self, sandbox_id: str, port: int) -> AbstractAsyncContextManager[Stream]:
        """A TCP connection to ``port`` on the sandbox's localhost; only channel 1 is used."""
        ...

    def events(self) -> AsyncIterator[ContainerEvent]:
        """Every later change of a container's state.  Subscribed from the call on, not from the first ``anext``."""
        ...


class Images(Protocol):
    """The images of one machine, shared by every node and cluster on it.

    References are normalised as Docker does (``busybox`` -> ``docker.io/library/busybox:latest``); ``resolve`` takes
    a name, a digest reference or an id.
    """

    async def list(self) -> list[Image]: ...
    async def resolve(self, reference: str) -> Image | None: ...

    async def pull(self, reference: str, *, credentials: Sequence[Credentials] = ()) -> Image:
        """Fetch from the registry or a mirror.  Raises ``ImageFault``; ``RegistryUnavailable`` = it did not answer."""
        ...

    async def remove(self, reference: str) -> None: ...
    async def used_bytes(self) -> int: ...


class SandboxNetwork(Protocol):
    """Connects a sandbox's network namespace; made by ``podling.network`` and handed to a runtime that needs one."""

    async def attach(self, sandbox_id: str, netns: str, config: SandboxConfig) -> tuple[str, ...]:
        """Give the namespace at path ``netns`` its interface and routes; return its addresses.  All or nothing."""
        ...

    async def detach(self, sandbox_id: str) -> None:
        """Take it back: interface, address, hostPorts.  Idempotent, works when the namespace is gone already."""
        ...

    async def addresses(self, sandbox_id: str) -> tuple[str, ...]:
        """The addresses given to the sandbox, also by an earlier process; () if none."""
        ...
