"""Images from where they were built: archives read where they lie, and the stores of Docker, Podman and containerd."""

import hashlib
import io
import json
import os
import secrets
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from loopback_registry import digest, layer

from podling.aio import spawn
from podling.runtime.images import ImageStore
from podling.runtime.interface import ImageFault


@pytest.fixture
async def store(tmp_path):
    made = ImageStore(tmp_path / "images")
    await made.start()
    return made


def docker_archive(path, layers, *, tags=("me/app:dev",), link=""):
    """A ``docker save`` of plain ``layers``; ``link`` names the last one by a link, as Docker did before version 25."""
    document = {
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in layers]},
    }
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    entries = [{"Config": "c.json", "RepoTags": list(tags), "Layers": names}]
    with tarfile.open(path, "w") as tar:
        for name, data in [("c.json", json.dumps(document).encode()), *zip(names, layers, strict=True)]:
            if link and name == names[-1]:
                _add(tar, "shared/layer.tar", data)
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = tarfile.SYMTYPE, link
                tar.addfile(entry)
            else:
                _add(tar, name, data)
        _add(tar, "manifest.json", json.dumps(entries).encode())


def _add(tar, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


async def ran(*argv):
    done = await spawn.run(argv, limit_seconds=60)
    assert done.returncode == 0, done.error_text


def content(store, image, name):
    rootfs = store.rootfs(image.id)
    return next(
        path.read_bytes() for lower in rootfs.lower if (path := Path(rootfs.layers_dir, lower, name)).exists()
    )


async def test_a_changed_layer_is_loaded_alone(store, tmp_path):
    base = layer({f"lib/{number}": os.urandom(1 << 20) for number in range(64)})
    docker_archive(tmp_path / "one.tar", [base, layer({"app": b"1"})])
    docker_archive(tmp_path / "two.tar", [base, layer({"app": b"2"})])
    [first] = await store.load(tmp_path / "one.tar")
    begun = time.process_time()
    [second] = await store.load(tmp_path / "two.tar")
    assert time.process_time() - begun < 0.25  # a hundredth of it on a quiet machine
    assert (content(store, first, "app"), content(store, second, "app")) == (b"1", b"2")
    assert second.repo_tags == ("docker.io/me/app:dev",)
    assert (await store.resolve(first.id)).repo_tags == ()
    assert len(list((tmp_path / "images/layers").iterdir())) == 3


async def test_a_layer_that_is_here_need_not_be_in_the_archive(store, tmp_path):
    base, top = layer({"base": b"b"}), layer({"app": b"1"})
    docker_archive(tmp_path / "base.tar", [base], tags=["base"])
    await store.load(tmp_path / "base.tar")
    docker_archive(tmp_path / "whole.tar", [base, top])
    with tarfile.open(tmp_path / "whole.tar") as whole, tarfile.open(tmp_path / "thin.tar", "w") as thin:
        for member in whole:
            if member.name != "0/layer.tar":
                thin.addfile(member, whole.extractfile(member))
    [image] = await store.load(tmp_path / "thin.tar")
    assert content(store, image, "base") == b"b"


async def test_a_layer_named_by_a_link_is_found(store, tmp_path):
    docker_archive(tmp_path / "a.tar", [layer({"x": b"1"}), layer({"y": b"2"})], link="../shared/layer.tar")
    [image] = await store.load(tmp_path / "a.tar")
    assert content(store, image, "y") == b"2"


@pytest.mark.parametrize("link", ["../../../../etc/passwd", "1/layer.tar", "/etc/passwd", "nothing"])
async def test_links_lead_nowhere_else(store, tmp_path, link):
    docker_archive(tmp_path / "a.tar", [layer({"x": b"1"}), layer({"y": b"2"})], link=link)
    with pytest.raises(ImageFault, match=r"1/layer\.tar is missing"):
        await store.load(tmp_path / "a.tar")
    assert await store.list() == []
    assert list((tmp_path / "images/layers").iterdir()) == []
    assert list((tmp_path / "images/scratch").iterdir()) == []


async def test_a_folder_shows_nothing_outside_of_it(store, tmp_path):
    folder = tmp_path / "layout"
    folder.mkdir()
    entries = [{"Config": "../secret.json", "RepoTags": ["a"], "Layers": []}]
    (folder / "manifest.json").write_text(json.dumps(entries))
    (tmp_path / "secret.json").write_text("{}")
    with pytest.raises(ImageFault, match="leads outside the folder"):
        await store.load(folder)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.8])
async def test_an_archive_that_was_cut_off_leaves_nothing(store, tmp_path, cut):
    docker_archive(tmp_path / "a.tar", [layer({"x": os.urandom(100_000)})])
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(ImageFault, match="cannot load"):
        await store.load(tmp_path / "a.tar")
    assert await store.list() == []
    assert list((tmp_path / "images/scratch").iterdir()) == []


@pytest.mark.parametrize("program", ["gzip", "bzip2", "xz"])
async def test_compressed_archives_are_loaded(store, tmp_path, program):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    docker_archive(tmp_path / "a.tar", [layer({"x": b"1"})])
    await ran(program, str(tmp_path / "a.tar"))
    [packed] = [path for path in tmp_path.iterdir() if path.name.startswith("a.tar.")]
    [image] = await store.load(packed)
    assert content(store, image, "x") == b"1"
    packed.write_bytes(packed.read_bytes()[:100])
    with pytest.raises(ImageFault, match="cannot load"):
        await store.load(packed)


async def test_names_given_come_beside_those_that_it_brings(store, tmp_path):
    docker_archive(tmp_path / "a.tar", [layer({"x": b"1"})])
    [image] = await store.load(tmp_path / "a.tar", names=["other:1"])
    assert image.repo_tags == ("docker.io/library/other:1", "docker.io/me/app:dev")


