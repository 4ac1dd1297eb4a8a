"""Process containers in each way of isolation: their life, their stdio, their volumes, their end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest
from process_world import LIMIT, World, eventually, gone, pages

from podling.runtime.interface import (
    ContainerConfig,
    ContainerState,
    CreateFault,
    ImageFault,
    NotFound,
    Resources,
    RuntimeFault,
    SandboxState,
    SecurityContext,
    StartFault,
    Timeout,
    Unsupported,
)
from podling.runtime.process import Mode
from podling.runtime.process.supervisor import kin

pytestmark = pytest.mark.linux


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


async def fetch(address: str, port: str, path: str = "/") -> str:
    """What a web server answers, once it listens."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                reader, writer = await asyncio.open_connection(address, int(port))
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
                continue
            writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return answer.decode()


async def test_a_container_writes_its_log_and_exits_with_its_code(here: World) -> None:
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "sh", "-c", "echo out; echo err >&2; printf tail; exit 3")
    ended = await here.ended(container_id)
    assert (ended.state, ended.exit_code, ended.reason) == (ContainerState.EXITED, 3, "Error")
    assert ended.created_at < ended.started_at < ended.finished_at
    assert sorted(here.log()) == ["stderr F err", "stdout F out", "stdout P tail"]


async def test_every_change_is_told_once_and_in_order(here: World) -> None:
    events = here.runtime.events()
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "true")
    await here.ended(container_id)
    await here.runtime.remove_container(container_id)
    seen = []
    async with asyncio.timeout(LIMIT):
        async for event in events:
            seen.append(event.container.state.value if event.container else "removed")
            if seen[-1] == "removed":
                break
    assert seen == ["created", "running", "exited", "removed"]


async def test_two_containers_share_a_volume_and_the_pods_address(here: World) -> None:
    volume, port = here.volume("pod", "www"), free_port()
    sandbox = await here.sandbox()
    writer = await here.run(
        sandbox,
        *("sh", "-c", "while true; do echo page > /out/next && mv /out/next /out/index.html; sleep 1; done"),
        name="writer",
        mounts=pages([("/out", volume)]),
    )
    await here.run(
        sandbox, "httpd", "-f", "-p", port, "-h", "/www", name="web", mounts=pages([("/www", volume)])
    )
    await eventually((volume / "index.html").exists)
    assert (await fetch(sandbox.ips[0], port, "/index.html")).endswith("page\n")
    assert await here.output(writer, "wget", "-qO-", f"http://localhost:{port}/") == "page\n"


async def test_volumes_keep_their_content_and_their_place(here: World) -> None:
    volume = here.volume("pod", "v")
    (volume / "before").write_text("1")
    sandbox = await here.sandbox()
    container_id = await here.run(
        sandbox, "sh", "-c", "cat /v/before > /v/after", mounts=pages([("/v", volume)])
    )
    assert (await here.ended(container_id)).exit_code == 0
    await here.runtime.remove_sandbox(sandbox.id)
    assert (volume / "after").read_text() == "1"
    assert not any(parent.is_symlink() for parent in (volume, *volume.parents))


async def test_single_files_can_be_mounted(here: World) -> None:
    file = here.volume("pod", "v") / "hosts"
    file.write_text("10.0.0.1 somebody\n")
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "cat", "/etc/hosts", mounts=pages([("/etc/hosts", file)]))
    await here.ended(container_id)
    assert here.log() == ["stdout F 10.0.0.1 somebody"]


async def test_a_command_that_does_not_exist_is_a_start_fault(here: World) -> None:
    container_id = await here.create(await here.sandbox(), "no-such-program")
    with pytest.raises(StartFault, match=r"no-such-program: executable file not found in \$PATH"):
        await here.runtime.start_container(container_id)
    found = await here.runtime.container(container_id)
    assert (found.state, found.exit_code, found.reason) == (ContainerState.EXITED, 128, "StartError")


