"""What a set of resources means in control group files, and what such files mean (both pure).

``settings`` translates CRI's numbers, which are on v1's scale, into the files of either version.  Order matters and
is kept: a memory+swap limit may only be raised before, and lowered after, the memory limit (``tree`` retries once).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from podling.runtime.interface import Resources


@dataclass(frozen=True, slots=True)
class Setting:
    """Write ``value`` to ``file`` in the hierarchy of ``controller``."""

    controller: str
    file: str
    value: str


def settings(resources: Resources, *, version: int) -> tuple[Setting, ...]:
    """The files to write for ``resources`` where the controllers are of ``version``."""
    return tuple(_v2(resources) if version == 2 else _v1(resources))


ReadFile = Callable[[str, str], str]
"""The text of a file of a group, by controller and name; "" where there is none."""

_BOUNDLESS = 1 << 60  # bytes; v1 shows the largest whole number of pages for no limit


def in_force(read: ReadFile, asked: Resources, *, version: int) -> Resources:
    """The CPU and memory limits that the kernel has for a group that was last given ``asked``; the rest is as asked.

    Shares that were not asked for are the kernel's default and no request.
    """
    found = _v2_in_force(read, asked) if version == 2 else _v1_in_force(read)
    period = found.cpu_period if found.cpu_quota is not None else None
    return replace(
        asked,
        cpu_shares=None if asked.cpu_shares is None else found.cpu_shares,
        cpu_quota=found.cpu_quota,
        cpu_period=period,
        memory_limit=found.memory_limit,
    )


def _v1_in_force(read: ReadFile) -> Resources:
    quota, memory = read("cpu", "cpu.cfs_quota_us"), read("memory", "memory.limit_in_bytes")
    return Resources(
        cpu_shares=_number(read("cpu", "cpu.shares")),
        cpu_quota=_number(quota),
        cpu_period=_number(read("cpu", "cpu.cfs_period_us")),
        memory_limit=None if int(memory or _BOUNDLESS) >= _BOUNDLESS else int(memory),
    )


def _v2_in_force(read: ReadFile, asked: Resources) -> Resources:
    quota, _, period = read("cpu", "cpu.max").partition(" ")
    weight = _number(read("cpu", "cpu.weight"))
    shares = asked.cpu_shares
    if weight is not None and (shares is None or weight_from_shares(shares) != weight):
        shares = 2 - ((1 - weight) * 262142 // 9999)  # rounded up: the fewest shares of that weight
    return Resources(
        cpu_shares=shares,
        cpu_quota=_number(quota),
        cpu_period=_number(period),
        memory_limit=_number(read("memory", "memory.max")),
    )


def _number(text: str) -> int | None:
    """A count; None for "max", -1 and nothing."""
    return int(text) if text.strip().isdecimal() else None


def weight_from_shares(shares: int) -> int:
    """cgroup v2's ``cpu.weight`` (1..10000) for v1's ``cpu.shares`` (2..262144), as OCI runtimes map them."""
    if shares <= 0:
        return 0
    shares = min(max(shares, 2), 262144)
    return 1 + ((shares - 2) * 9999) // 262142


def _v1(r: Resources) -> Iterator[Setting]:
    if r.cpu_shares is not None:
        yield Setting("cpu", "cpu.shares", str(max(r.cpu_shares, 2)))
    if r.cpu_period is not None:
        yield Setting("cpu", "cpu.cfs_period_us", str(r.cpu_period))
    if r.cpu_quota is not None:
        yield Setting("cpu", "cpu.cfs_quota_us", str(r.cpu_quota if r.cpu_quota > 0 else -1))
    yield from _cpuset(r)
    if r.memory_limit is not None:
        yield Setting("memory", "memory.limit_in_bytes", str(_unlimited(r.memory_limit, "-1")))
    if r.memory_swap_limit is not None:
        yield Setting("memory", "memory.memsw.limit_in_bytes", str(_unlimited(r.memory_swap_limit, "-1")))
    if r.pids is not None:
        yield Setting("pids", "pids.max", _unlimited(r.pids, "max"))
    for size, limit in r.hugepages.items():
        yield Setting("hugetlb", f"hugetlb.{size}.limit_in_bytes", str(limit))


def _v2(r: Resources) -> Iterator[Setting]:
    if r.cpu_shares:
        yield Setting("cpu", "cpu.weight", str(weight_from_shares(r.cpu_shares)))
    if r.cpu_quota is not None or r.cpu_period is not None:
        quota = str(r.cpu_quota) if r.cpu_quota is not None and r.cpu_quota > 0 else "max"
        yield Setting("cpu", "cpu.max", f"{quota} {r.cpu_period or 100000}")
    yield from _cpuset(r)
    if r.memory_limit is not None:
        yield Setting("memory", "memory.max", _unlimited(r.memory_limit, "max"))
    if r.memory_swap_limit is not None:
        yield Setting("memory", "memory.swap.max", _swap_alone(r))
    if r.pids is not None:
        yield Setting("pids", "pids.max", _unlimited(r.pids, "max"))
    for size, limit in r.hugepages.items():
        yield Setting("hugetlb", f"hugetlb.{size}.max", str(limit))
    for file, value in r.unified.items():
        yield Setting(file.partition(".")[0], file, value)


def _cpuset(r: Resources) -> Iterator[Setting]:
    if r.cpuset_cpus:
        yield Setting("cpuset", "cpuset.cpus", r.cpuset_cpus)
    if r.cpuset_mems:
        yield Setting("cpuset", "cpuset.mems", r.cpuset_mems)


def _unlimited(value: int, word: str) -> str:
    return str(value) if value > 0 else word


def _swap_alone(r: Resources) -> str:
    """v1 limits memory plus swap; v2 swap alone."""
    assert r.memory_swap_limit is not None
    if r.memory_swap_limit <= 0:
        return "max"
    return str(max(r.memory_swap_limit - (r.memory_limit or 0), 0))
