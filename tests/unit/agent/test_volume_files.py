"""Files of volumes: all at once or not at all, inside the volume or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from podstate_world import container, pod

from podling.agent.errors import ConfigFault, VolumeFault
from podling.agent.volumes import atomic, ownership, payload, subpath
from podling.agent.volumes.payload import File
from podling.api.types import core_v1


def files(**content: str) -> dict[str, File]:
    return {name.replace("__", "/"): File(text.encode(), 0o640) for name, text in content.items()}


def shown(path: Path) -> dict[str, str]:
    """What a reader finds under the visible names."""
    return {
        str(file.relative_to(path)): file.read_text()
        for name in os.listdir(path)
        if not name.startswith("..")
        for file in ([path / name] if (path / name).is_file() else (path / name).rglob("*"))
        if file.is_file()
    }


class TestAtomicWriter:
    def test_layout_is_upstreams(self, tmp_path: Path):
        path = tmp_path / "volume"
        assert atomic.write(path, files(a="1", sub__b="2"))
        assert shown(path) == {"a": "1", "sub/b": "2"}
        assert os.readlink(path / "a") == "..data/a"
        assert os.readlink(path / "..data").startswith("..")
        assert (path / "a").stat().st_mode & 0o777 == 0o640

    def test_change_replaces_everything_by_one_rename(self, tmp_path: Path):
        path = tmp_path / "volume"
        atomic.write(path, files(a="1", b="1"))
        old = os.readlink(path / "..data")
        with (path / "a").open() as held:
            assert atomic.write(path, files(a="2", c="2"))
            assert held.read() == "1", "who has it open goes on reading the old file"
        assert shown(path) == {"a": "2", "c": "2"}
        assert not (path / old).exists()
        assert len([name for name in os.listdir(path) if name.startswith("..")]) == 2

    def test_same_content_changes_nothing(self, tmp_path: Path):
        path = tmp_path / "volume"
        atomic.write(path, files(a="1"))
        before = os.readlink(path / "..data")
        assert not atomic.write(path, files(a="1"))
        assert os.readlink(path / "..data") == before

    def test_names_lost_in_a_crash_are_linked_again(self, tmp_path: Path):
        path = tmp_path / "volume"
        atomic.write(path, files(a="1"))
        (path / "a").unlink()
        atomic.write(path, files(a="1"))
        assert shown(path) == {"a": "1"}

    @pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "..a", ""])
    def test_paths_that_leave_the_volume_are_refused(self, tmp_path: Path, name: str):
        with pytest.raises(VolumeFault, match="invalid filename"):
            atomic.write(tmp_path / "volume", {name: File(b"", 0o644)})
        assert not [*tmp_path.iterdir()]


class TestPayload:
    def test_items_choose_paths_and_modes(self):
        items = [core_v1.KeyToPath(key="k", path="p/q", mode=0o400)]
        made = payload.of_keys({"k": b"v", "x": b"y"}, items, mode=0o600, optional=False, missing="")
        assert made == {"p/q": File(b"v", 0o400)}

    def test_missing_key_is_an_error_unless_optional(self):
        items = [core_v1.KeyToPath(key="none", path="p")]
        why = "configmap references non-existent config key"
        with pytest.raises(VolumeFault, match=f"{why}: none"):
            payload.of_keys({}, items, mode=None, optional=False, missing=why)
        assert payload.of_keys({}, items, mode=None, optional=True, missing=why) == {}


class TestSubPath:
    def test_links_out_of_the_volume_lead_nowhere_else(self, tmp_path: Path):
        volume, outside = tmp_path / "volume", tmp_path / "outside"
        volume.mkdir()
        outside.mkdir()
        (volume / "evil").symlink_to("/")
        fd = subpath._open(volume, "evil")
        try:
            assert os.readlink(f"/proc/self/fd/{fd}") == str(volume)
        finally:
            os.close(fd)

    def test_missing_folders_are_made_inside(self, tmp_path: Path):
        os.close(subpath._open(tmp_path, "a/b"))
        assert (tmp_path / "a" / "b").is_dir()

    @pytest.mark.parametrize("part", ["/etc", "../x", "a/../../b", "`id`"])
    def test_what_is_no_path_inside_is_refused(self, part: str):
        with pytest.raises(ConfigFault, match="subPath"):
            subpath.check(part)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: changes owners")
def test_fs_group_owns_the_volume_and_what_is_made_in_it(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o600)
    ownership.give(tmp_path, pod(securityContext={"fsGroup": 1234}))
    assert tmp_path.stat().st_gid == 1234
    assert tmp_path.stat().st_mode & 0o2770 == 0o2770
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o660


def test_token_belongs_to_the_one_user_of_all_containers():
    same = pod(container("a"), container("b"), securityContext={"runAsUser": 5})
    assert ownership.fs_user(same) == 5
    other = pod(
        container("a", securityContext={"runAsUser": 6}), container("b"), securityContext={"runAsUser": 5}
    )
    assert ownership.fs_user(other) is None
    assert ownership.fs_user(pod()) is None
