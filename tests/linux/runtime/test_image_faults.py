"""Pulls that go wrong: manifests that are none, a disk that fills up, two who want the same at once."""

import asyncio
import contextlib
import json
import multiprocessing
import os
import select
import shutil
from pathlib import Path

import pytest
from loopback_registry import CONFIG, LAYER, MANIFEST, Registry, digest, layer

from podling.runtime import linux
from podling.runtime.images import ImageStore, Skopeo
from podling.runtime.interface import ImageFault


@pytest.fixture
def registry(tmp_path):
    made = Registry()
    (tmp_path / "registries.conf").write_text(f'[[registry]]\nlocation = "{made.address}"\ninsecure = true\n')
    yield made
    made.close()


@pytest.fixture
async def store(tmp_path):
    made = _store(tmp_path)
    await made.start()
    return made


def _store(folder, root=None):
    return ImageStore(root or folder / "images", skopeo=Skopeo(registries_conf=folder / "registries.conf"))


def left(store):
    root = store.content.root
    return [path for part in ("layers", "scratch") for path in (root / part).iterdir()]


CONFIGURATION = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": []}}).encode()
SCHEMA_1 = {"schemaVersion": 1, "name": "app", "tag": "v1", "fsLayers": [], "history": [], "signatures": []}


def image(config=CONFIGURATION, layers=(), **fields):
    """A manifest's document; ``layers`` are descriptors."""
    descriptor = {"mediaType": CONFIG, "digest": digest(config), "size": len(config)}
    made = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": list(layers)}
    return json.dumps(made | fields).encode()


def some_layer():
    return {"mediaType": LAYER, "digest": "sha256:" + "1" * 64, "size": 10}


@pytest.mark.parametrize(
    ("kind", "document", "words"),
    [
        ("text/html", b"<html>welcome to our hotel</html>", "cannot read manifest"),
        (MANIFEST, b"", "cannot pull image"),
        (MANIFEST, b"{", "cannot read manifest"),
        (MANIFEST, b"[]", "cannot read manifest"),
        (MANIFEST, b"{}", "neither an image nor an index"),
        (MANIFEST, image(config=b"{"), "cannot pull image"),
        (MANIFEST, image(layers=[some_layer()]), "cannot pull image"),
        (MANIFEST, image(layers=[some_layer() | {"digest": "md5:../../../../etc/passwd"}]), "cannot pull image"),
        (MANIFEST, b" " * (5 << 20), "cannot pull image"),
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            json.dumps(SCHEMA_1).encode(),
            "schema 1 is not supported",
        ),
    ],
    ids=[
        "a-page", "nothing", "cut-off", "a-list", "empty", "broken-configuration", "lost-layer", "climbing-digest",
        "too-large", "schema-1",
    ],
)  # fmt: skip
async def test_a_manifest_that_is_none_is_no_image(store, registry, kind, document, words):
    registry.manifests["app", "v1"] = registry.manifests["app", digest(document)] = (kind, document)
    for config in (CONFIGURATION, b"{"):
        registry.blobs[digest(config)] = config
    with pytest.raises(ImageFault, match=words) as caught:
        await store.pull(f"{registry.address}/app:v1")
    assert caught.value.reason == "ErrImagePull"
    assert str(caught.value).startswith(f"cannot pull image {registry.address}/app:v1: ")
    assert left(store) == []


async def test_an_image_of_no_layers_cannot_be_run_but_does_no_harm(store, registry):
    document = image()
    registry.blobs[digest(CONFIGURATION)] = CONFIGURATION
    registry.manifests["app", "v1"] = registry.manifests["app", digest(document)] = (MANIFEST, document)
    found = await store.pull(f"{registry.address}/app:v1")
    assert found.size == 0
    assert left(store) == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a file system of its own")
    place = tmp_path / "disk"
    place.mkdir()
    linux.mount("tmpfs", str(place), "tmpfs", 0, "size=12m")
    yield place
    linux.unmount(str(place))


async def test_a_full_disk_is_told_and_nothing_of_the_image_stays(tmp_path, registry, small_disk):
    store = _store(tmp_path, small_disk / "images")
    await store.start()
    noise = os.urandom(3 << 20)
    registry.put("app", "v1", [layer({"kept": b"1"})])
    kept = await store.pull(f"{registry.address}/app:v1")
    registry.put(
        "app", "large", [layer({"noise": noise, "more": os.urandom(10 << 20)})]
    )  # no room for the blob
    registry.put("app", "wide", [layer({"zeros": bytes(32 << 20)})])  # nor for what is in it
    before = left(store)
    for tag in ("large", "wide"):
        with pytest.raises(ImageFault, match="no space left on device") as caught:
            await store.pull(f"{registry.address}/app:{tag}")
        assert caught.value.reason == "ErrImagePull"
        assert left(store) == before
    assert [found.id for found in await store.list()] == [kept.id]
    with (small_disk / "others").open("wb", buffering=0) as others, contextlib.suppress(OSError):
        while True:
            others.write(bytes(1 << 16))
    registry.put("app", "tiny", [layer({"x": b"1"})])
    with pytest.raises(ImageFault, match=r"(?i)no space left on device"):
        await store.pull(f"{registry.address}/app:tiny")
    (small_disk / "others").unlink()
    registry.put("app", "fits", [layer({"noise": noise[: 2 << 20]})])
    assert (await store.pull(f"{registry.address}/app:fits")).size == 2 << 20