async def test_stopping_asks_first_and_kills_after_the_grace(here: World) -> None:
    sandbox = await here.sandbox()
    polite = await here.run(
        sandbox, "sh", "-c", "trap 'exit 5' TERM; echo ready; while true; do sleep 0.1; done", name="polite"
    )
    stubborn = await here.run(
        sandbox, "sh", "-c", "trap '' TERM; echo ready; while true; do sleep 0.1; done", name="stubborn"
    )
    await eventually(lambda: bool(here.log("polite") and here.log("stubborn")))
    await here.runtime.stop_container(polite, grace=LIMIT)
    assert (await here.runtime.container(polite)).exit_code == 5
    await here.runtime.stop_container(stubborn, grace=0.2)
    killed = await here.runtime.container(stubborn)
    assert (killed.exit_code, killed.signal) == (137, 9)


async def test_nothing_of_a_container_outlives_its_main_process(here: World) -> None:
    """Neither a child in its session, nor one that left it and lost its parent."""
    sandbox = await here.sandbox()
    container_id = await here.run(
        sandbox, "sh", "-c", "sleep 1000 & (setsid sleep 1001 &) ; echo ready; exec sleep 1002"
    )
    await eventually(lambda: bool(here.log()))
    await here.has(container_id, 3)
    main = (await here.runtime.container(container_id)).pid
    family = kin.members(container_id, main, supervisor=here.runtime._link.pid, others=set())
    assert len(family) == 2
    await here.runtime.signal_container(container_id, signal.SIGKILL)
    assert (await here.ended(container_id)).exit_code == 137
    await gone(main, *family)


async def test_what_exec_gives(here: World) -> None:
    container_id = await here.run(await here.sandbox(), "sleep", "1000")
    result = await here.runtime.exec_sync(
        container_id, ["sh", "-c", "echo o; echo e >&2; exit 4"], limit=LIMIT
    )
    assert (result.stdout, result.stderr, result.exit_code) == (b"o\n", b"e\n", 4)
    with pytest.raises(StartFault, match="no-such"):
        await here.runtime.exec_sync(container_id, ["no-such"], limit=LIMIT)
    with pytest.raises(Timeout):
        await here.runtime.exec_sync(container_id, ["sleep", "1000"], limit=0.2)
    await here.has(container_id, 1)


async def test_exec_with_input_and_with_a_terminal(here: World) -> None:
    container_id = await here.run(await here.sandbox(), "sleep", "1000")
    async with here.runtime.exec(container_id, ["cat"], stdin=True, tty=False) as stream:

        async def feed() -> None:
            await stream.write(b"x" * 300_000)
            await stream.close_stdin()

        feeding = asyncio.create_task(feed())
        assert sum([len(data) async for _, data in stream.read()]) == 300_000
        await feeding
        assert await stream.wait() == 0
    async with here.runtime.exec(container_id, ["sh"], stdin=True, tty=True) as stream:
        await stream.resize(123, 45)
        await stream.write(b"stty size; test -t 0 && exit 6\n")
        said = b"".join([data async for _, data in stream.read()])
        assert b"45 123" in said
        assert await stream.wait() == 6


async def test_leaving_an_exec_kills_its_command(here: World) -> None:
    container_id = await here.run(await here.sandbox(), "sleep", "1000")
    async with here.runtime.exec(container_id, ["sh", "-c", "sleep 1001"], stdin=False, tty=False):
        await here.has(container_id, 2)
    await here.has(container_id, 1)


async def test_output_of_an_exec_ends_with_its_command_not_with_its_leftovers(here: World) -> None:
    container_id = await here.run(await here.sandbox(), "sleep", "1000")
    result = await here.runtime.exec_sync(container_id, ["sh", "-c", "sleep 1000 & echo done"], limit=5)
    assert result.stdout == b"done\n"


async def test_attaching_feeds_and_shows_a_container(here: World) -> None:
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "cat", stdin=True, stdin_once=True)
    async with here.runtime.attach(container_id, stdin=True, tty=False) as stream:
        await stream.write(b"hello\n")
        await stream.close_stdin()
        assert b"".join([data async for _, data in stream.read()]) == b"hello\n"
        assert await stream.wait() == 0
    assert here.log() == ["stdout F hello"]


