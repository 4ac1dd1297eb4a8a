"""What goes wrong around a CRI runtime, what belongs to others, and what of the interface takes more than CRI's verbs."""

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from cri_world import LIMIT, Containerd, Node
from loopback_registry import Registry, layer

from podling.runtime.cri import cni
from podling.runtime.cri.images import PAUSE, CriImages
from podling.runtime.cri.probe import probe
from podling.runtime.cri.runtime import CriRuntime
from podling.runtime.interface import (
    ContainerState,
    CreateFault,
    Credentials,
    ImageFault,
    Resources,
    RuntimeFault,
    Unavailable,
    Unsupported,
)
from podling.testing.runtime_suite import ShellSuite, Watcher

suite = ShellSuite()
SLEEP = {"command": ["sleep", "3600"]}


@pytest.fixture
async def node(tmp_path, containerd):
    return Node(tmp_path, containerd, cni=containerd.cni)


@pytest.fixture
async def world(node):
    async with node.world() as world:
        yield world


async def test_what_others_made_there_is_neither_seen_nor_touched(tmp_path, containerd, world):
    other = Node(tmp_path / "other", containerd, cni=containerd.cni).new()
    container = await suite.running(world)
    await world.runtime.close()
    await other.start()
    try:
        assert await other.list_sandboxes() == []
        assert await other.list_containers() == []
        await other.remove_container(container)
    finally:
        await other.close()

    async def nothing(): ...

    runtime = await world.restart(nothing)
    assert [(c.id, c.state) for c in await runtime.list_containers()] == [(container, ContainerState.RUNNING)]


async def test_a_network_that_fails_leaves_no_sandbox(node, world):
    async def refuse(*_):
        raise OSError("every address is taken")

    node.network.attach = refuse
    with pytest.raises(CreateFault, match="every address is taken"):
        await suite.sandbox(world)
    del node.network.attach
    assert await world.runtime.list_sandboxes() == []
    await suite.sandbox(world)  # the same attempt, whose name is free again


async def test_a_sandbox_that_nobody_waits_for_any_more_leaves_nothing(node, world):
    attached = asyncio.Event()
    attach = node.network.attach

    async def told(*given):
        addresses = await attach(*given)
        attached.set()
        return addresses

    node.network.attach = told
    making = asyncio.ensure_future(suite.sandbox(world))
    async with asyncio.timeout(LIMIT):
        await attached.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert await world.runtime.list_sandboxes() == []
    assert node.network.attached == set()


async def test_an_end_while_containerd_is_away_is_seen_when_it_is_back(containerd, world):
    container = await suite.running(world, **SLEEP)
    pid = (await world.runtime.container(container)).pid
    await asyncio.to_thread(containerd.stop)
    with pytest.raises(Unavailable):
        await suite.sandbox(world, "late")
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(containerd.start)
    ended = await Watcher(world.runtime).until(container, ContainerState.EXITED)
    assert ended.exit_code == 137


async def test_limits_are_changed_while_it_runs_and_told_as_the_kernel_has_them(world):
    container = await suite.running(
        world, resources=Resources(memory_limit=64 << 20, cpu_shares=512), **SLEEP
    )
    before = (await world.runtime.container(container)).resources
    assert (before.memory_limit, before.cpu_shares) == (64 << 20, 512)
    watcher = Watcher(world.runtime)
    await world.runtime.update_resources(
        container, Resources(memory_limit=96 << 20, cpu_quota=50_000, cpu_period=100_000)
    )
    after = (await world.runtime.container(container)).resources
    assert (after.memory_limit, after.cpu_quota) == (96 << 20, 50_000)
    await watcher.told(container, ContainerState.RUNNING)


async def test_a_pods_limit_holds_over_its_containers(world):
    box = await suite.sandbox(world, resources=Resources(memory_limit=128 << 20))
    container = await suite.running(world, box, **SLEEP)
    await world.runtime.update_sandbox(box.id, Resources(memory_limit=32 << 20))
    script = "dd if=/dev/zero of=/dev/shm/x bs=1M count=48 2>/dev/null"
    result = await world.runtime.exec_sync(container, ["sh", "-c", script], limit=LIMIT)
    assert result.exit_code == 137


async def test_the_stop_signal_that_was_asked_for_is_sent(world):
    script = "trap 'exit 41' USR1; trap 'exit 42' TERM; echo up; while :; do sleep 1000 & wait; done"
    container = await suite.running(world, command=["sh", "-c", script], stop_signal="SIGUSR1")
    await suite.log_line(world, "up")
    await world.runtime.stop_container(container, grace=LIMIT)
    assert (await world.runtime.container(container)).exit_code == 41


async def test_a_handler_that_the_runtime_does_not_have_is_refused(world):
    assert world.runtime.info().handlers == ("", "other", "runc")
    with pytest.raises(Unsupported, match="runtime handler 'kata'"):
        await world.runtime.run_sandbox(suite.sandbox_config(world), handler="kata")


