"""Groups made, limited, frozen, killed and removed in the hierarchies of this machine."""

import os
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from podling.aio import pipes
from podling.aio.spawn import DEVNULL, PIPE, spawn
from podling.runtime.cgroups import CgroupFault, CgroupTree, Mode, detect
from podling.runtime.interface import Resources


@pytest.fixture
def tree():
    made = CgroupTree(detect(), f"podling-test-tree-{secrets.token_hex(4)}/node")
    yield made
    made.remove("")
    made.prune()
    assert not any(
        os.path.exists(h.mountpoint + "/" + made.root.split("/")[0]) for h in made.layout.hierarchies
    )


def _value(tree, controller, path, file):
    return (tree.directory(controller, path) / file).read_text().strip()


async def _sleeper():
    process = await spawn(
        ["sh", "-c", "echo up; exec sleep 100"], stdin=DEVNULL, stdout=PIPE, new_session=True
    )
    assert await pipes.read(process.stdout) == b"up\n"
    return process


def test_a_pod_group_is_made_in_every_hierarchy_with_its_limits(tree):
    tree.make("kubepods/pod1", Resources(memory_limit=64 << 20, pids=20, cpu_shares=512))
    for hierarchy in tree.layout.governing:
        assert os.path.isdir(hierarchy.mountpoint + tree.absolute("kubepods/pod1"))
    is_v2 = tree.layout.mode is Mode.V2
    limit = "memory.max" if is_v2 else "memory.limit_in_bytes"
    assert _value(tree, "memory", "kubepods/pod1", limit) == str(64 << 20)
    assert _value(tree, "pids", "kubepods/pod1", "pids.max") == "20"


def test_everywhere_means_the_unified_hierarchy_too(tree):
    everywhere = CgroupTree(tree.layout, tree.root, everywhere=True)
    everywhere.make("conmon")
    for hierarchy in tree.layout.hierarchies:
        assert os.path.isdir(hierarchy.mountpoint + tree.absolute("conmon"))
    everywhere.prune("conmon")


def test_making_is_repeatable_and_survives_a_removed_ancestor(tree):
    tree.make("a/b")
    tree.make("a/b")
    tree.remove("a")
    tree.make("a/c")
    other = CgroupTree(tree.layout, tree.root)
    other.remove("a")
    tree.make("a/d")
    assert tree.directory("pids", "a/d").is_dir()


def test_memory_and_swap_limits_may_rise_and_fall(tree):
    tree.make("p", Resources(memory_limit=32 << 20, memory_swap_limit=32 << 20))
    tree.apply("p", Resources(memory_limit=128 << 20, memory_swap_limit=128 << 20))
    tree.apply("p", Resources(memory_limit=16 << 20, memory_swap_limit=16 << 20))
    limit = "memory.max" if tree.layout.mode is Mode.V2 else "memory.limit_in_bytes"
    assert _value(tree, "memory", "p", limit) == str(16 << 20)


def test_a_refused_limit_names_the_file(tree):
    tree.make("p")
    with pytest.raises(CgroupFault, match=r"cannot set cpuset\.cpus of /podling-test-.*/node/p to 999"):
        tree.apply("p", Resources(cpuset_cpus="999"))


async def test_processes_are_listed_counted_and_killed(tree):
    tree.make("p")
    process = await _sleeper()
    tree.add("p", process.pid)
    assert tree.processes("") == [process.pid]
    assert tree.usage("p").pids == 1
    tree.kill("p")
    assert await process.wait() == -signal.SIGKILL
    process.close()


async def test_a_group_full_of_forking_processes_is_removed(tree):
    tree.make("p")
    process = await spawn(["sh", "-c", "read x; while :; do sleep 5 & done"], stdin=PIPE, stdout=DEVNULL)
    tree.add("p", process.pid)
    tree.apply("p", Resources(pids=40))
    await pipes.write(process.stdin, b"go\n")
    tree.remove("p")
    assert await process.wait() == -signal.SIGKILL
    process.close()


async def test_frozen_processes_do_nothing_until_thawed(tree):
    tree.make("p")
    process = await spawn(["sh", "-c", "echo up; read x; echo more"], stdin=PIPE, stdout=PIPE)
    assert await pipes.read(process.stdout) == b"up\n"
    tree.add("p", process.pid)
    tree.freeze("p", frozen=True)
    await pipes.write(process.stdin, b"x\n")
    state = "cgroup.freeze" if tree.layout.mode is Mode.V2 else "freezer.state"
    assert _value(tree, "freezer" if state == "freezer.state" else "cpu", "p", state) in (
        "FROZEN",
        "FREEZING",
        "1",
    )
    tree.freeze("p", frozen=False)
    assert await pipes.read(process.stdout) == b"more\n"
    await process.wait()
    process.close()


def test_a_thread_may_move_alone(tree):
    if tree.layout.hierarchy("pids").version == 2:
        pytest.skip("v2 moves whole processes only")
    tree.make("c")

    def move():
        tree.add_this_thread("c")
        with open("/proc/thread-self/cgroup") as file:
            return file.read()

    with ThreadPoolExecutor(1) as pool:
        assert f"pids:{tree.absolute('c')}" in pool.submit(move).result()
    with open("/proc/self/cgroup") as file:
        assert tree.absolute("c") not in file.read()
