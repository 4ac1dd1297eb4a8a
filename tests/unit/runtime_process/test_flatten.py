import os
import stat
from pathlib import Path

import pytest

from podling.runtime.process.flatten import flatten


def layer(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.mkdir()
    return path


def test_upper_layers_win_and_folders_merge(tmp_path: Path, target: Path) -> None:
    low = layer(tmp_path / "low", etc__a="low", etc__b="low")
    high = layer(tmp_path / "high", etc__b="high", etc__c="high")
    flatten([high, low], target)
    assert {path.name: path.read_text() for path in (target / "etc").iterdir()} == {
        "a": "low",
        "b": "high",
        "c": "high",
    }


def test_whiteouts_hide_what_is_below(tmp_path: Path, target: Path) -> None:
    low = layer(tmp_path / "low", gone__x="1", kept="1")
    high = layer(tmp_path / "high")
    try:
        os.mknod(high / "gone", stat.S_IFCHR, 0)
    except PermissionError:
        pytest.skip("this kernel lets only root make whiteouts")
    flatten([high, low], target)
    assert [path.name for path in target.iterdir()] == ["kept"]


def test_opaque_folders_hide_all_that_is_below(tmp_path: Path, target: Path) -> None:
    low = layer(tmp_path / "low", d__old="1")
    high = layer(tmp_path / "high", d__new="1")
    try:
        os.setxattr(high / "d", "user.overlay.opaque", b"y")
    except OSError:
        pytest.skip("this file system has no user attributes")
    flatten([high, low], target)
    assert [path.name for path in (target / "d").iterdir()] == ["new"]


def test_a_folder_may_replace_a_link_and_the_other_way_round(tmp_path: Path, target: Path) -> None:
    low = layer(tmp_path / "low", was_folder__x="1")
    (low / "was_link").symlink_to("/etc")
    high = layer(tmp_path / "high", was_link__y="1")
    (high / "was_folder").symlink_to("was_link")
    flatten([high, low], target)
    assert (target / "was_folder" / "y").read_text() == "1"
    assert not (target / "was_link").is_symlink()


def test_copies_do_not_share_content_with_the_store_but_with_each_other(tmp_path: Path, target: Path) -> None:
    low = layer(tmp_path / "low", one="same")
    os.link(low / "one", low / "two")
    flatten([low], target)
    assert os.path.samefile(target / "one", target / "two")
    (target / "one").write_text("changed")
    assert (low / "one").read_text() == "same"
    assert (target / "two").read_text() == "changed"


def test_modes_and_times_are_kept(tmp_path: Path, target: Path) -> None:
    low = layer(tmp_path / "low", d__tool="x")
    (low / "d" / "tool").chmod(0o4755)
    (low / "d").chmod(0o1777)
    os.utime(low / "d" / "tool", ns=(1, 2))
    flatten([low], target)
    assert stat.S_IMODE((target / "d" / "tool").stat().st_mode) == 0o4755
    assert stat.S_IMODE((target / "d").stat().st_mode) == 0o1777
    assert (target / "d" / "tool").stat().st_mtime_ns == 2


def test_absolute_links_may_be_made_to_stay_inside(tmp_path: Path, target: Path) -> None:
    low = layer(tmp_path / "low", bin__busybox="x")
    (low / "bin" / "sh").symlink_to("/bin/busybox")
    flatten([low], target, relative_links=True)
    assert os.readlink(target / "bin" / "sh") == "busybox"
