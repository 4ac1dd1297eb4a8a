"""One containerd for all tests of the folder: it takes half a second to start, and tests make their own nodes on it."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "runtime"))

from cri_world import MISSING, Containerd, shims

SWEEP = {
    "test_many_pods_at_once",
    "test_containers_are_listed_by_sandbox",
    "test_what_a_container_writes_is_its_own",
    "test_volumes_are_shared_between_containers",
    "test_removing_a_sandbox_takes_everything",
    "test_containers_of_a_pod_share_localhost",
    "test_the_environment_is_the_images_then_the_containers",
    "test_the_working_folder_is_made",
    "test_a_named_user_comes_from_the_image",
    "test_a_read_only_root_stays_so",
    "test_stopping_a_sandbox_ends_its_containers",
    "test_starting_twice_is_refused",
    "test_stopping_asks_first",
    "test_what_does_not_listen_is_killed_after_its_grace",
}
"""Of the runtimes' suite, which takes containerd half a minute: what other tests show on it as well."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == Path(__file__).parent and item.name in SWEEP:
            item.add_marker("long")


@pytest.fixture(scope="session")
def containerd():
    if MISSING:
        pytest.skip("containerd is not installed: tools/setup.sh dev installs it")
    folder = Path(tempfile.mkdtemp(prefix="pcri-"))
    one = Containerd(folder / "cd", cni=folder / "node" / "cni")
    one.cni = folder / "node" / "cni"
    try:
        one.start()
        yield one
        assert shims(one.folder) == []
    finally:
        one.remove()
        shutil.rmtree(folder)