def _pull(root, conf_folder, name):
    async def main():
        store = _store(Path(conf_folder), Path(root))
        await store.start()
        return (await store.pull(name)).id

    return asyncio.run(main())


def test_processes_that_pull_the_same_image_at_once_get_it(tmp_path, registry):
    """As two nodes do, or two clusters: the store is one for the machine."""
    image_id = registry.put("app", "v1", [layer({"a": os.urandom(1 << 20)}), layer({"b": b"2"})])
    orders = [(str(tmp_path / "images"), str(tmp_path), f"{registry.address}/app:v1")] * 4
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert set(pool.starmap(_pull, orders)) == {image_id}
    found = _store(tmp_path)
    assert len([path for path in left(found) if path.parent.name == "layers"]) == 2
    assert len(left(found)) == 2


def test_a_pull_ends_with_the_process_that_wanted_it(tmp_path, registry):
    image_id = registry.put("app", "v1", [layer({"a": b"1"})])
    order = (str(tmp_path / "images"), str(tmp_path), f"{registry.address}/app:v1")
    registry.flowing.clear()
    process = multiprocessing.get_context("spawn").Process(target=_pull, args=order)
    process.start()
    assert registry.asked.wait(60)
    [skopeo] = [os.pidfd_open(pid) for pid in _running("skopeo", registry.address)]
    process.kill()
    process.join()
    ended, _, _ = select.select([skopeo], [], [], 60)
    os.close(skopeo)
    assert ended
    registry.flowing.set()
    assert _pull(*order) == image_id
    assert left(_store(tmp_path)) == [tmp_path / "images/layers" / f"{digest(layer({'a': b'1'}))[7:31]}"]


def _running(program, word):
    """The processes of a program that have ``word`` in their arguments."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if words[0].endswith(program) and any(word in one for one in words):
                yield int(entry.name)


async def test_one_process_pulls_an_image_once_however_many_want_it(store, registry):
    registry.put("app", "v1", [layer({"a": b"1"})])
    name = f"{registry.address}/app:v1"
    found = await asyncio.gather(*(store.pull(name) for _ in range(5)))
    assert len({one.id for one in found}) == 1
    [of_layer] = registry.layers_of("app", "v1")
    assert registry.requests.count(f"/v2/app/blobs/{of_layer}") == 1


async def test_only_layers_that_are_not_here_are_fetched(store, registry, tmp_path):
    base, top = layer({"base": os.urandom(1000)}), [layer({"app": number}) for number in (b"1", b"2")]
    registry.put("app", "v1", [base, top[0]])
    await store.pull(f"{registry.address}/app:v1")
    registry.put("app", "v2", [base, top[1]])
    registry.requests.clear()
    image = await store.pull(f"{registry.address}/app:v2")
    old, new = registry.layers_of("app", "v2")
    assert f"/v2/app/blobs/{new}" in registry.requests
    assert f"/v2/app/blobs/{old}" not in registry.requests
    rootfs = store.rootfs(image.id)
    found = [path.read_bytes() for lower in rootfs.lower for path in Path(rootfs.layers_dir, lower).iterdir()]
    assert found == [b"2", (Path(rootfs.layers_dir, rootfs.lower[1]) / "base").read_bytes()]
    registry.put("app", "v3", [base], config={"Cmd": ["new"]})  # nothing but another configuration
    registry.requests.clear()
    image = await store.pull(f"{registry.address}/app:v3")
    assert not [path for path in registry.requests if path.endswith(old)]
    assert store.rootfs(image.id).config.cmd == ("new",)


@pytest.mark.parametrize("packing", ["plain", "zstd", "gzip"])
@pytest.mark.parametrize("known", [False, True])
async def test_layers_come_in_every_packing(store, registry, packing, known):
    if packing == "zstd" and shutil.which("zstd") is None:
        pytest.skip("needs zstd to make such a layer")
    layers = [layer({"base": b"b"}), layer({"app": b"1"})]
    if known:
        registry.put("app", "base", layers[:1])
        await store.pull(f"{registry.address}/app:base")
    image_id = registry.put("app", "v1", layers, packing=packing)
    image = await store.pull(f"{registry.address}/app:v1")
    rootfs = store.rootfs(image.id)
    assert image.id == image_id
    assert [[path.name for path in Path(rootfs.layers_dir, one).iterdir()] for one in rootfs.lower] == [
        ["app"],
        ["base"],
    ]


async def test_a_pull_that_is_given_up_leaves_nothing(store, registry):
    registry.put("app", "v1", [layer({"a": os.urandom(1 << 20)})])
    name = f"{registry.address}/app:v1"
    for turns in (1, 5, 20):
        pulling = asyncio.ensure_future(store.pull(name))
        for _ in range(turns):
            await asyncio.sleep(0)
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        assert left(store) == []
    assert (await store.pull(name)).size == 1 << 20
