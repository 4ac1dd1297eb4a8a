"""What the kernel says of the machine and of a network namespace (pure: from the text of files in /proc)."""

from __future__ import annotations

from .reading import Interface, Totals

_KIB = 1024


def interfaces(net_dev: str) -> tuple[Interface, ...]:
    """From ``/proc/<pid>/net/dev``, without loopback, in the kernel's order."""
    found = []
    for line in net_dev.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        counters = [int(number) for number in numbers.split()]
        if name.strip() != "lo" and len(counters) >= 12:
            found.append(Interface(name.strip(), *counters[:4], *counters[8:12]))
    return tuple(found)


def totals(stat: str, meminfo: str, *, ticks: int) -> Totals:
    """Of the machine, from ``/proc/stat`` and ``/proc/meminfo``; ``ticks`` a second is the unit of the former.

    Memory is counted as cadvisor counts a root control group: in use is what is not free, and file pages that nobody
    has looked at for long do not belong to the working set.
    """
    memory = {
        name: int(rest.split()[0]) * _KIB
        for name, _, rest in (line.partition(":") for line in meminfo.splitlines())
        if rest.strip()
    }
    user, nice, system, _, _, irq, softirq, steal = (
        int(number) for number in stat.partition("\n")[0].split()[1:9]
    )
    busy = user + nice + system + irq + softirq + steal
    usage = memory["MemTotal"] - memory["MemFree"]
    return Totals(
        cpu=busy * 1_000_000_000 // ticks,
        memory=memory["MemTotal"],
        usage=usage,
        working_set=max(usage - memory.get("Inactive(file)", 0), 0),
        rss=memory.get("AnonPages", 0),
    )


def booted(stat: str) -> int:
    """Nanoseconds since the epoch when the machine started, from ``/proc/stat``."""
    line = next((line for line in stat.splitlines() if line.startswith("btime ")), "btime 0")
    return int(line.split()[1]) * 1_000_000_000


def processes(loadavg: str) -> int:
    """How many tasks the machine has, from ``/proc/loadavg``."""
    return int(loadavg.split()[3].partition("/")[2])