async def test_somebody_attached_who_does_not_read_stalls_the_container_and_loses_nothing(
    here: World,
) -> None:
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "sh", "-c", "read x; yes | head -c 3000000", stdin=True)
    async with here.runtime.attach(container_id, stdin=True, tty=False) as stream:
        await stream.write(b"go\n")
        await asyncio.sleep(0.3)
        assert (await here.runtime.container(container_id)).state is ContainerState.RUNNING
        assert sum([len(data) async for _, data in stream.read()]) == 3_000_000
    assert (await here.ended(container_id)).exit_code == 0


async def test_a_container_with_a_terminal(here: World) -> None:
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "sh", "-c", "read x; stty size; echo got $x", stdin=True, tty=True)
    async with here.runtime.attach(container_id, stdin=True, tty=True) as stream:
        await stream.resize(99, 33)
        await stream.write(b"line\n")
        said = b"".join([data async for _, data in stream.read()])
    assert b"33 99" in said
    assert b"got line" in said


async def test_ports_are_reached_by_the_pods_address(here: World) -> None:
    port = free_port()
    sandbox = await here.sandbox()
    await here.run(sandbox, "nc", "-l", "-p", port, "-e", "echo", "hi")
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                async with here.runtime.port_forward(sandbox.id, int(port)) as stream:
                    assert b"".join([data async for _, data in stream.read()]) == b"hi\n"
                    break
            except RuntimeFault:
                await asyncio.sleep(0.01)
    with pytest.raises(RuntimeFault, match="Connection refused"):
        async with here.runtime.port_forward(sandbox.id, int(port)):
            pass


async def test_the_environment_and_the_identity_of_a_pod(here: World) -> None:
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "sleep", "1000", env=(("A", "b=c"),), working_dir="/tmp")
    env = (await here.output(container_id, "env")).splitlines()
    assert {"A=b=c", "HOSTNAME=pod", f"PODLING_POD_IP={sandbox.ips[0]}"} <= set(env)
    where = (await here.output(container_id, "pwd")).strip()
    assert where == "/tmp" if here.mode is not Mode.PLAIN else where.startswith(f"{here.folder}/runtime/")
    if here.mode is Mode.NAMESPACES:
        assert await here.output(container_id, "hostname") == "pod\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users")
async def test_a_container_runs_as_the_user_asked_for(here: World) -> None:
    volume = here.volume("pod", "v")
    security = SecurityContext(run_as_user=1234, run_as_group=2345, supplemental_groups=(3456,))
    command = "touch /v/made; id -u; id -g; id -G; grep -E 'CapEff|NoNewPrivs' /proc/self/status; true"
    container_id = await here.run(
        await here.sandbox(), "sh", "-c", command, security=security, mounts=pages([("/v", volume)])
    )
    ended = await here.ended(container_id)
    assert (ended.exit_code, here.log()[:3]) == (0, ["stdout F 1234", "stdout F 2345", "stdout F 2345 3456"])
    assert (volume / "made").stat().st_uid == 1234


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users")
async def test_a_user_who_cannot_reach_its_image_is_refused_by_name(here: World) -> None:
    if here.mode is not Mode.PLAIN:
        pytest.skip("containers have a root folder of their own")
    here.folder.chmod(0o700)
    with pytest.raises(Unsupported, match=rf"run_as_user.* user 1234 .*{here.folder}, whose mode is 0700"):
        await here.create(await here.sandbox(), "true", security=SecurityContext(run_as_user=1234))
    assert await here.runtime.list_containers() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: capabilities to drop")
async def test_dropped_capabilities_are_gone(here: World) -> None:
    volume = here.volume("pod", "v")
    (volume / "secret").write_text("x")
    (volume / "secret").chmod(0)
    os.chown(volume / "secret", 1234, 1234)
    security = SecurityContext(drop_capabilities=("ALL",), no_new_privs=True)
    container_id = await here.run(
        await here.sandbox(), "cat", "/v/secret", security=security, mounts=pages([("/v", volume)])
    )
    assert (await here.ended(container_id)).exit_code == 1
    assert "Permission denied" in here.log()[0]


