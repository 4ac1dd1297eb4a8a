"""What the machine would be: sandboxes and containers that live, log, exit and die by their scripts.

    CREATED --start--> RUNNING --exit--> EXITED            any --remove--> (gone)
                          |
                          +-----vanish---> UNKNOWN

The world outlives the runtimes that look at it, as a kernel outlives an agent: a runtime closed and another opened
over the same world is an agent that crashed and came back.  Tests may reach in (``exit``, ``vanish``, ``reboot``,
``inject``) to make happen what no request asks for.

Time is the running loop's (virtual or not), chance a given ``Random``, ids come from it: the same seed gives the
same bytes.  A running container costs one timer at most, so thousands are cheap.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from podling.aio.clock import Clock
from podling.runtime.interface import (
    Container,
    ContainerConfig,
    ContainerEvent,
    ContainerState,
    NotFound,
    Resources,
    RuntimeFault,
    Sandbox,
    SandboxConfig,
    SandboxState,
)

from .script import Director, LogLine, Script, from_annotations

KILLED = 137

_MOVES: dict[ContainerState, tuple[ContainerState, ...]] = {
    ContainerState.CREATED: (ContainerState.RUNNING, ContainerState.EXITED),
    ContainerState.RUNNING: (ContainerState.EXITED, ContainerState.UNKNOWN),
    ContainerState.EXITED: (),
    ContainerState.UNKNOWN: (),
}


class IllegalMove(RuntimeFault):
    """A container was asked to go where its state does not lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long the machine takes for its own part, in seconds, each drawn evenly from ``(low, high)``."""

    run_sandbox: tuple[float, float] = (0.0, 0.0)
    create: tuple[float, float] = (0.0, 0.0)
    start: tuple[float, float] = (0.0, 0.0)


@dataclass(slots=True, eq=False)
class Life:
    """One container: what the interface shows, and what moves it."""

    status: Container
    config: ContainerConfig
    script: Script
    log: Path | None
    begun: float = 0.0
    spent: float = 0.0
    """Core-seconds up to ``counted``, from when on it uses what its script says."""
    counted: float = 0.0
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: list[asyncio.Queue[tuple[int, bytes] | None]] = field(default_factory=list)

    def core_seconds(self) -> float:
        """CPU time used so far."""
        return self.spent + (asyncio.get_running_loop().time() - self.counted) * self.script.cpu

    @property
    def running(self) -> bool:
        return self.status.state is ContainerState.RUNNING

    def ready(self) -> bool:
        """Would a probe succeed now?"""
        after = self.script.run(self.config.attempt).ready_after
        return self.running and after is not None and asyncio.get_running_loop().time() >= self.begun + after


class World:
    """All simulated sandboxes and containers of one node."""

    def __init__(
        self,
        *,
        clock: Clock,
        random: Random,
        director: Director = from_annotations,
        latency: Latency = Latency(),
    ) -> None:
        self.latency = latency
        self.director = director
        self.sandboxes: dict[str, Sandbox] = {}
        self.configs: dict[str, SandboxConfig] = {}
        self.lives: dict[str, Life] = {}
        self._clock = clock
        self._random = random
        self._watchers: dict[object, Callable[[ContainerEvent], None]] = {}
        self._faults: dict[str, list[RuntimeFault]] = {}

    def __repr__(self) -> str:
        return f"<World sandboxes={len(self.sandboxes)} containers={len(self.lives)}>"

    def now(self) -> int:
        return round(self._clock.now() * 1e9)

    def new_id(self) -> str:
        return f"{self._random.getrandbits(256):064x}"

    def draw(self, bounds: tuple[float, float]) -> float:
        low, high = bounds
        return low if low == high else self._random.uniform(low, high)

    def watch(self, callback: Callable[[ContainerEvent], None]) -> Callable[[], None]:
        """Call back on every change; returns how to stop it."""
        token = object()
        self._watchers[token] = callback
        return lambda: self._watchers.pop(token, None) and None

    def inject(self, verb: str, fault: RuntimeFault, *, times: int = 1) -> None:
        """Let the next ``times`` calls of the runtime's method ``verb`` fail."""
        self._faults.setdefault(verb, []).extend([fault] * times)

    def raise_injected(self, verb: str) -> None:
        if waiting := self._faults.get(verb):
            raise waiting.pop(0)

    def find(self, namespace: str, pod: str, container: str) -> Container:
        """The latest container of that name.  Raises ``NotFound``."""
        for life in reversed(self.lives.values()):
            sandbox = self.sandboxes[life.status.sandbox_id]
            if (sandbox.namespace, sandbox.name, life.status.name) == (namespace, pod, container):
                return life.status
        raise NotFound(f"cannot find container {container} of Pod {namespace}/{pod}: there is none")

    def sandbox(self, sandbox_id: str) -> Sandbox:
        try:
            return self.sandboxes[sandbox_id]
        except KeyError:
            raise NotFound(f"cannot find sandbox {sandbox_id}: it does not exist") from None

    def life(self, container_id: str) -> Life:
        try:
            return self.lives[container_id]
        except KeyError:
            raise NotFound(f"cannot find container {container_id}: it does not exist") from None

    def lives_of(self, sandbox_id: str) -> list[Life]:
        return [life for life in self.lives.values() if life.status.sandbox_id == sandbox_id]

    def add_sandbox(self, sandbox: Sandbox, config: SandboxConfig) -> None:
        self.sandboxes[sandbox.id] = sandbox
        self.configs[sandbox.id] = config

    def set_sandbox_state(self, sandbox_id: str, state: SandboxState) -> None:
        self.sandboxes[sandbox_id] = replace(self.sandboxes[sandbox_id], state=state)

    def remove_sandbox(self, sandbox_id: str) -> None:
        for life in self.lives_of(sandbox_id):
            self.remove(life)
        self.sandboxes.pop(sandbox_id, None)
        self.configs.pop(sandbox_id, None)

    def add(self, life: Life) -> None:
        self.lives[life.status.id] = life
        self._tell(life)

    def change_resources(self, life: Life, resources: Resources) -> None:
        """The container's limits are others now."""
        life.status = replace(life.status, resources=resources)
        self._tell(life)

    def start(self, life: Life) -> None:
        """Begin the attempt's run: its log lines and its exit are timers from here on."""
        loop = asyncio.get_running_loop()
        self._move(
            life, ContainerState.RUNNING, started_at=self.now(), pid=self._random.randrange(2, 1 << 22)
        )
        life.begun = life.counted = loop.time()
        run = life.script.run(life.config.attempt)
        for line in run.logs:
            self._at(life, line.at, functools.partial(self._write, life, line))
        if run.lasts is not None:
            code, reason, message = run.exit_code, run.reason, run.message
            self._at(life, run.lasts, lambda: self.exit(life, code, reason=reason, message=message))

    def use(self, life: Life, **usage: float) -> None:
        """From now on the container uses so much: ``cpu`` in cores, ``memory`` in bytes."""
        life.spent, life.counted = life.core_seconds(), asyncio.get_running_loop().time()
        life.script = replace(life.script, **usage)  # type: ignore[arg-type]

    def exit(self, life: Life, code: int, *, signal: int = 0, reason: str = "", message: str = "") -> None:
        """The container's process ends; nothing happens if it has ended."""
        if life.status.state in (ContainerState.EXITED, ContainerState.UNKNOWN):
            return
        self._stop_timers(life)
        self._move(
            life,
            ContainerState.EXITED,
            finished_at=self.now(),
            exit_code=code,
            signal=signal,
            reason=reason or ("Completed" if code == 0 else "Error"),
            message=message,
            pid=0,
        )
        self._end(life)

    def terminate(self, life: Life) -> None:
        """SIGTERM: by the script it exits now, later or not at all."""
        seconds = life.script.term_seconds
        if seconds is not None and life.running:
            self._at(life, seconds, lambda: self.exit(life, life.script.term_exit_code))

    def vanish(self, container_id: str) -> None:
        """The container's supervisor is lost: its state becomes UNKNOWN."""
        life = self.life(container_id)
        self._stop_timers(life)
        self._move(life, ContainerState.UNKNOWN, finished_at=self.now(), exit_code=255, pid=0)
        self._end(life)

    def reboot(self) -> None:
        """Everything that ran is dead at once, as after a power cut; the records stay."""
        for sandbox_id in list(self.sandboxes):
            self.set_sandbox_state(sandbox_id, SandboxState.NOT_READY)
        for life in list(self.lives.values()):
            self.exit(life, 255, reason="Unknown")

    def remove(self, life: Life) -> None:
        self.exit(life, KILLED, signal=9)
        if self.lives.pop(life.status.id, None) is not None:
            self._publish(
                ContainerEvent(container_id=life.status.id, sandbox_id=life.status.sandbox_id, container=None)
            )

    def _move(self, life: Life, state: ContainerState, **changes: object) -> None:
        if state not in _MOVES[life.status.state]:
            raise IllegalMove(
                f"cannot move container {life.status.name} to {state.value}: it is {life.status.state.value}"
            )
        life.status = replace(life.status, state=state, **changes)  # type: ignore[arg-type]
        self._tell(life)

    def _tell(self, life: Life) -> None:
        status = life.status
        self._publish(ContainerEvent(container_id=status.id, sandbox_id=status.sandbox_id, container=status))

    def _publish(self, event: ContainerEvent) -> None:
        for callback in tuple(self._watchers.values()):
            callback(event)

    def _at(self, life: Life, seconds: float, action: Callable[[], None]) -> None:
        life.timers.append(asyncio.get_running_loop().call_later(seconds, action))

    def _end(self, life: Life) -> None:
        life.ended.set()
        for listener in life.listeners:
            listener.put_nowait(None)

    def _stop_timers(self, life: Life) -> None:
        for timer in life.timers:
            timer.cancel()
        life.timers.clear()

    def _write(self, life: Life, line: LogLine) -> None:
        for listener in life.listeners:
            listener.put_nowait((2 if line.stream == "stderr" else 1, f"{line.text}\n".encode()))
        if life.log is not None:
            stamp = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
            life.log.parent.mkdir(parents=True, exist_ok=True)
            with life.log.open("a") as file:
                file.write(f"{stamp} {line.stream} F {line.text}\n")
