"""What a runtime of real processes must do besides: what runs inside containers and how it is reached."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from podling.runtime.interface import (
    ContainerState,
    CreateFault,
    Mount,
    RuntimeFault,
    SecurityContext,
    StartFault,
    Stream,
    Timeout,
)

from .lifecycle import LifecycleSuite
from .world import LIMIT, Watcher, World


class ShellSuite(LifecycleSuite):
    """Real processes with the built-in busybox: what runs inside and how it is reached."""

    on_the_way = 20
    """Chunks of 64 KiB below which a command is stalled when nobody reads: a pipe holds one, a socket up to 64."""

    async def shell(self, world: World, container: str, script: str) -> str:
        """The output of a shell script inside; it must succeed."""
        result = await world.runtime.exec_sync(container, ["sh", "-c", script], limit=LIMIT)
        assert result.exit_code == 0, result
        return result.stdout.decode().strip()

    async def test_an_exit_between_two_lives_is_found(self, world: World) -> None:
        container = await self.running(world)
        pid = (await world.runtime.container(container)).pid

        async def end_it() -> None:
            pidfd = os.pidfd_open(pid)
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            await asyncio.to_thread(_wait_end, pidfd)

        runtime = await world.restart(end_it)
        world.runtime = runtime
        ended = await Watcher(runtime).until(container, ContainerState.EXITED)
        assert (ended.exit_code, ended.id) == (137, container)

    async def test_commands_run_inside(self, world: World) -> None:
        container = await self.running(world)
        result = await world.runtime.exec_sync(
            container, ["sh", "-c", "echo out; echo err >&2; exit 7"], limit=LIMIT
        )
        assert (result.stdout, result.stderr, result.exit_code) == (b"out\n", b"err\n", 7)

    async def test_a_command_past_its_limit_is_killed(self, world: World) -> None:
        container = await self.running(world)
        with pytest.raises(Timeout):
            await world.runtime.exec_sync(container, ["sh", "-c", "sleep 4321 & sleep 4321"], limit=0.5)
        await self.no_process(world, container, "4321")

    async def test_a_command_that_does_not_exist_inside_is_told(self, world: World) -> None:
        container = await self.running(world)
        with pytest.raises(StartFault) as caught:
            await world.runtime.exec_sync(container, ["no-such-command"], limit=LIMIT)
        assert "no-such-command" in str(caught.value)
        assert caught.value.exit_code == 127

    async def test_a_command_in_the_background_does_not_hold_the_answer(self, world: World) -> None:
        self.needs("background")
        container = await self.running(world)
        assert await self.shell(world, container, "sleep 1000 & echo done") == "done"

    async def test_standard_input_reaches_the_command_and_ends(self, world: World) -> None:
        container = await self.running(world)
        async with self.exec(world, container, "cat; echo over") as stream:
            async with asyncio.TaskGroup() as both:
                both.create_task(_send(stream, b"x" * 200_000))
                received = both.create_task(_output(stream))
            assert received.result() == b"x" * 200_000 + b"over\n"
            assert await stream.wait() == 0

    async def test_a_slow_reader_stalls_the_command(self, world: World) -> None:
        container = await self.running(world)
        script = (
            "n=0; while [ $n -lt 100 ]; do head -c 65536 /dev/zero; n=$((n+1)); echo $n >/tmp/written; done"
        )
        async with self.exec(world, container, script) as stream:
            reading = stream.read()
            await anext(reading)
            written = await self.shell(world, container, "sleep 0.3; cat /tmp/written")
            assert int(written) < self.on_the_way  # of 100 chunks
            assert sum([len(data) async for _, data in reading]) > 6_000_000

    async def test_leaving_an_exec_ends_it(self, world: World) -> None:
        container = await self.running(world)
        async with self.exec(world, container, "sleep 4321 & echo up; sleep 4321") as stream:
            assert await anext(stream.read()) == (1, b"up\n")
        await self.no_process(world, container, "4321")

    async def test_a_terminal_can_be_had_and_resized(self, world: World) -> None:
        self.needs("tty")
        container = await self.running(world)
        async with world.runtime.exec(container, ["sh"], stdin=True, tty=True) as stream:
            await stream.resize(101, 37)
            await stream.write(b"tty; stty size; exit 5\n")
            output = await _output(stream)
            assert "tty_name" in self.lacks or b"/dev/pts/" in output
            assert b"37 101" in output
            assert await stream.wait() == 5

    async def test_attaching_joins_the_container(self, world: World) -> None:
        self.needs("attach")
        container = await self.running(
            world, command=["sh", "-c", "while read l; do echo got $l; done; exit 9"], stdin=True
        )
        async with asyncio.timeout(LIMIT), world.runtime.attach(container, stdin=True, tty=False) as stream:
            reading = stream.read()
            await stream.write(b"one\n")
            assert await anext(reading) == (1, b"got one\n")
            await world.runtime.signal_container(container, signal.SIGKILL)
            assert await stream.wait() == 137

    async def test_a_port_of_the_pod_is_reached(self, world: World) -> None:
        box = await self.sandbox(world)
        port = _free_port()
        await self.running(world, box, command=["sh", "-c", f"echo ready >&2; nc -l -p {port} -e cat"])
        async with asyncio.timeout(LIMIT):
            while True:
                try:
                    async with world.runtime.port_forward(box.id, port) as stream:
                        await stream.write(b"ping")
                        await stream.close_stdin()
                        assert await _output(stream) == b"ping"
                        return
                except RuntimeFault:
                    await asyncio.sleep(0.01)  # not listening yet

    async def test_a_port_that_nobody_listens_on_is_told(self, world: World) -> None:
        box = await self.sandbox(world)
        await self.running(world, box)
        with pytest.raises(RuntimeFault, match=r"(?i)refused"):
            async with world.runtime.port_forward(box.id, _free_port()):
                pass

    async def test_the_environment_is_the_images_then_the_containers(self, world: World) -> None:
        container = await self.running(world, env=(("GREETING", "a b=c"), ("EMPTY", "")))
        lines = (await self.shell(world, container, "env")).splitlines()
        assert "GREETING=a b=c" in lines
        assert "EMPTY=" in lines
        assert any(line.startswith("PATH=") for line in lines)

    async def test_command_and_arguments_replace_the_images(self, world: World) -> None:
        box = await self.sandbox(world)
        both = await self.ended(world, box, name="both", command=["echo", "a"], args=["b c"])
        assert Path(both.log_path).read_text().rstrip().endswith("stdout F a b c")
        args = await self.ended(world, box, name="args", command=[], args=["echo", "only args"])
        assert Path(args.log_path).read_text().rstrip().endswith("stdout F only args")

    async def test_the_working_folder_is_made(self, world: World) -> None:
        self.needs("workdir")
        container = await self.running(world, working_dir="/made/for/it")
        assert await self.shell(world, container, "pwd") == "/made/for/it"

    async def test_the_user_and_groups_are_what_was_asked(self, world: World) -> None:
        self.needs("users")
        security = SecurityContext(run_as_user=1234, run_as_group=2345, supplemental_groups=(3456,))
        container = await self.running(world, security=security)
        assert await self.shell(world, container, "id -u; id -g; id -G") == "1234\n2345\n2345 3456"

    async def test_devices_of_the_machine_keep_their_owner(self, world: World) -> None:
        """Some runtimes give a container's streams to its user, and where it has no stdin that is /dev/null."""
        self.needs("users")
        container = await self.running(world, security=SecurityContext(run_as_user=61234, run_as_group=61235))
        assert await self.shell(world, container, "id -u; test -c /dev/null; cat </dev/null") == "61234"
        assert Path("/dev/null").stat().st_uid != 61234

    async def test_a_named_user_comes_from_the_image(self, world: World) -> None:
        self.needs("users")
        container = await self.running(world, security=SecurityContext(run_as_username="www-data"))
        assert await self.shell(world, container, "id -un; echo $HOME") == "www-data\n/var/www"

    async def test_an_unknown_user_is_refused(self, world: World) -> None:
        self.needs("users")
        box = await self.sandbox(world)
        config = self.container_config(world, security=SecurityContext(run_as_username="nobody-knows"))
        with pytest.raises(CreateFault, match="nobody-knows"):
            await world.runtime.create_container(box.id, config)
        assert await world.runtime.list_containers() == []

    async def test_a_read_only_root_stays_so(self, world: World) -> None:
        self.needs("readonly_rootfs")
        container = await self.running(world, security=SecurityContext(readonly_rootfs=True))
        result = await world.runtime.exec_sync(container, ["touch", "/file"], limit=LIMIT)
        assert (result.exit_code, b"Read-only" in result.stderr) == (1, True)

    async def test_volumes_are_shared_between_containers(self, world: World, tmp_path: Path) -> None:
        self.needs("mounts")
        volume = tmp_path / "volume"
        volume.mkdir()
        box = await self.sandbox(world)
        writer = await self.running(
            world, box, "w", mounts=(Mount(container_path="/data", host_path=str(volume)),)
        )
        mount = Mount(container_path="/data", host_path=str(volume), readonly=True)
        reader = await self.running(world, box, "r", mounts=(mount,))
        await self.shell(world, writer, "echo hello >/data/file")
        assert await self.shell(world, reader, "cat /data/file") == "hello"
        assert (volume / "file").read_text() == "hello\n"
        if "readonly_mounts" not in self.lacks:
            assert (await world.runtime.exec_sync(reader, ["touch", "/data/x"], limit=LIMIT)).exit_code == 1

    async def test_what_a_container_writes_is_its_own(self, world: World) -> None:
        self.needs("rootfs")
        box = await self.sandbox(world)
        one, two = await self.running(world, box, "one"), await self.running(world, box, "two")
        await self.shell(world, one, "echo x >/file")
        assert (await world.runtime.exec_sync(two, ["cat", "/file"], limit=LIMIT)).exit_code == 1

    async def test_resolv_conf_is_the_pods(self, world: World) -> None:
        container = await self.running(world)
        assert (await self.shell(world, container, "cat /etc/resolv.conf")).splitlines() == [
            "search default.svc.cluster.local",
            "nameserver 10.96.0.10",
            "options ndots:5",
        ]

    async def test_containers_of_a_pod_share_localhost(self, world: World) -> None:
        box = await self.sandbox(world)
        port = _free_port()
        address = "127.0.0.1" if "network" not in self.lacks else box.ips[0]
        serve = f"mkdir /tmp/www; echo hi >/tmp/www/page; exec httpd -f -p {address}:{port} -h /tmp/www"
        await self.running(world, box, "server", command=["sh", "-c", serve])
        client = await self.running(world, box, "client")
        script = (
            f"for i in $(seq 500); do wget -q -O - http://{address}:{port}/page && break; usleep 10000; done"
        )
        assert await self.shell(world, client, script) == "hi"

    async def test_a_rotated_log_goes_on_in_a_new_file(self, world: World) -> None:
        script = "n=0; while :; do n=$((n+1)); echo line $n; usleep 5000; done"
        container = await self.running(world, command=["sh", "-c", script])
        await self.log_line(world, "line 3")
        log = world.logs / "pod" / "main.log"
        log.rename(log.with_suffix(".1"))
        await world.runtime.reopen_log(container)
        await self.log_line(world, "line")
        await world.runtime.stop_container(container, grace=0)
        old, new = log.with_suffix(".1").read_text().splitlines(), log.read_text().splitlines()
        numbers = [int(line.rpartition(" ")[2]) for line in old + new]
        assert numbers == list(range(1, len(numbers) + 1))  # nothing lost, nothing twice

    async def test_a_running_container_has_statistics(self, world: World) -> None:
        self.needs("stats")
        container = await self.running(world)
        [usage] = await world.runtime.stats(container)
        assert usage.container_id == container
        assert usage.memory_usage > 0
        assert usage.pids >= 1
        assert [s.container_id for s in await world.runtime.stats()] == [container]

    async def no_process(self, world: World, container: str, mark: str) -> None:
        """No process of the container has ``mark`` in its arguments, or it is dying at this moment."""
        gone = f"for i in $(seq 300); do ps -o args | grep -q '[{mark[0]}]{mark[1:]}' || exit 0; usleep 10000; done; ps; exit 1"
        await self.shell(world, container, gone)

    @asynccontextmanager
    async def exec(self, world: World, container: str, script: str) -> AsyncIterator[Stream]:
        async with asyncio.timeout(LIMIT):
            async with world.runtime.exec(container, ["sh", "-c", script], stdin=True, tty=False) as stream:
                yield stream


async def _output(stream: Stream) -> bytes:
    async with asyncio.timeout(LIMIT):
        return b"".join([data async for _, data in stream.read()])


async def _send(stream: Stream, data: bytes) -> None:
    await stream.write(data)
    await stream.close_stdin()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_end(pidfd: int) -> None:
    select.select([pidfd], [], [], LIMIT)
    os.close(pidfd)
