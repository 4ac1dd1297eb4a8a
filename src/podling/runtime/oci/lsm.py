"""Labels and profiles of the kernel's security modules, SELinux and AppArmor, where it has them.

A SELinux label means nothing to a kernel without SELinux and is left out; an AppArmor profile is a promise and is refused.
Without a word on it a container gets the default profile of whichever container engine has loaded one on this machine.
(Source: containerd `internal/cri/server` (apparmor, selinux options), its words; go-selinux for the label's defaults.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from podling.runtime.interface import CreateFault, SecurityContext

_LABEL = {"user": "system_u", "role": "system_r", "type": "container_t", "level": "s0"}
_DEFAULTS = ("cri-containerd.apparmor.d", "crio-default", "containers-default-", "docker-default")
_LOCALHOST = "localhost/"


@dataclass(frozen=True, slots=True)
class SecurityModules:
    """What the kernel enforces: whether SELinux is on, and the AppArmor profiles loaded; None = it has no AppArmor."""

    selinux: bool = False
    profiles: frozenset[str] | None = None

    @staticmethod
    def read(root: Path = Path("/sys")) -> SecurityModules:
        """Of this machine now."""
        return SecurityModules(selinux=(root / "fs/selinux/enforce").exists(), profiles=_profiles(root))


def label(options: Mapping[str, str], modules: SecurityModules) -> str:
    """The process's SELinux label; "" where none is asked for or the kernel has no use for it."""
    if not options or not modules.selinux:
        return ""
    return ":".join(options.get(part) or usual for part, usual in _LABEL.items())


def profile(security: SecurityContext, modules: SecurityModules) -> str:
    """The process's AppArmor profile; "" for none.  Raises ``CreateFault`` for one that cannot be had."""
    wanted = security.apparmor_profile
    if wanted == "unconfined" or (security.privileged and not wanted.startswith(_LOCALHOST)):
        return ""
    if modules.profiles is None:
        if wanted:
            raise CreateFault("apparmor is not supported")
        return ""
    if wanted.startswith(_LOCALHOST):
        name = wanted.removeprefix(_LOCALHOST)
        if name not in modules.profiles:
            raise CreateFault(f"apparmor profile not found {name}")
        return name
    usual = _usual(modules.profiles)
    if wanted and not usual:
        raise CreateFault("apparmor profile not found: no container engine has loaded a default one here")
    return usual


def _usual(loaded: Collection[str]) -> str:
    return next((name for known in _DEFAULTS for name in sorted(loaded) if name.startswith(known)), "")


def _profiles(root: Path) -> frozenset[str] | None:
    try:
        enabled = (root / "module/apparmor/parameters/enabled").read_text().strip() == "Y"
        lines = (root / "kernel/security/apparmor/profiles").read_text().splitlines() if enabled else []
    except OSError:
        return None
    return frozenset(line.rpartition(" (")[0] for line in lines) if enabled else None