async def test_what_cannot_be_honoured_is_refused_by_name(here: World) -> None:
    sandbox = await here.sandbox()
    with pytest.raises(Unsupported, match=r"security\.privileged"):
        await here.create(sandbox, "true", security=SecurityContext(privileged=True))
    with pytest.raises(ImageFault):
        await here.runtime.create_container(sandbox.id, ContainerConfig(name="c", image="sha256:" + "0" * 64))
    with pytest.raises(CreateFault, match="SIGNOTHING: there is none of this name"):
        await here.create(sandbox, "true", stop_signal="SIGNOTHING")
    assert await here.runtime.list_containers() == []
    assert list((here.folder / "runtime" / "containers").iterdir()) == []


async def test_limits_are_announced_as_not_enforced(here: World) -> None:
    container_id = await here.run(
        await here.sandbox(), "sleep", "1000", resources=Resources(memory_limit=1 << 20)
    )
    await here.runtime.update_resources(container_id, Resources(memory_limit=2 << 20))
    assert any(line.startswith("resources") for line in here.runtime.info().not_isolated)


async def test_stopping_and_removing_are_idempotent_and_leave_nothing(here: World) -> None:
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "sleep", "1000")
    pid = (await here.runtime.container(container_id)).pid
    await here.runtime.stop_sandbox(sandbox.id)
    await here.runtime.stop_sandbox(sandbox.id)
    assert (await here.runtime.sandbox(sandbox.id)).state is SandboxState.NOT_READY
    assert (await here.runtime.container(container_id)).exit_code == 137
    assert await here.network.addresses(sandbox.id) == ()
    with pytest.raises(CreateFault, match="not ready"):
        await here.create(sandbox, "true")
    for _ in range(2):
        await here.runtime.remove_sandbox(sandbox.id)
        await here.runtime.remove_container(container_id)
        await here.runtime.stop_container(container_id, grace=1)
    with pytest.raises(NotFound):
        await here.runtime.container(container_id)
    await gone(pid)
    for folder in ("containers", "sandboxes"):
        assert list((here.folder / "runtime" / folder).iterdir()) == []


async def test_a_cancelled_creation_leaves_nothing(here: World) -> None:
    sandbox = await here.sandbox()
    creating = asyncio.create_task(here.create(sandbox, "true"))
    await asyncio.sleep(0)
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert await here.runtime.list_containers() == []
    assert list((here.folder / "runtime" / "containers").iterdir()) == []


async def test_logs_go_on_in_a_new_file_after_rotation(here: World) -> None:
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "sh", "-c", "while read x; do echo $x; done", stdin=True)
    log = here.folder / "logs" / "pod" / "c.log"

    async def say(text: str, path: Path) -> None:
        async with here.runtime.attach(container_id, stdin=True, tty=False) as stream:
            await stream.write(f"{text}\n".encode())
            async with asyncio.timeout(LIMIT):
                async for _ in stream.read():
                    break
        assert text in path.read_text()

    await say("old", log)
    log.rename(log.with_suffix(".1"))
    await here.runtime.reopen_log(container_id)
    await say("new", log)
    assert "new" not in log.with_suffix(".1").read_text()


async def test_statistics_show_what_is_used(here: World) -> None:
    sandbox = await here.sandbox()
    container_id = await here.run(sandbox, "sh", "-c", "while true; do :; done")

    async def has_worked() -> bool:
        return (await here.runtime.stats(container_id))[0].cpu_usage > 50_000_000

    await eventually(has_worked)
    (used,) = await here.runtime.stats(container_id)
    assert used.memory_working_set > 0
    assert used.pids == 1


async def test_twenty_containers_at_once(here: World) -> None:
    sandboxes = await asyncio.gather(*(here.sandbox(f"pod-{number}") for number in range(20)))
    assert len({sandbox.ips for sandbox in sandboxes}) == 20
    ids = await asyncio.gather(*(here.run(sandbox, "sh", "-c", "exit 7") for sandbox in sandboxes))
    codes = await asyncio.gather(*(here.ended(container_id) for container_id in ids))
    assert {ended.exit_code for ended in codes} == {7}
