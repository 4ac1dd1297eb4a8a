"""Who a container's process is and what it may do, worked out before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from podling.runtime.interface import CreateFault, SeccompProfile, SecurityContext
from podling.runtime.oci import capabilities, seccomp
from podling.runtime.oci.capabilities import DEFAULT, effective
from podling.runtime.oci.users import Identity, resolve

PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1500:1600:app:/srv/app:/bin/sh\nbroken\nodd:x:a:b::/\n"
GROUP = "root:x:0:\napp:x:1600:\nstaff:x:1700:app,other\nlate:x:1800\nmany:x:1900:other,app\n"
ALL = frozenset(capabilities.NAMES)


class TestIdentity:
    """containerd `pkg/oci` (WithUser, WithAdditionalGIDs); KEP-3619 for the policy of groups."""

    def resolve(self, image_user: str = "", **asked: object) -> Identity:
        security = SecurityContext(**asked)  # type: ignore[arg-type]
        return resolve(security, image_user, passwd=PASSWD, group=GROUP)

    @pytest.mark.parametrize(
        ("image_user", "uid", "gid"),
        [
            ("", 0, 0),
            ("app", 1500, 1600),
            ("1500", 1500, 1600),
            ("app:staff", 1500, 1700),
            ("1500:1800", 1500, 1800),
            ("77", 77, 0),
            ("77:78", 77, 78),
        ],
    )
    def test_user_of_the_image(self, image_user: str, uid: int, gid: int):
        found = self.resolve(image_user)
        assert (found.uid, found.gid) == (uid, gid)

    def test_asked_user_drops_the_images_group(self):
        assert self.resolve("app:staff", run_as_user=77).gid == 0

    def test_asked_group_stands_alone(self):
        found = self.resolve("app:staff", run_as_group=5)
        assert (found.uid, found.gid) == (1500, 5)

    def test_groups_of_the_image_and_those_asked_for(self):
        assert self.resolve("app", supplemental_groups=(2000,)).groups == (1600, 1700, 1900, 2000)

    def test_strict_leaves_the_images_groups_out(self):
        found = self.resolve("app", supplemental_groups=(2000,), supplemental_groups_policy="Strict")
        assert found.groups == (1600, 2000)

    @pytest.mark.parametrize("image_user", ["nobody-knows", "app:no-group", "odd"])
    def test_unknown_names_are_refused(self, image_user: str):
        with pytest.raises(CreateFault, match="no matching entries in"):
            self.resolve(image_user)


class TestCapabilities:
    """containerd `internal/cri/server` (WithCapabilities)."""

    def of(
        self, *, add: tuple[str, ...] = (), drop: tuple[str, ...] = (), has: frozenset[str] = ALL
    ) -> set[str]:
        return set(effective(SecurityContext(add_capabilities=add, drop_capabilities=drop), has))

    def test_default_set(self):
        assert self.of() == DEFAULT

    def test_names_come_in_any_form(self):
        assert self.of(add=("net_admin", "CAP_SYS_TIME")) == DEFAULT | {"CAP_NET_ADMIN", "CAP_SYS_TIME"}

    def test_dropping_all_leaves_what_is_added(self):
        assert self.of(drop=("ALL",), add=("CHOWN",)) == {"CAP_CHOWN"}

    def test_adding_all_is_what_there_is(self):
        has = ALL - {"CAP_SYS_RESOURCE"}
        assert self.of(add=("ALL",), has=has) == has
        assert self.of(add=("all",), drop=("SYS_ADMIN",)) == ALL - {"CAP_SYS_ADMIN"}

    def test_dropping_wins_over_adding_the_same(self):
        assert "CAP_CHOWN" not in self.of(add=("CHOWN",), drop=("CHOWN",))

    def test_default_shrinks_to_what_there_is(self):
        assert self.of(has=DEFAULT - {"CAP_MKNOD"}) == DEFAULT - {"CAP_MKNOD"}

    def test_what_is_asked_for_and_is_not_there_is_refused(self):
        with pytest.raises(CreateFault, match="CAP_SYS_RESOURCE"):
            self.of(add=("SYS_RESOURCE",), has=ALL - {"CAP_SYS_RESOURCE"})

    def test_unknown_name_is_refused(self):
        with pytest.raises(CreateFault, match='unknown capability "CAP_FLY"'):
            self.of(add=("fly",))


class TestSeccomp:
    def test_unconfined_and_privileged_have_no_filter(self):
        assert seccomp.profile(SeccompProfile(kind="Unconfined"), (), privileged=False) is None
        assert seccomp.profile(SeccompProfile(), (), privileged=True) is None

    def test_capabilities_open_calls(self):
        plain, admin = (_allowed(granted) for granted in (DEFAULT, DEFAULT | {"CAP_SYS_ADMIN"}))
        assert {"mount", "unshare", "setns"} <= admin - plain
        assert {"openat", "execve", "clone"} <= plain | {"clone"}
        assert "kexec_load" not in admin

    def test_compiled_filter_is_found_by_what_it_was_compiled_from(self, tmp_path: Path):
        filters = seccomp.Filters(tmp_path / "kept", "crun 1", enabled=True)
        wanted = seccomp.default(DEFAULT)
        key = filters.key(wanted)
        assert filters.key(json.loads(json.dumps(wanted))) == key
        assert filters.key({**wanted, "defaultErrnoRet": 2}) != key
        (tmp_path / "program").write_bytes(b"12345678")
        assert filters.find(key) is None
        filters.keep(key, tmp_path / "program")
        assert filters.find(key) == "MTIzNDU2Nzg="

    @pytest.mark.parametrize("program", [b"", b"1234567"])
    def test_what_is_no_program_is_not_kept(self, tmp_path: Path, program: bytes):
        filters = seccomp.Filters(tmp_path / "kept", "crun 1", enabled=True)
        (tmp_path / "program").write_bytes(program)
        filters.keep("key", tmp_path / "program")
        assert filters.find("key") is None


def _allowed(granted: frozenset[str]) -> set[str]:
    rules = seccomp.default(granted)["syscalls"]
    return {
        name
        for rule in rules
        if "args" not in rule and rule["action"] == "SCMP_ACT_ALLOW"
        for name in rule["names"]
    }
