"""Who a container's process is: from the request, the image and the image's own /etc/passwd and /etc/group.

``resolve`` is pure over the two files' text; ``read`` fetches them from inside the root file system, following the
image's own links and never the host's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from podling.runtime import linux
from podling.runtime.interface import CreateFault, SecurityContext

_MAX_FILE = 16 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """Numbers for the kernel.  ``home`` is "" where the image's passwd does not know the user."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str = ""


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    uid: int
    gid: int
    home: str


def resolve(security: SecurityContext, image_user: str, *, passwd: str, group: str) -> Identity:
    """The identity asked for, else the image's (``USER``), else root.  Raises ``CreateFault`` for unknown names."""
    wanted_user, wanted_group = _wanted(security, image_user)
    user = _find_user(wanted_user, passwd)
    gid = user.gid if not wanted_group else _find_group(wanted_group, group)
    groups = {gid, *security.supplemental_groups}
    if security.supplemental_groups_policy != "Strict" and user.name:
        groups.update(_memberships(user.name, group))
    return Identity(user.uid, gid, tuple(sorted(groups)), user.home)


def read(rootfs: str, path: str) -> str:
    """A file of the image; "" if there is none."""
    try:
        fd = linux.open_in_root(rootfs, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        return file.read(_MAX_FILE).decode(errors="replace")


def _wanted(security: SecurityContext, image_user: str) -> tuple[str, str]:
    user, _, group = image_user.partition(":")
    if security.run_as_username:
        user, group = security.run_as_username, ""
    if security.run_as_user is not None:
        user, group = str(security.run_as_user), ""
    if security.run_as_group is not None:
        group = str(security.run_as_group)
    return user or "0", group


def _find_user(wanted: str, passwd: str) -> _User:
    for user in _users(passwd):
        if wanted == user.name or (wanted.isdigit() and int(wanted) == user.uid):
            return user
    if not wanted.isdigit():
        raise CreateFault(f"cannot run as user {wanted}: no matching entries in passwd file")
    return _User("", int(wanted), 0, "/root" if wanted == "0" else "")


def _find_group(wanted: str, group: str) -> int:
    if wanted.isdigit():
        return int(wanted)
    for name, gid, _ in _groups(group):
        if name == wanted:
            return gid
    raise CreateFault(f"cannot run as group {wanted}: no matching entries in group file")


def _memberships(user: str, group: str) -> Iterable[int]:
    return (gid for _, gid, members in _groups(group) if user in members)


def _users(passwd: str) -> Iterable[_User]:
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 4 and fields[2].isdigit() and fields[3].isdigit():
            yield _User(fields[0], int(fields[2]), int(fields[3]), fields[5] if len(fields) > 5 else "")


def _groups(group: str) -> Iterable[tuple[str, int, list[str]]]:
    for line in group.splitlines():
        fields = line.split(":")
        if len(fields) >= 3 and fields[2].isdigit():
            yield fields[0], int(fields[2]), fields[3].split(",") if len(fields) > 3 else []