async def test_nobody_there_is_told_by_name(tmp_path, containerd):
    with pytest.raises(Unavailable, match=f"cannot connect to {tmp_path}/none: No such file or directory"):
        await probe(f"unix://{tmp_path}/none")
    assert (await probe(containerd.endpoint)).name == "containerd"


async def test_a_runtime_without_a_network_is_told_before_the_first_pod(tmp_path, containerd, node):
    (containerd.cni / "10-podling.conflist").unlink(missing_ok=True)
    elsewhere = Node(tmp_path, containerd, cni=tmp_path / "elsewhere" / "cni")
    runtime = CriRuntime(elsewhere.config, network=elsewhere.network)
    async with asyncio.timeout(LIMIT):
        while not (await probe(containerd.endpoint)).network_fault:  # noqa: ASYNC110 - it watches its folder
            await asyncio.sleep(0.02)
    with pytest.raises(
        Unavailable, match=r"cni plugin not initialized; give it a CNI network, or Podling's: .*elsewhere/cni"
    ):
        await runtime.start()


async def test_a_network_of_the_runtimes_own_is_left_to_it():
    """As a kubelet leaves it: the address is what its plugin says, and ours is not asked."""
    folder = Path(tempfile.mkdtemp(prefix="pcri-"))
    cni.install(folder / "cni")
    (folder / "cni" / "10-podling.conflist").unlink()
    network = {"cniVersion": "0.4.0", "name": "theirs", "plugins": [{"type": "theirs"}]}
    (folder / "cni" / "10-theirs.conflist").write_text(json.dumps(network))
    answer = {
        "interfaces": [{"name": "eth0"}],
        "ips": [{"version": "4", "address": "10.9.8.7/32", "interface": 0}],
    }
    plugin = folder / "cni" / "theirs"
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps({'cniVersion': '0.4.0', **answer})}'\n")
    plugin.chmod(0o755)
    theirs = Containerd(folder / "cd", cni=folder / "cni")
    try:
        await asyncio.to_thread(theirs.start)
        async with Node(folder, theirs, cni=folder / "node" / "cni").world() as world:
            box = await suite.sandbox(world)
            assert box.ips == ("10.9.8.7",)
            assert await world.runtime.list_sandboxes() == [box]
    finally:
        await asyncio.to_thread(theirs.remove)
        shutil.rmtree(folder)


async def test_images_come_from_registries_with_a_password_and_go(containerd):
    registry = Registry(password="s3cret")
    images = CriImages(containerd.endpoint)
    await images.start()
    try:
        image_id = registry.put("team/app", "1", [layer({"hello": b"hi"})])
        name = f"{registry.address}/team/app:1"
        with pytest.raises(ImageFault) as caught:
            await images.pull(name, credentials=[Credentials(username="user", password="wrong")])
        assert caught.value.reason == "ErrImagePull"
        good = Credentials(username="user", password="s3cret")
        image = await images.pull(name, credentials=[Credentials(username="user", password="no"), good])
        assert name in image.repo_tags
        assert image.id == image_id
        assert image.id in {one.id for one in await images.list()}
        assert await images.used_bytes() > 0
        await images.remove(name)
        assert await images.resolve(name) is None
    finally:
        registry.close()
    with pytest.raises(ImageFault) as caught:
        await images.pull(name)
    assert caught.value.reason == "RegistryUnavailable"
    with pytest.raises(ImageFault) as caught:
        await images.resolve("Not A Name")
    assert caught.value.reason == "InvalidImageName"
    await images.close()


async def test_the_built_in_images_are_there_and_stay(containerd):
    images = CriImages(containerd.endpoint)
    await images.start()
    busybox, pause = await images.resolve("busybox"), await images.resolve(PAUSE)
    assert (busybox.pinned, pause.pinned) == (True, True)
    assert (await images.pull("busybox")).id == busybox.id
    await images.close()


async def test_a_port_of_a_stopped_sandbox_is_refused(world):
    box = await suite.sandbox(world)
    await world.runtime.stop_sandbox(box.id)
    with pytest.raises(RuntimeFault, match="no network"):
        async with world.runtime.port_forward(box.id, 80):
            pass


def test_messages_are_those_of_containerd():
    """Numbers and types of all fields that the installed containerd knows."""
    path = Path(__file__).parents[3] / "tools" / "generate_cri.py"
    spec = importlib.util.spec_from_file_location("generate_cri", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    program = shutil.which("containerd")
    if program is None:
        pytest.skip("containerd is not installed: tools/setup.sh dev installs it")
    theirs = tool.table(tool.descriptor(Path(program).read_bytes()))
    ours = json.loads(tool.TARGET.read_text())
    for name in theirs.keys() & ours.keys():
        if isinstance(ours[name], list):
            assert theirs[name][: len(ours[name])] == ours[name]
        else:
            assert {
                field: theirs[name][field] for field in theirs[name].keys() & ours[name].keys()
            }.items() <= (ours[name].items())
