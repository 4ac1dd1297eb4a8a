"""Layers become folders for overlayfs; hostile ones do not get out."""

import contextlib
import hashlib
import io
import os
import stat
import tarfile

import pytest

from podling.runtime.images.unpack import LayerFault, unpack

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="ownership, devices and overlay marks need root")


def _tar(*entries, format=tarfile.PAX_FORMAT):
    """Entries are (name, attributes, data)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for name, attributes, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = 1000
            for key, value in attributes.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _unpack(tmp_path, *entries, **options):
    data = _tar(*entries, **options)
    target = tmp_path / "layer"
    target.mkdir()
    size = unpack(io.BytesIO(data), target, diff_id=f"sha256:{hashlib.sha256(data).hexdigest()}")
    return target, size


DIR, SYM, HARD, CHR = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE


@needs_root
def test_files_keep_owner_mode_time_and_links(tmp_path):
    target, size = _unpack(
        tmp_path,
        ("./", {"type": DIR, "mode": 0o751}, b""),
        ("usr/", {"type": DIR, "mode": 0o755, "uid": 5, "gid": 6, "mtime": 2000}, b""),
        ("usr/tool", {"mode": 0o4755, "uid": 7, "gid": 8}, b"data"),
        ("usr/other", {"type": HARD, "linkname": "usr/tool"}, b""),
        ("usr/link", {"type": SYM, "linkname": "/usr/tool"}, b""),
        ("deep/er/file", {"mode": 0o600}, b"123"),
    )
    assert size == 7
    tool = (target / "usr/tool").stat()
    assert (stat.S_IMODE(tool.st_mode), tool.st_uid, tool.st_gid, tool.st_mtime, tool.st_nlink) == (
        0o4755,
        7,
        8,
        1000,
        2,
    )
    assert os.readlink(target / "usr/link") == "/usr/tool"
    folder = (target / "usr").stat()
    assert (folder.st_uid, folder.st_gid, folder.st_mtime) == (5, 6, 2000)
    assert stat.S_IMODE(target.stat().st_mode) == 0o751
    assert (target / "deep/er/file").read_bytes() == b"123"


@needs_root
def test_whiteouts_become_overlay_marks(tmp_path):
    target, _ = _unpack(
        tmp_path,
        ("gone/", {"type": DIR, "mode": 0o755}, b""),
        ("gone/.wh.file", {}, b""),
        ("fresh/.wh..wh..opq", {}, b""),
        (".wh..wh.plnk", {}, b""),
    )
    mark = (target / "gone/file").lstat()
    assert stat.S_ISCHR(mark.st_mode)
    assert mark.st_rdev == 0
    assert os.getxattr(target / "fresh", "trusted.overlay.opaque") == b"y"
    assert sorted(p.name for p in target.iterdir()) == ["fresh", "gone"]


@needs_root
def test_devices_and_attributes_are_kept(tmp_path):
    null = {"type": CHR, "devmajor": 1, "devminor": 3, "mode": 0o666}
    target, _ = _unpack(
        tmp_path,
        ("null", null, b""),
        ("file", {"pax_headers": {"SCHILY.xattr.user.colour": "red"}}, b"x"),
    )
    assert (target / "null").stat().st_rdev == os.makedev(1, 3)
    assert os.getxattr(target / "file", "user.colour") == b"red"


def test_a_later_entry_replaces_an_earlier_one(tmp_path):
    target, _ = _unpack(
        tmp_path,
        ("a/b", {}, b"1"),
        ("a", {}, b"file now"),
        ("c", {}, b"1"),
        ("c", {}, b"2"),
    )
    assert (target / "a").read_bytes() == b"file now"
    assert (target / "c").read_bytes() == b"2"


def test_folders_merge(tmp_path):
    target, _ = _unpack(
        tmp_path, ("a/b", {}, b"1"), ("a", {"type": DIR, "mode": 0o700}, b""), ("a/c", {}, b"2")
    )
    assert sorted(p.name for p in (target / "a").iterdir()) == ["b", "c"]
    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil"])
def test_climbing_names_are_refused(tmp_path, name):
    with pytest.raises(LayerFault, match="leads outside the layer"):
        _unpack(tmp_path, (name, {}, b"x"))
    assert not (tmp_path / "evil").exists()


def test_absolute_names_land_inside(tmp_path):
    target, _ = _unpack(tmp_path, ("/etc/x", {}, b"x"))
    assert (target / "etc/x").exists()


@pytest.mark.parametrize("link", ["{outside}", "../../outside", "../outside"])
def test_a_link_does_not_lead_a_write_outside(tmp_path, link):
    outside = tmp_path / "outside"
    outside.mkdir()
    door = ("door", {"type": SYM, "linkname": link.format(outside=outside)}, b"")
    with contextlib.suppress(LayerFault):
        _unpack(tmp_path, door, ("door/evil", {}, b"x"))
    assert list(outside.iterdir()) == []


def test_a_file_is_not_written_through_a_link_of_its_name(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("safe")
    target, _ = _unpack(tmp_path, ("x", {"type": SYM, "linkname": str(victim)}, b""), ("x", {}, b"evil"))
    assert victim.read_text() == "safe"
    assert (target / "x").read_bytes() == b"evil"


@pytest.mark.parametrize("link", ["../victim", "/../victim", "nowhere/at/all"])
def test_hard_links_do_not_reach_outside(tmp_path, link):
    (tmp_path / "victim").write_text("safe")
    with pytest.raises(LayerFault):
        _unpack(tmp_path, ("x", {"type": HARD, "linkname": link}, b""))


def test_a_hard_link_through_a_link_stays_inside(tmp_path):
    (tmp_path / "victim").write_text("safe")
    with pytest.raises(LayerFault, match="no such hard link target"):
        _unpack(
            tmp_path,
            ("up", {"type": SYM, "linkname": str(tmp_path)}, b""),
            ("x", {"type": HARD, "linkname": "up/victim"}, b""),
        )


def test_attributes_that_steer_overlayfs_are_refused(tmp_path):
    with pytest.raises(LayerFault, match=r"trusted\.overlay\.redirect would steer"):
        _unpack(
            tmp_path,
            ("d", {"type": DIR, "pax_headers": {"SCHILY.xattr.trusted.overlay.redirect": "/x"}}, b""),
        )


def test_content_that_is_not_what_was_named_is_refused(tmp_path):
    with pytest.raises(LayerFault, match="its content is sha256:"):
        unpack(io.BytesIO(_tar(("a", {}, b"x"))), tmp_path, diff_id="sha256:" + "0" * 64)


def test_a_cut_stream_is_refused(tmp_path):
    data = _tar(("a", {}, b"x" * 5000))[:3000]
    with pytest.raises(LayerFault, match="cannot unpack layer"):
        unpack(io.BytesIO(data), tmp_path, diff_id="sha256:" + "0" * 64)