async def test_pruning_takes_what_has_no_name_or_no_use(store, tmp_path):
    for number in (b"1", b"2"):
        docker_archive(tmp_path / "a.tar", [layer({"x": number})])
        [image] = await store.load(tmp_path / "a.tar")
    docker_archive(tmp_path / "b.tar", [layer({"y": b"1"})], tags=["used"])
    [used] = await store.load(tmp_path / "b.tar")
    store.content.hold(used.id, "c1", tmp_path)
    assert [gone.repo_tags for gone in await store.prune(everything=False)] == [()]
    assert [gone.id for gone in await store.prune(everything=True)] == [image.id]
    assert [left.id for left in await store.list()] == [used.id]


async def test_an_image_of_podman_is_loaded_from_its_store(store, tmp_path, monkeypatch):
    """Podman keeps images in containers-storage, which skopeo fills and reads, too."""
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf"))
    (tmp_path / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n'
    )
    docker_archive(tmp_path / "a.tar", [layer({"x": b"1"})], tags=[])
    into = ["containers-storage:localhost/app:dev", "containers-storage:quay.io/team/app:v1"]
    for target in into:
        argv = ["skopeo", "--insecure-policy", "copy", "--quiet", f"docker-archive:{tmp_path}/a.tar", target]
        await ran(*argv)
    whose, [image] = await store.load_local("app:dev")
    assert whose == "podman"
    assert "docker.io/library/app:dev" in image.repo_tags
    assert content(store, image, "x") == b"1"
    _, [image] = await store.load_local("quay.io/team/app:v1", source="podman")
    assert "quay.io/team/app:v1" in image.repo_tags
    with pytest.raises(ImageFault, match=r"cannot load nothing:1: no such file, and .*podman says: .*"):
        await store.load_local("nothing:1")
    assert list((tmp_path / "images/scratch").iterdir()) == []


@pytest.fixture
def containerd(tmp_path, monkeypatch):
    """A containerd of the test's own; its images are of the namespace that Kubernetes uses."""
    if shutil.which("containerd") is None:
        pytest.skip("containerd is not installed")
    short = Path("/run", f"podling-test-{secrets.token_hex(4)}")
    config = tmp_path / "containerd.toml"
    config.write_text(
        f'version = 2\nroot = "{tmp_path}/root"\nstate = "{short}/state"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\naddress = "{short}/c.sock"\n'
    )
    process = subprocess.Popen(
        ["containerd", "--config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stderr:
            if "containerd successfully booted" in line:
                break
        monkeypatch.setenv("CONTAINERD_ADDRESS", f"{short}/c.sock")
        yield
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(short, ignore_errors=True)


async def test_an_image_of_containerd_is_loaded_from_its_store(store, tmp_path, containerd):
    docker_archive(tmp_path / "a.tar", [layer({"x": b"1"})])
    argv = [
        "ctr",
        "--namespace",
        "k8s.io",
        "images",
        "import",
        "--snapshotter",
        "native",
        str(tmp_path / "a.tar"),
    ]
    await ran(*argv)
    whose, [image] = await store.load_local("me/app:dev")
    assert (whose, image.repo_tags) == ("containerd", ("docker.io/me/app:dev",))
    assert content(store, image, "x") == b"1"
    with pytest.raises(ImageFault, match=r"containerd says: .*not found"):
        await store.load_local("me/app:other", source="containerd")


async def test_docker_is_asked_to_save(store, tmp_path, monkeypatch):
    """There is no Docker daemon on a test machine: a program of its name does what ``docker save`` does."""
    docker_archive(tmp_path / "saved.tar", [layer({"x": b"1"})])
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        '[ "$1 $2 $4" = "save --output me/app:dev" ] && exec cp ' + f"{tmp_path}/saved.tar" + ' "$3"\n'
        'echo "Error response from daemon: reference does not exist" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    whose, [image] = await store.load_local("me/app:dev")
    assert (whose, image.repo_tags) == ("docker", ("docker.io/me/app:dev",))
    with pytest.raises(ImageFault, match="docker says: Error response from daemon: reference does not exist"):
        await store.load_local("me/app:v2", source="docker")
    with pytest.raises(ImageFault, match="known are docker, podman, containerd"):
        await store.load_local("me/app:v2", source="rkt")


async def test_the_configuration_of_an_oci_layout_must_be_what_is_named(store, tmp_path):
    docker_archive(tmp_path / "a.tar", [layer({"x": b"1"})])
    folder = tmp_path / "layout"
    argv = [
        "skopeo",
        "--insecure-policy",
        "copy",
        "--quiet",
        f"docker-archive:{tmp_path}/a.tar",
        f"oci:{folder}:a:1",
    ]
    await ran(*argv)
    index = json.loads((folder / "index.json").read_text())
    manifest_file = folder / "blobs/sha256" / index["manifests"][0]["digest"].partition(":")[2]
    manifest = json.loads(manifest_file.read_text())
    blob = folder / "blobs/sha256" / manifest["config"]["digest"].partition(":")[2]
    good = blob.read_bytes()
    blob.write_bytes(good + b" ")
    with pytest.raises(ImageFault, match=f"its content is sha256:{hashlib.sha256(good + b' ').hexdigest()}"):
        await store.load(folder)
    blob.write_bytes(b" " * (5 << 20))
    with pytest.raises(ImageFault, match="more than 4194304 bytes"):
        await store.load(folder)
    blob.write_bytes(good)
    assert len(await store.load(folder)) == 1
