"""Which SELinux label and which AppArmor profile a container gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from podling.runtime.interface import CreateFault, SecurityContext
from podling.runtime.oci.lsm import SecurityModules, label, profile

PROFILES = frozenset({"docker-default", "mine", "/usr/bin/man", "containers-default-0.57.4"})
WITH, WITHOUT = SecurityModules(profiles=PROFILES), SecurityModules()


class TestLabel:
    def test_parts_that_are_not_given_are_the_usual(self):
        found = label({"level": "s0:c1,c2", "type": "spc_t"}, SecurityModules(selinux=True))
        assert found == "system_u:system_r:spc_t:s0:c1,c2"

    def test_without_selinux_there_is_none(self):
        assert label({"level": "s0:c1"}, WITHOUT) == ""

    def test_nothing_is_made_up_where_nothing_is_asked(self):
        assert label({}, SecurityModules(selinux=True)) == ""


class TestProfile:
    def of(self, wanted: str, modules: SecurityModules, *, privileged: bool = False) -> str:
        return profile(SecurityContext(apparmor_profile=wanted, privileged=privileged), modules)

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ("", "containers-default-0.57.4"),
            ("runtime/default", "containers-default-0.57.4"),
            ("localhost/mine", "mine"),
            ("unconfined", ""),
        ],
    )
    def test_where_the_kernel_has_them(self, wanted: str, found: str):
        assert self.of(wanted, WITH) == found

    def test_privileged_containers_have_only_what_is_named(self):
        assert [self.of(w, WITH, privileged=True) for w in ("", "runtime/default")] == ["", ""]
        assert self.of("localhost/mine", WITH, privileged=True) == "mine"

    def test_profile_that_is_not_loaded_is_refused(self):
        with pytest.raises(CreateFault, match="apparmor profile not found other"):
            self.of("localhost/other", WITH)
        with pytest.raises(CreateFault, match="apparmor profile not found"):
            self.of("runtime/default", SecurityModules(profiles=frozenset({"mine"})))

    def test_without_apparmor_a_wish_is_refused_and_silence_is_none(self):
        assert [self.of(wanted, WITHOUT) for wanted in ("", "unconfined")] == ["", ""]
        with pytest.raises(CreateFault, match="apparmor is not supported"):
            self.of("runtime/default", WITHOUT)


class TestReading:
    def test_kernel_with_both(self, tmp_path: Path):
        for name, text in {
            "fs/selinux/enforce": "1",
            "module/apparmor/parameters/enabled": "Y\n",
            "kernel/security/apparmor/profiles": "docker-default (enforce)\nodd (name) (complain)\n",
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        assert SecurityModules.read(tmp_path) == SecurityModules(
            selinux=True, profiles=frozenset({"docker-default", "odd (name)"})
        )
        (tmp_path / "module/apparmor/parameters/enabled").write_text("N\n")
        assert SecurityModules.read(tmp_path).profiles is None

    def test_kernel_with_neither(self, tmp_path: Path):
        assert SecurityModules.read(tmp_path) == SecurityModules()
