"""Files of volumes: all at once or not at all, inside the volume or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from podstate_world import container, pod

from podling.agent import mounts
from podling.agent.errors import ConfigFault, VolumeFault
from podling.agent.volumes import atomic, emptydir, hostpath, hugepages, ownership, payload, subpath
from podling.agent.volumes.payload import File
from podling.api.types import core_v1
from podling.runtime import linux, removal

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: changes owners, mounts")


def as_is(_: Path) -> None:
    """The files need not be given to anybody."""


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
        assert atomic.write(path, files(a="1", sub__b="2"), as_is)
        assert shown(path) == {"a": "1", "sub/b": "2"}
        assert os.readlink(path / "a") == "..data/a"
        assert os.readlink(path / "..data").startswith("..")
        assert (path / "a").stat().st_mode & 0o777 == 0o640

    def test_change_replaces_everything_by_one_rename(self, tmp_path: Path):
        path = tmp_path / "volume"
        atomic.write(path, files(a="1", b="1"), as_is)
        old = os.readlink(path / "..data")
        with (path / "a").open() as held:
            assert atomic.write(path, files(a="2", c="2"), as_is)
            assert held.read() == "1", "who has it open goes on reading the old file"
        assert shown(path) == {"a": "2", "c": "2"}
        assert not (path / old).exists()
        assert len([name for name in os.listdir(path) if name.startswith("..")]) == 2

    def test_same_content_changes_nothing(self, tmp_path: Path):
        path = tmp_path / "volume"
        atomic.write(path, files(a="1"), as_is)
        before = os.readlink(path / "..data")
        assert not atomic.write(path, files(a="1"), as_is)
        assert os.readlink(path / "..data") == before

    def test_names_lost_in_a_crash_are_linked_again(self, tmp_path: Path):
        path = tmp_path / "volume"
        atomic.write(path, files(a="1"), as_is)
        (path / "a").unlink()
        atomic.write(path, files(a="1"), as_is)
        assert shown(path) == {"a": "1"}

    def test_files_are_given_to_their_readers_before_they_come_into_view(self, tmp_path: Path):
        path = tmp_path / "volume"
        atomic.write(path, files(a="1"), as_is)
        seen: list[dict[str, str]] = []
        atomic.write(path, files(a="2"), lambda volume: seen.append(shown(volume)))
        assert seen == [{"a": "1"}]
        assert shown(path) == {"a": "2"}

    def test_files_that_could_not_be_given_are_no_files(self, tmp_path: Path):
        def refuse(_: Path) -> None:
            raise VolumeFault("cannot honour fsGroup 7")

        path = tmp_path / "volume"
        for _ in range(2):  # a second try does not take what the first left for done
            with pytest.raises(VolumeFault):
                atomic.write(path, files(a="1"), refuse)
        assert not [*path.iterdir()]

    def test_what_a_killed_writer_left_is_taken_away(self, tmp_path: Path):
        path = tmp_path / "volume"
        atomic.write(path, files(a="1"), as_is)
        (path / "..half-made").mkdir()
        (path / "..half-made" / "a").write_text("2")
        assert not atomic.write(path, files(a="1"), as_is)
        assert sorted(os.listdir(path)) == sorted(["..data", os.readlink(path / "..data"), "a"])

    @pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "..a", ""])
    def test_paths_that_leave_the_volume_are_refused(self, tmp_path: Path, name: str):
        with pytest.raises(VolumeFault, match="invalid filename"):
            atomic.write(tmp_path / "volume", {name: File(b"", 0o644)}, as_is)
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
    @pytest.mark.parametrize("leads", ["/", "/etc", "..", "../outside", "in/../../outside"])
    def test_links_out_of_the_volume_are_not_followed(self, tmp_path: Path, leads: str):
        volume, outside = tmp_path / "volume", tmp_path / "outside"
        (volume / "in").mkdir(parents=True)
        outside.mkdir()
        (volume / "evil").symlink_to(leads)
        with pytest.raises(OSError) as refused:
            subpath.bind(volume, "evil", tmp_path / "target")
        assert refused.value.errno == errno.EXDEV
        with pytest.raises(OSError, match=r"cross-device|exists"):
            subpath.make(volume, "evil/made")
        assert not [*outside.iterdir()]

    def test_links_inside_the_volume_are_followed(self, tmp_path: Path):
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        subpath.make(tmp_path, "link/made")
        assert (tmp_path / "real" / "made").is_dir()

    def test_missing_folders_are_made_with_the_rights_of_the_volume(self, tmp_path: Path):
        tmp_path.chmod(0o2775)
        subpath.make(tmp_path, "a/./b//c")
        for made in ("a", "a/b", "a/b/c"):
            assert (tmp_path / made).stat().st_mode & 0o7777 == 0o2775

    @pytest.mark.parametrize(
        ("part", "why"),
        [
            ("/etc", "error SubPath `/etc` must not be an absolute path"),
            ("..", "unable to provision SubPath `..`: must not contain '..'"),
            ("a/../../b", "unable to provision SubPath `a/../../b`: must not contain '..'"),
        ],
    )
    def test_what_is_no_path_inside_is_refused_in_upstreams_words(self, part: str, why: str):
        with pytest.raises(ConfigFault) as refused:
            subpath.check(part)
        assert str(refused.value) == why

    @pytest.mark.parametrize("part", ["..a", "a..b", "`id`", "$x", "a b"])
    def test_odd_names_are_names(self, part: str):
        subpath.check(part)

    @root_only
    def test_what_is_swapped_while_it_is_bound_never_leads_outside(self, tmp_path: Path):
        volume, outside, target = tmp_path / "volume", tmp_path / "outside", tmp_path / "target"
        (volume / "real").mkdir(parents=True)
        outside.mkdir()
        (volume / "real" / "inside").touch()
        (volume / "d").symlink_to("real")
        over = threading.Event()

        def swap() -> None:
            while not over.is_set():
                for leads in ("../outside", str(outside), "real"):
                    (volume / "next").symlink_to(leads)
                    (volume / "next").rename(volume / "d")

        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    subpath.make(volume, "d/made")
                    subpath.bind(volume, "d", target)
                    assert (target / "inside").exists()
        finally:
            over.set()
            swapping.join()
            removal.remove(target)
        assert not [*outside.iterdir()]


class TestExpansionOfSubPaths:
    def test_variables_are_put_in(self):
        assert mounts.expand("logs/$(POD)/$$(POD)", {"POD": "web"}) == "logs/web/$(POD)"

    @pytest.mark.parametrize("variables", [{}, {"A": ""}])
    def test_a_variable_that_is_missing_or_empty_is_an_error(self, variables: dict[str, str]):
        with pytest.raises(ConfigFault, match=r"^missing value for A, B$"):
            mounts.expand("$(B)/$(A)", variables)


class TestRecursiveReadOnly:
    def test_if_possible_is_as_the_runtime_can(self):
        mount = core_v1.VolumeMount(name="v", read_only=True, recursive_read_only="IfPossible")
        assert mounts.is_recursive(mount, supported=True)
        assert not mounts.is_recursive(mount, supported=False)

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"read_only": True}, "supported by the runtime"),
            ({"read_only": False}, "read-only"),
            (
                {"read_only": True, "mount_propagation": "HostToContainer"},
                'compatible with propagation "HostToContainer"',
            ),
        ],
    )
    def test_what_must_be_and_cannot_is_refused(self, fields: dict[str, Any], why: str):
        mount = core_v1.VolumeMount(name="v", recursive_read_only="Enabled", **fields)
        with pytest.raises(ConfigFault) as refused:
            mounts.is_recursive(mount, supported=False)
        assert str(refused.value) == f'volume "v" requested recursive read-only mode, but it is not {why}'


class TestHostPath:
    @pytest.fixture
    def there(self, tmp_path: Path) -> Path:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").touch()
        os.mkfifo(tmp_path / "pipe")
        made = socket.socket(socket.AF_UNIX)
        made.bind(str(tmp_path / "socket"))
        made.close()
        return tmp_path

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("folder", "Directory"),
            ("folder", "DirectoryOrCreate"),
            ("file", "File"),
            ("file", "FileOrCreate"),
            ("socket", "Socket"),
            ("/dev/null", "CharDevice"),
            ("pipe", ""),
        ],
    )
    def test_what_is_of_the_type_passes(self, there: Path, name: str, kind: str):
        hostpath.check(there / name, kind)

    @pytest.mark.parametrize(
        ("name", "kind", "why"),
        [
            ("file", "Directory", "file is not a directory, it's a File"),
            ("file", "DirectoryOrCreate", "file is not a directory, it's a File"),
            ("folder", "File", "folder is not a file, it's a Directory"),
            ("folder", "FileOrCreate", "folder is not a file, it's a Directory"),
            ("file", "Socket", "file is not a socket file, it's a File"),
            ("socket", "CharDevice", "socket is not a character device, it's a Socket"),
            ("file", "BlockDevice", "file is not a block device, it's a File"),
        ],
    )
    def test_what_is_of_another_type_is_refused(self, there: Path, name: str, kind: str, why: str):
        with pytest.raises(VolumeFault) as refused:
            hostpath.check(there / name, kind)
        assert str(refused.value) == f"hostPath type check failed: {there}/{why}"

    def test_a_pipe_is_of_no_type(self, there: Path):
        with pytest.raises(
            VolumeFault, match="pipe is not a file, unable to determine its type: only recognise"
        ):
            hostpath.check(there / "pipe", "File")

    @pytest.mark.parametrize("kind", ["Directory", "File", "Socket", "CharDevice", "BlockDevice"])
    def test_what_must_be_there_and_is_not_is_refused(self, there: Path, kind: str):
        with pytest.raises(VolumeFault) as refused:
            hostpath.check(there / "none", kind)
        assert str(refused.value) == f"hostPath {there}/none doesn't exist"
        assert not (there / "none").exists()

    @pytest.mark.parametrize(
        ("kind", "mode"), [("DirectoryOrCreate", 0o40755), ("", 0o40755), ("FileOrCreate", 0o100644)]
    )
    def test_what_may_be_made_is_made(self, tmp_path: Path, kind: str, mode: int):
        hostpath.check(tmp_path / "new", kind)
        assert (tmp_path / "new").stat().st_mode == mode


class TestMemoryVolumes:
    @pytest.mark.parametrize(
        ("limit", "containers", "size"),
        [
            (None, [None], 1000 << 20),
            ("64Mi", [None], 64 << 20),
            ("64Mi", ["16Mi", "16Mi"], 32 << 20),
            ("8Mi", ["16Mi", "16Mi"], 8 << 20),
            (None, ["16Mi", None], 1000 << 20),
            ("0", ["16Mi"], 16 << 20),
            ("2000Mi", [None], 1000 << 20),
        ],
    )
    def test_size_is_the_least_of_limit_pod_and_node(
        self, limit: str | None, containers: list[str | None], size: int
    ):
        made = [
            container(f"c{n}", resources={"limits": {"memory": memory}} if memory else {})
            for n, memory in enumerate(containers)
        ]
        source = core_v1.EmptyDirVolumeSource(medium="Memory", size_limit=limit)
        assert emptydir.memory_size(source, pod(*made), allocatable="1000Mi") == size


class TestHugePages:
    def test_the_medium_or_the_only_request_gives_the_page_size(self):
        asking = pod(container("c", resources={"requests": {"hugepages-2Mi": "4Mi", "cpu": "1"}}))
        assert hugepages.mount_option("HugePages", asking) == "pagesize=2Mi"
        assert hugepages.mount_option("HugePages-2Mi", asking) == "pagesize=2Mi"

    @pytest.mark.parametrize(
        ("medium", "requests", "why"),
        [
            ("HugePages-1Gi", {"hugepages-2Mi": "4Mi"}, "there is no resource request for huge pages"),
            ("HugePages", {"cpu": "1"}, "there is no resource request for huge pages"),
            ("HugePages", {"hugepages-2Mi": "4Mi", "hugepages-1Gi": "1Gi"}, "multiple huge page sizes"),
        ],
    )
    def test_pages_that_nobody_asks_for_are_refused(self, medium: str, requests: dict[str, str], why: str):
        with pytest.raises(VolumeFault, match=why):
            hugepages.mount_option(medium, pod(container("c", resources={"requests": requests})))


class TestRemoval:
    def test_folders_deeper_than_any_path_go(self):
        top = Path(tempfile.mkdtemp(dir="/dev/shm"))  # where removing costs nothing
        at = os.open(top, os.O_RDONLY)
        for _ in range(2000):
            os.mkdir("deeper", dir_fd=at)
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
            inner = os.open("deeper", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = inner
        os.close(at)
        removal.remove(top)
        assert not top.exists()

    def test_links_are_removed_and_not_followed(self, tmp_path: Path):
        top, kept = tmp_path / "top", tmp_path / "kept"
        (top / "in").mkdir(parents=True)
        kept.mkdir()
        (kept / "file").touch()
        (top / "link").symlink_to(kept)
        (top / "in" / "link").symlink_to(kept)
        removal.remove(top)
        assert os.listdir(tmp_path) == ["kept"]
        assert os.listdir(kept) == ["file"]

    def test_locked_folders_go_and_absence_is_no_error(self, tmp_path: Path):
        (tmp_path / "top" / "a" / "b").mkdir(parents=True)
        (tmp_path / "top" / "a" / "b").chmod(0)
        (tmp_path / "top" / "a").chmod(0)
        removal.remove(tmp_path / "top")
        removal.remove(tmp_path / "top")
        assert not [*tmp_path.iterdir()]

    @root_only
    def test_what_is_mounted_inside_is_let_go_and_kept(self, tmp_path: Path):
        top, kept = tmp_path / "top", tmp_path / "kept"
        (top / "deep" / "mount point").mkdir(parents=True)
        (kept / "folder").mkdir(parents=True)
        (kept / "file").touch()
        for _ in range(2):  # one over the other
            linux.mount(str(kept), str(top / "deep" / "mount point"), flags=linux.MS_BIND)
        removal.remove(top)
        assert not top.exists()
        assert sorted(os.listdir(kept)) == ["file", "folder"]
        assert not linux.mounts_below(str(tmp_path))


@root_only
def test_fs_group_owns_the_volume_and_what_is_made_in_it(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o600)
    ownership.give(tmp_path, pod(securityContext={"fsGroup": 1234}))
    assert tmp_path.stat().st_gid == 1234
    assert tmp_path.stat().st_mode & 0o2770 == 0o2770
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o660


@root_only
def test_giving_changes_nothing_that_a_link_leads_to(tmp_path: Path):
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    volume.mkdir()
    outside.touch(mode=0o600)
    (volume / "link").symlink_to(outside)
    ownership.give(volume, pod(securityContext={"fsGroup": 1234}))
    assert (outside.stat().st_gid, outside.stat().st_mode & 0o777) == (0, 0o600)


@root_only
def test_own_files_are_given_again_whatever_the_change_policy_says(tmp_path: Path):
    reader = pod(securityContext={"fsGroup": 1234, "fsGroupChangePolicy": "OnRootMismatch"})
    ownership.give_files(tmp_path, reader)
    (tmp_path / "new").touch(mode=0o600)
    ownership.give(tmp_path, reader, readonly=True)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600, "the top is right already"
    ownership.give_files(tmp_path, reader)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_token_belongs_to_the_one_user_of_all_containers():
    same = pod(container("a"), container("b"), securityContext={"runAsUser": 5})
    assert ownership.fs_user(same) == 5
    other = pod(
        container("a", securityContext={"runAsUser": 6}), container("b"), securityContext={"runAsUser": 5}
    )
    assert ownership.fs_user(other) is None
    assert ownership.fs_user(pod()) is None
