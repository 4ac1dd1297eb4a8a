"""Which capabilities a container's process gets: containerd's default set, what is added and dropped, ALL, privileged.

Pure but for ``available``, which reads what this process may hand on at all: asking a kernel for more fails the whole
container, so privileged containers get what there is.
"""

from __future__ import annotations

from pathlib import Path

from podling.runtime.interface import CreateFault, SecurityContext

# In the order of their numbers in <linux/capability.h>.
NAMES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip
DEFAULT = frozenset(
    f"CAP_{name}"
    for name in [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ]
)


def effective(security: SecurityContext, available: frozenset[str]) -> tuple[str, ...]:
    """The capabilities of the container, in numeric order.  Raises ``CreateFault`` for a name that is none."""
    if security.privileged:
        return _ordered(available)
    added, dropped = _full(security.add_capabilities), _full(security.drop_capabilities)
    chosen = set(available if "CAP_ALL" in added else DEFAULT)
    if "CAP_ALL" in dropped:
        chosen = set()
    chosen |= added - {"CAP_ALL"}
    chosen -= dropped
    missing = chosen - available - DEFAULT
    if missing:
        raise CreateFault(
            f"cannot grant {', '.join(_ordered(missing))}: this process does not have it itself"
        )
    return _ordered(chosen & available)


def available() -> frozenset[str]:
    """What this process's bounding set holds."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            bits = int(line.split()[1], 16)
            return frozenset(name for number, name in enumerate(NAMES) if bits >> number & 1)
    return frozenset()


def _full(names: tuple[str, ...]) -> set[str]:
    full = {name if name.startswith("CAP_") else f"CAP_{name}" for name in (n.upper() for n in names)}
    unknown = full - set(NAMES) - {"CAP_ALL"}
    if unknown:
        raise CreateFault(f'unknown capability "{min(unknown)}"')
    return full


def _ordered(names: set[str] | frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in NAMES if name in names)
