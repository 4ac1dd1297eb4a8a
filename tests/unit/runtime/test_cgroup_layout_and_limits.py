"""Finding the hierarchies of v1, hybrid and v2 machines, and translating resources into their files."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.runtime.cgroups import Mode, parse
from podling.runtime.cgroups.limits import in_force, settings, weight_from_shares
from podling.runtime.interface import Resources

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
50 23 0:32 / /old/memory rw,relatime - cgroup cgroup rw,memory
"""
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"


def _parse(text, *controllers):
    return parse(text, unified_controllers=lambda _: controllers)


def test_a_hybrid_machine_has_its_controllers_on_v1():
    layout = _parse(HYBRID, "hugetlb")
    assert layout.mode is Mode.HYBRID
    assert layout.hierarchy("cpuacct").mountpoint == "/sys/fs/cgroup/cpu,cpuacct"
    assert layout.hierarchy("memory").mountpoint == "/sys/fs/cgroup/memory"
    assert layout.hierarchy("hugetlb") is None  # it sits in the v2 hierarchy, where no container is
    assert layout.hierarchy("pids") is None
    assert layout.controllers == ("cpu", "cpuacct", "memory")


def test_a_v1_machine_is_one_without_a_unified_mount():
    assert _parse(HYBRID.replace("cgroup2", "tmpfs")).mode is Mode.V1


def test_a_v2_machine_has_one_hierarchy():
    layout = _parse(V2, "cpu", "memory")
    assert (layout.mode, len(layout.hierarchies)) == (Mode.V2, 1)
    assert layout.hierarchy("memory") is layout.unified


def test_a_machine_without_cgroups_says_so():
    assert _parse("31 23 0:28 / / rw - ext4 /dev/vda rw\n").mode is Mode.NONE


@pytest.mark.parametrize(("shares", "weight"), [(0, 0), (2, 1), (1024, 39), (262144, 10000), (10**9, 10000)])
def test_shares_become_weights(shares, weight):
    assert weight_from_shares(shares) == weight


@given(st.integers(2, 262144), st.integers(2, 262144))
def test_weights_keep_the_order_of_shares(a, b):
    assert (a <= b) == (weight_from_shares(a) <= weight_from_shares(b)) or weight_from_shares(
        a
    ) == weight_from_shares(b)


EVERYTHING = Resources(
    cpu_shares=512,
    cpu_quota=50000,
    cpu_period=100000,
    cpuset_cpus="0",
    cpuset_mems="0",
    memory_limit=1 << 20,
    memory_swap_limit=3 << 20,
    pids=10,
    hugepages={"2MB": 0},
    unified={"memory.high": "100"},
)


def _files(version, resources=EVERYTHING):
    return [f"{s.controller}:{s.file}={s.value}" for s in settings(resources, version=version)]


def test_everything_on_v1():
    assert _files(1) == [
        "cpu:cpu.shares=512",
        "cpu:cpu.cfs_period_us=100000",
        "cpu:cpu.cfs_quota_us=50000",
        "cpuset:cpuset.cpus=0",
        "cpuset:cpuset.mems=0",
        "memory:memory.limit_in_bytes=1048576",
        "memory:memory.memsw.limit_in_bytes=3145728",
        "pids:pids.max=10",
        "hugetlb:hugetlb.2MB.limit_in_bytes=0",
    ]


def test_everything_on_v2_with_swap_counted_alone():
    assert _files(2) == [
        "cpu:cpu.weight=20",
        "cpu:cpu.max=50000 100000",
        "cpuset:cpuset.cpus=0",
        "cpuset:cpuset.mems=0",
        "memory:memory.max=1048576",
        "memory:memory.swap.max=2097152",
        "pids:pids.max=10",
        "hugetlb:hugetlb.2MB.max=0",
        "memory:memory.high=100",
    ]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (1, ["cpu:cpu.cfs_quota_us=-1", "memory:memory.limit_in_bytes=-1", "pids:pids.max=max"]),
        (2, ["cpu:cpu.max=max 100000", "memory:memory.max=max", "pids:pids.max=max"]),
    ],
)
def test_no_limit_is_written_as_each_version_spells_it(version, expected):
    assert _files(version, Resources(cpu_quota=-1, memory_limit=-1, pids=-1)) == expected


def test_nothing_asked_writes_nothing():
    assert _files(1, Resources()) == _files(2, Resources()) == []


def _kernel(resources, version):
    """The files of a group that was given ``resources``, over a new group's."""
    files = {
        1: {"cpu.shares": "1024", "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000",
            "memory.limit_in_bytes": "9223372036854771712"},
        2: {"cpu.weight": "100", "cpu.max": "max 100000", "memory.max": "max"},
    }[version]  # fmt: skip
    files |= {setting.file: setting.value for setting in settings(resources, version=version)}
    return lambda _, file: files[file]


_LIMITS = st.builds(
    Resources,
    cpu_shares=st.integers(2, 262144),
    cpu_quota=st.none() | st.integers(1000, 10**7),
    cpu_period=st.just(100_000),
    memory_limit=st.none() | st.integers(1, 1 << 50),
)


@pytest.mark.parametrize("version", [1, 2])
@given(given=_LIMITS)
def test_limits_are_read_back_as_they_were_set(version, given):
    found = in_force(_kernel(given, version), given, version=version)
    period = given.cpu_period if given.cpu_quota is not None else None
    assert found == replace(given, cpu_period=period)


@pytest.mark.parametrize("version", [1, 2])
def test_limits_that_somebody_else_set_are_read(version):
    actual = Resources(cpu_shares=512, cpu_quota=50_000, cpu_period=100_000, memory_limit=1 << 20)
    found = in_force(_kernel(actual, version), Resources(cpu_shares=2, pids=7), version=version)
    assert (found.cpu_quota, found.memory_limit, found.pids) == (50_000, 1 << 20, 7)
    assert weight_from_shares(found.cpu_shares or 0) == weight_from_shares(512)
