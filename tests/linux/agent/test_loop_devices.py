"""Raw blocks out of files: devices are there while Pods use them, one for each file, and no longer."""

from __future__ import annotations

import os

import pytest

from podling.agent.errors import VolumeFault
from podling.agent.volumes import loop

pytestmark = pytest.mark.linux
SIZE = 1 << 20


@pytest.fixture
def file(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: loop devices")
    path = tmp_path / "volumes" / "block"
    path.parent.mkdir()
    loop.make_file(path, SIZE)
    yield path
    loop.detach(tmp_path)


def size_of(device):
    fd = os.open(device, os.O_RDONLY)
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    finally:
        os.close(fd)


def test_a_file_has_one_device_for_all_its_users_until_the_last_is_gone(file, tmp_path):
    pods = [tmp_path / "pods" / name for name in ("one", "two")]
    device = loop.attach(file)
    assert loop.attach(file) == device
    for pod in pods:
        assert loop.link(device, pod, "plugin", "data").readlink() == device
        loop.link(device, pod, "plugin", "data")
    device.write_bytes(b"precious")
    loop.release(pods[0])
    assert loop.device_of(file) == device
    loop.release(pods[1])
    loop.release(pods[1])
    assert loop.device_of(file) is None
    assert file.read_bytes().startswith(b"precious")


def test_it_grows_under_its_users_and_never_shrinks(file):
    device = loop.attach(file)
    loop.grow(file, 2 * SIZE)
    assert (size_of(device), file.stat().st_size) == (2 * SIZE, 2 * SIZE)
    loop.grow(file, SIZE)
    assert size_of(device) == 2 * SIZE
    loop.make_file(file, SIZE)
    assert file.stat().st_size == 2 * SIZE


def test_what_is_left_below_a_folder_is_found(file, tmp_path):
    loop.attach(file)
    loop.detach(tmp_path / "elsewhere")
    assert loop.device_of(file)
    loop.detach(file.parent)
    assert loop.device_of(file) is None


def test_what_is_neither_device_nor_file_is_refused(tmp_path):
    with pytest.raises(VolumeFault, match="is neither a block device nor a file"):
        loop.attach(tmp_path)
