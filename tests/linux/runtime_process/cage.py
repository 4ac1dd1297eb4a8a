"""Runs a command with what an ordinary unprivileged container leaves it: ``python cage.py KIND COMMAND ...``

    docker     root with Docker's default capabilities, so without CAP_SYS_ADMIN and CAP_NET_ADMIN; no namespaces, no mounts
    bare       root without any capability; no namespaces, no mounts
    user       an ordinary user, no namespaces, no mounts
    rootless   an ordinary user whom the kernel allows namespaces of users

The system calls are denied by a seccomp filter, as container engines deny them.  Needs root to build the cage.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

USER = 65534
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 38, 22, 24
_SECCOMP_MODE_FILTER = 2
_ALLOW, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
_CLONE_NEW_ANYTHING = 0x7E020000
_LD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06

# numbers of: clone; clone3; and of unshare, setns, mount, umount2, pivot_root, and the new mount calls
_ARCHITECTURES = {
    "x86_64": (0xC000003E, 56, (272, 308, 165, 166, 155)),
    "aarch64": (0xC00000B7, 220, (97, 268, 40, 39, 41)),
}
_CLONE3 = 435
_NEW_MOUNT_CALLS = (428, 429, 430, 431, 432, 433, 442)

# CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP
DOCKER = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
_LAST_CAPABILITY = 40

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    kind, *command = sys.argv[1:]
    if kind != "rootless":
        _deny_system_calls()
    if kind in ("docker", "bare"):
        _keep_capabilities(DOCKER if kind == "docker" else frozenset())
    else:
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
    os.execvp(command[0], command)


def _keep_capabilities(kept: frozenset[int]) -> None:
    """Out of the bounding set they are gone with the next program."""
    for number in range(_LAST_CAPABILITY + 1):
        if number not in kept:
            _call("prctl", _PR_CAPBSET_DROP, number, 0, 0, 0)


def _deny_system_calls() -> None:
    program = b"".join(struct.pack("HBBI", *one) for one in _filter())
    code = ctypes.create_string_buffer(program)
    record = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(record), 0, 0)


def _filter() -> list[tuple[int, int, int, int]]:
    architecture, clone, denied = _ARCHITECTURES[platform.machine()]
    code = [
        (_LD_WORD, 0, 0, 4),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _EPERM),
        (_LD_WORD, 0, 0, 0),
    ]
    for number in (*denied, *_NEW_MOUNT_CALLS):
        code += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM)]
    code += [(_JUMP_IF_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ENOSYS)]
    code += [
        (_JUMP_IF_EQUAL, 0, 3, clone),
        (_LD_WORD, 0, 0, 16),
        (_JUMP_IF_ANY_BIT, 0, 1, _CLONE_NEW_ANYTHING),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return code


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}{arguments[:2]}: {os.strerror(code)}")


if __name__ == "__main__":
    main()
