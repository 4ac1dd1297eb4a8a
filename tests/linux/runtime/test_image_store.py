"""The machine's image store: built-in busybox, archives, registries, sharing between processes, removal."""

import asyncio
import io
import json
import multiprocessing
import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest
from loopback_registry import Registry, digest, layer

from podling.aio import spawn
from podling.runtime.images import ImageStore, Skopeo
from podling.runtime.images.records import ImageConfig, ImageRecord
from podling.runtime.interface import Credentials, ImageFault, NotFound


@pytest.fixture
async def store(tmp_path):
    made = ImageStore(tmp_path / "images", skopeo=Skopeo(registries_conf=tmp_path / "registries.conf"))
    await made.start()
    return made


@pytest.fixture
def registry(tmp_path):
    made = Registry()
    _trust(tmp_path, made)
    yield made
    made.close()


def _trust(tmp_path, registry, *, mirror_of=""):
    lines = [f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n']
    if mirror_of:
        lines.append(f'[[registry]]\nlocation = "{mirror_of}"\n')
        lines.append(f'[[registry.mirror]]\nlocation = "{registry.address}"\ninsecure = true\n')
    (tmp_path / "registries.conf").write_text("".join(lines))


def _layer_dir(store, image_id, position=0):
    rootfs = store.rootfs(image_id)
    return Path(rootfs.layers_dir, rootfs.lower[position])


async def test_busybox_is_built_in_and_quickly_made(store):
    start = time.perf_counter()
    image = await store.resolve("busybox")
    assert time.perf_counter() - start < 1  # about 0.05 s; the bound only catches a change of kind
    assert "docker.io/library/busybox:latest" in image.repo_tags
    assert "docker.io/library/busybox:1" in image.repo_tags
    rootfs = store.rootfs(image.id)
    assert rootfs.config.cmd == ("sh",)
    assert rootfs.config.env[0].startswith("PATH=/usr/local/sbin:")
    folder = _layer_dir(store, image.id)
    assert os.readlink(folder / "bin/sh") == "busybox"
    assert (folder / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (folder / "etc/passwd").read_text().startswith("root:x:0:0:")
    assert (await store.pull("busybox")).id == image.id
    assert await store.used_bytes() == image.size > 1_000_000


async def test_the_same_busybox_gives_the_same_image_everywhere(store, tmp_path):
    other = ImageStore(tmp_path / "elsewhere")
    await other.start()
    assert (await other.busybox()).id == (await store.busybox()).id


async def test_a_dynamic_or_missing_busybox_is_told_with_its_remedy(tmp_path):
    for candidates, why in (
        ((tmp_path / "none",), "no .*none here"),
        ((Path("/bin/ls"),), "dynamically linked"),
    ):
        store = ImageStore(tmp_path / "images", busybox=candidates)
        await store.start()
        assert await store.resolve("busybox") is None
        with pytest.raises(ImageFault, match=f"{why}; install the package busybox-static"):
            await store.busybox()


async def test_an_upgraded_busybox_is_a_new_image(store, tmp_path):
    copy = tmp_path / "busybox"
    shutil.copy2("/bin/busybox", copy)
    store = ImageStore(tmp_path / "images", busybox=(copy,))
    first = await store.resolve("busybox")
    os.utime(copy, (1, 1))
    second = await store.resolve("busybox")
    assert first.id != second.id
    copy.unlink()
    assert (await store.resolve("busybox")).id == second.id


async def test_names_that_are_none_are_refused(store):
    with pytest.raises(ImageFault, match="lower case") as caught:
        await store.resolve("Busybox")
    assert caught.value.reason == "InvalidImageName"


async def test_pulling_unpacks_layers_and_names_the_image(store, registry):
    image_id = registry.put(
        "team/app",
        "v1",
        [layer({"a": b"1", "b": b"2"}), layer({".wh.a": b"", "c": b"3"})],
        config={"User": "app", "Env": ["X=1"], "Entrypoint": ["/c"], "StopSignal": "SIGINT"},
    )
    image = await store.pull(f"{registry.address}/team/app:v1")
    assert image.id == image_id
    assert image.repo_tags == (f"{registry.address}/team/app:v1",)
    assert image.user == "app"
    [repo_digest] = image.repo_digests
    assert (await store.resolve(repo_digest)).id == image_id
    assert (await store.resolve(image_id)).id == image_id
    assert (_layer_dir(store, image_id, 1) / "b").read_bytes() == b"2"
    assert (_layer_dir(store, image_id, 0) / "a").is_char_device()
    config = store.rootfs(image_id).config
    assert (config.entrypoint, config.env, config.stop_signal) == (("/c",), ("X=1",), "SIGINT")


async def test_pulling_again_asks_for_the_manifest_alone(store, registry):
    registry.put("app", "v1", [layer({"a": b"1"})])
    first = await store.pull(f"{registry.address}/app:v1")
    registry.requests.clear()
    assert (await store.pull(f"{registry.address}/app:v1")).id == first.id
    assert not [path for path in registry.requests if "/blobs/" in path]


async def test_a_tag_that_moved_is_followed(store, registry):
    registry.put("app", "v1", [layer({"a": b"1"})])
    first = await store.pull(f"{registry.address}/app:v1")
    registry.put("app", "v1", [layer({"a": b"2"})])
    second = await store.pull(f"{registry.address}/app:v1")
    assert first.id != second.id
    assert (await store.resolve(f"{registry.address}/app:v1")).id == second.id
    assert (await store.resolve(first.id)).repo_tags == ()


async def test_this_machines_part_of_an_index_is_chosen(store, registry):
    image_id = registry.put("app", "v1", [layer({"a": b"1"})], architectures=("s390x", "amd64"))
    image = await store.pull(f"{registry.address}/app:v1")
    assert image.id == image_id
    assert len(image.repo_digests) == 2  # the index's and the image's own
    registry.put("app", "v2", [layer({"a": b"1"})], architectures=("s390x", "ppc64le"))
    with pytest.raises(
        ImageFault,
        match=r"no match for platform in manifest: linux/amd64 is wanted, it is for linux/ppc64le, linux/s390x",
    ):
        await store.pull(f"{registry.address}/app:v2")


async def test_a_registry_that_says_no_is_told_from_one_that_does_not_answer(store, registry):
    with pytest.raises(ImageFault, match=r"cannot pull image .*/nope:latest") as caught:
        await store.pull(f"{registry.address}/nope")
    assert caught.value.reason == "ErrImagePull"
    registry.status = 503
    with pytest.raises(ImageFault) as caught:
        await store.pull(f"{registry.address}/nope")
    assert caught.value.reason == "RegistryUnavailable"
    with pytest.raises(ImageFault, match="connection refused") as caught:
        await store.pull("127.0.0.1:1/nope")
    assert caught.value.reason == "RegistryUnavailable"


async def test_a_missing_skopeo_is_a_registry_out_of_reach(tmp_path):
    store = ImageStore(tmp_path / "images", skopeo=Skopeo(program="no-such-skopeo"))
    await store.start()
    with pytest.raises(ImageFault, match="install the package skopeo") as caught:
        await store.pull("example.org/app")
    assert caught.value.reason == "RegistryUnavailable"


async def test_a_mirror_stands_in(store, registry, tmp_path):
    _trust(tmp_path, registry, mirror_of="mirrored.example.org")
    image_id = registry.put("app", "v1", [layer({"a": b"1"})])
    image = await store.pull("mirrored.example.org/app:v1")
    assert (image.id, image.repo_tags) == (image_id, ("mirrored.example.org/app:v1",))


async def test_credentials_are_tried_in_turn(store, tmp_path):
    registry = Registry(password="right")
    try:
        _trust(tmp_path, registry)
        registry.put("app", "v1", [layer({"a": b"1"})])
        wrong, right = (Credentials(username="user", password=word) for word in ("wrong", "right"))
        with pytest.raises(ImageFault) as caught:
            await store.pull(f"{registry.address}/app:v1", credentials=[wrong])
        assert caught.value.reason == "ErrImagePull"
        assert (await store.pull(f"{registry.address}/app:v1", credentials=[wrong, right])).size == 1
    finally:
        registry.close()


async def test_a_real_busybox_takes_the_name_over(store, registry, tmp_path):
    _trust(tmp_path, registry, mirror_of="docker.io")
    own = await store.resolve("busybox")
    image_id = registry.put("library/busybox", "latest", [layer({"bin/sh": b"1"})])
    assert (await store.pull("busybox")).id == own.id
    assert (await store.pull("busybox", from_registry=True)).id == image_id
    assert (await store.resolve("busybox")).id == image_id
    assert (await store.resolve("busybox:1")).id == own.id


async def test_a_hostile_layer_leaves_nothing(store, registry, tmp_path):
    registry.put("evil", "v1", [layer({"../../../escaped": b"x"})])
    with pytest.raises(ImageFault, match="leads outside the layer"):
        await store.pull(f"{registry.address}/evil:v1")
    assert await store.list() == []
    assert list((tmp_path / "images/layers").iterdir()) == []
    assert list((tmp_path / "images/scratch").iterdir()) == []


def _docker_archive(path, tags, files):
    one = layer(files)
    config = json.dumps(
        {"architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [digest(one)]}}
    ).encode()
    manifest = [{"Config": "c.json", "RepoTags": tags, "Layers": ["l/layer.tar"]}]
    parts = {"c.json": config, "l/layer.tar": one, "manifest.json": json.dumps(manifest).encode()}
    path.write_bytes(layer(parts))
    return digest(config)


async def test_a_docker_archive_is_loaded(store, tmp_path):
    image_id = _docker_archive(tmp_path / "a.tar", ["me/app:v1", "me/app:v2"], {"x": b"1"})
    [image] = await store.load(tmp_path / "a.tar")
    assert (image.id, image.repo_tags) == (image_id, ("docker.io/me/app:v1", "docker.io/me/app:v2"))


async def test_an_oci_archive_made_by_skopeo_is_loaded(store, tmp_path):
    image_id = _docker_archive(tmp_path / "a.tar", ["me/app:v1"], {"x": b"1"})
    argv = [
        "skopeo",
        "--insecure-policy",
        "copy",
        f"docker-archive:{tmp_path}/a.tar",
        f"oci-archive:{tmp_path}/o.tar:me/app:v9",
    ]
    assert (await spawn.run(argv, limit_seconds=60)).returncode == 0
    [image] = await store.load(tmp_path / "o.tar")
    assert image.repo_tags == ("docker.io/me/app:v9",)
    assert (_layer_dir(store, image.id) / "x").read_bytes() == b"1"
    assert image.id == image_id or image.size == 1  # skopeo may rewrite the configuration for OCI


async def test_an_archive_without_a_name_takes_the_given_one(store, tmp_path):
    _docker_archive(tmp_path / "a.tar", None, {"x": b"1"})
    [image] = await store.load(tmp_path / "a.tar", names=["mine:1"])
    assert image.repo_tags == ("docker.io/library/mine:1",)


async def test_a_file_that_is_no_archive_is_told(store, tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ImageFault, match=r"cannot load .*text"):
        await store.load(tmp_path / "text")
    (tmp_path / "empty.tar").write_bytes(layer({"x": b""}))
    with pytest.raises(ImageFault, match="neither a docker nor an OCI archive"):
        await store.load(tmp_path / "empty.tar")


async def test_removing_takes_names_first_then_image_and_layers(store, tmp_path):
    _docker_archive(tmp_path / "a.tar", ["app:1", "app:2"], {"x": b"1"})
    [image] = await store.load(tmp_path / "a.tar")
    busybox = await store.busybox()
    await store.remove("app:1")
    assert (await store.resolve("app:2")).id == image.id
    await store.remove("app:2")
    await store.remove("app:2")
    assert await store.resolve(image.id) is None
    assert [i.id for i in await store.list()] == [busybox.id]
    assert len(list((tmp_path / "images/layers").iterdir())) == 1
    with pytest.raises(NotFound):
        store.rootfs(image.id)


async def test_what_is_no_garbage_is_said(store, registry, tmp_path):
    _docker_archive(tmp_path / "a.tar", ["loaded"], {"x": b"1"})
    loaded = (await store.load(tmp_path / "a.tar"))[0]
    registry.put("app", "v1", [layer({"a": b"1"})])
    pulled = await store.pull(f"{registry.address}/app:v1")
    builtin = await store.busybox()
    assert (loaded.pinned, builtin.pinned, pulled.pinned) == (True, True, False)
    store.content.hold(pulled.id, "of-another-node", tmp_path)
    assert (await store.resolve(pulled.id)).pinned


async def test_an_image_in_use_stays(store, tmp_path):
    image = await store.busybox()
    proof = tmp_path / "container"
    proof.mkdir()
    store.content.hold(image.id, "c1", proof)
    with pytest.raises(ImageFault, match="container c1 uses it"):
        await store.remove(image.id)
    proof.rmdir()  # the container died without a word
    await store.remove(image.id)
    assert await store.list() == []
    with pytest.raises(NotFound):
        store.content.hold(image.id, "c2", proof)


async def test_a_layer_shared_by_two_images_outlives_one(store, tmp_path):
    _docker_archive(tmp_path / "a.tar", ["one"], {"x": b"1"})
    [one] = await store.load(tmp_path / "a.tar")
    shared = store.content.index().images[one.id].layers
    two = ImageRecord(id="sha256:" + "b" * 64, config=ImageConfig(), layers=shared)
    store.content.add(two, tags=["docker.io/library/two:latest"])
    await store.remove("one")
    assert (_layer_dir(store, two.id) / "x").exists()


def _make_busybox(root):
    async def main():
        store = ImageStore(Path(root))
        await store.start()
        return (await store.busybox()).id

    return asyncio.run(main())


def test_processes_share_one_store(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        ids = pool.map(_make_busybox, [str(tmp_path)] * 3)
    assert len(set(ids)) == 1
    assert len(list((tmp_path / "layers").iterdir())) == 1
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_what_a_dead_process_left_half_done_is_swept(store, tmp_path):
    left = tmp_path / "images/scratch/dead"
    left.mkdir()
    (left / "part").write_text("x")
    with store.content.scratch() as alive:
        await store.start()
        assert not left.exists()
        assert alive.exists()


def test_a_gzip_archive_is_loaded_too(tmp_path):
    _docker_archive(tmp_path / "a.tar", ["app"], {"x": b"1"})
    with tarfile.open(tmp_path / "b.tgz", "w:gz") as out, tarfile.open(tmp_path / "a.tar") as source:
        for member in source:
            out.addfile(member, io.BytesIO(source.extractfile(member).read()))

    async def main():
        store = ImageStore(tmp_path / "images")
        await store.start()
        [image] = await store.load(tmp_path / "b.tgz")
        assert image.repo_tags == ("docker.io/library/app:latest",)

    asyncio.run(main())
