"""Roots nested into each other, with the Pod's volumes in the innermost."""

import os
from pathlib import Path

import pytest

from podling.runtime.interface import CreateFault, Mount
from podling.runtime.process.isolation import Mode
from podling.runtime.process.podroot import PLACES, PodRoot


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    folder = tmp_path / "pods" / "uid-1" / "volumes" / "www"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def roots(tmp_path: Path) -> PodRoot:
    (tmp_path / "sandbox").mkdir()
    return PodRoot(tmp_path / "sandbox", Mode.CHROOT, owned=[tmp_path / "pods"])


def seen(root: Path, path: str) -> Path:
    """What a process whose root is ``root`` would reach under ``path``, links followed as it would follow them."""
    real = root
    for part in Path(path).parts[1:]:
        real = real / part
        if real.is_symlink():
            destination = os.readlink(real)
            assert not destination.startswith("/")
            real = Path(os.path.normpath(real.parent / destination))
            assert real.is_relative_to(root)
    return real


def test_containers_share_a_volume_by_links_that_stay_below_their_roots(
    roots: PodRoot, volumes: Path
) -> None:
    one, two = roots.place("one"), roots.place("two")
    roots.link(one, [Mount(container_path="/www", host_path=str(volumes))])
    roots.link(two, [Mount(container_path="/deep/er/page", host_path=str(volumes))])
    (seen(one, "/www") / "index.html").write_text("hello")
    assert (seen(two, "/deep/er/page") / "index.html").read_text() == "hello"
    assert (volumes / "index.html").read_text() == "hello"


def test_the_first_container_sees_no_other(roots: PodRoot) -> None:
    one, two = roots.place("one"), roots.place("two")
    (one / "secret").touch()
    assert one.is_relative_to(two)
    assert not two.is_relative_to(one)


def test_volumes_go_back_to_where_they_came_from(roots: PodRoot, volumes: Path) -> None:
    pod = volumes.parent.parent
    roots.link(roots.place("one"), [Mount(container_path="/www", host_path=str(volumes))])
    (volumes / "kept").write_text("1")
    assert pod.is_symlink()
    for _ in range(2):
        roots.give_back()
        assert not pod.is_symlink()
        assert (volumes / "kept").read_text() == "1"
    roots.link(roots.place("one"), [Mount(container_path="/www", host_path=str(volumes))])
    assert pod.is_symlink()


def test_a_volume_whose_owner_removed_it_goes_with_the_pod(roots: PodRoot, volumes: Path) -> None:
    pod = volumes.parent.parent
    roots.link(roots.place("one"), [Mount(container_path="/www", host_path=str(volumes))])
    pod.unlink()
    roots.give_back()
    assert not pod.exists()


def test_the_next_attempt_finds_an_empty_root_and_full_volumes(roots: PodRoot, volumes: Path) -> None:
    root = roots.place("one")
    roots.link(root, [Mount(container_path="/www", host_path=str(volumes))])
    (root / "left").touch()
    (volumes / "kept").touch()
    assert roots.place("one") == root
    assert [path.name for path in root.iterdir()] == [".podling"]
    assert (volumes / "kept").exists()


def test_a_mount_inside_a_mount_is_seen_there(roots: PodRoot, volumes: Path, tmp_path: Path) -> None:
    inner = volumes.parent / "inner"
    inner.mkdir()
    (inner / "x").write_text("inner")
    root = roots.place("one")
    roots.link(
        root,
        [
            Mount(container_path="/data/inner", host_path=str(inner)),
            Mount(container_path="/data", host_path=str(volumes)),
        ],
    )
    assert (seen(root, "/data/inner") / "x").read_text() == "inner"


def test_a_link_of_the_image_leads_to_no_place_outside(roots: PodRoot, volumes: Path, tmp_path: Path) -> None:
    root = roots.place("one")
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "evil").symlink_to(outside)
    roots.link(root, [Mount(container_path="/evil/www", host_path=str(volumes))])
    assert list(outside.iterdir()) == []


def test_what_the_image_has_at_the_place_gives_way(roots: PodRoot, volumes: Path) -> None:
    root = roots.place("one")
    (root / "www" / "old").mkdir(parents=True)
    roots.link(root, [Mount(container_path="/www/", host_path=str(volumes))])
    (volumes / "new").touch()
    assert [path.name for path in seen(root, "/www").iterdir()] == ["new"]


def test_missing_sources_and_too_many_containers_are_refused(roots: PodRoot, volumes: Path) -> None:
    with pytest.raises(CreateFault, match="cannot place /www"):
        roots.link(roots.place("c"), [Mount(container_path="/www", host_path=str(volumes / "none"))])
    for number in range(PLACES - 1):
        roots.place(f"c{number}")
    with pytest.raises(CreateFault, match=f"at most {PLACES}"):
        roots.place("one-more")
