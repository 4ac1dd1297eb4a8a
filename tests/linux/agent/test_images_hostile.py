"""Pods whose images are broken or mean ill: the status says why, and nothing of them stays on the node."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_registry import DockerRegistry, docker_archive_of
from real_world import RealWorld, is_ready

from podling.api.types import core_v1

BUSYBOX = Path("/bin/busybox").read_bytes()
BOMB_BYTES = 1 << 45


def tar(*entries: tuple[str, dict[str, Any], bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, attributes, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            for key, value in attributes.items():
                setattr(entry, key, value)
            made.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def huge_file() -> bytes:
    """The head of a file larger than any disk; what it announces does not come."""
    entry = tarfile.TarInfo("bomb")
    entry.size = BOMB_BYTES
    return entry.tobuf(tarfile.GNU_FORMAT) + b"\0" * 4096


LAYERS = {
    "climbs": (tar(("../../../../escaped", {}, b"x")), "leads outside the layer"),
    "climbs-by-a-link": (
        tar(("up", {"type": tarfile.SYMTYPE, "linkname": "/tmp"}, b""), ("up/escaped", {}, b"x")),
        "cannot unpack layer",
    ),
    "links-outside": (
        tar(("host", {"type": tarfile.LNKTYPE, "linkname": "../../../etc/passwd"}, b"")),
        "leads outside the layer",
    ),
    "links-to-nothing": (
        tar(("host", {"type": tarfile.LNKTYPE, "linkname": "etc/passwd"}, b"")),
        "no such hard link target etc/passwd",
    ),
    "hides-its-parent": (tar((".wh...", {}, b"")), "hides no file of its folder"),
    "steers-the-file-system": (
        tar(("d", {"pax_headers": {"SCHILY.xattr.trusted.overlay.redirect": "/etc"}}, b"")),
        "attribute trusted.overlay.redirect would steer the file system",
    ),
    "fills-the-disk": (huge_file(), "no space left on device: the layer needs more than"),
    "is-no-tar": (b"<html>no layer</html>" * 100, "cannot unpack layer"),
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    made = DockerRegistry(tmp_path_factory.mktemp("registry"))
    try:
        for name, (layer, _) in LAYERS.items():
            made.push_archive(f"{name}:v1", docker_archive_of([layer]))
        nodes = [
            ("bin/busybox", {}, BUSYBOX),
            ("disk", {"type": tarfile.BLKTYPE, "devmajor": 7, "devminor": 0, "mode": 0o666}, b""),
            ("memory", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 1, "mode": 0o666}, b""),
        ]
        made.push_archive("devices:v1", docker_archive_of([tar(*nodes)]))
        yield made
    finally:
        made.halt()


@pytest.fixture(autouse=True)
async def trusted(world: RealWorld, registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(registry.certificate))
    text = base64.b64encode(json.dumps(registry.auths()).encode()).decode()
    await world.make(
        core_v1.Secret, "right", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": text}
    )


async def run(world: RealWorld, name: str, image: str) -> None:
    await world.create(
        name,
        {"name": "main", "image": image, "command": ["/bin/busybox", "sleep", "600"]},
        imagePullSecrets=[{"name": "right"}],
        terminationGracePeriodSeconds=0,
    )


def why(pod: core_v1.Pod) -> str:
    statuses = pod.status.container_statuses or []
    waiting = statuses[0].state.waiting if statuses and statuses[0].state else None
    return (
        (waiting.message or "") if waiting and waiting.reason in ("ErrImagePull", "ImagePullBackOff") else ""
    )


def left(world: RealWorld) -> set[str]:
    root = world.images.content.root
    return {str(path.relative_to(root)) for part in ("layers", "scratch") for path in (root / part).iterdir()}


async def test_hostile_layers_are_refused_and_leave_nothing(world: RealWorld, registry: DockerRegistry):
    await world.images.busybox()
    before = left(world)
    for name in LAYERS:
        await run(world, name, f"{registry.address}/{name}:v1")
    for name, (_, words) in LAYERS.items():
        said = why(await world.until(name, why))
        assert words in said
        events = await world.events(name)
        assert ("Failed", "Error: ErrImagePull") in events
        failed = f'Failed to pull image "{registry.address}/{name}:v1": cannot pull image'
        assert any(reason == "Failed" and message.startswith(failed) for reason, message in events)
    assert left(world) == before
    assert not Path("/escaped").exists()
    assert not Path("/tmp/escaped").exists()


async def test_device_nodes_of_an_image_open_nothing(world: RealWorld, registry: DockerRegistry):
    await run(world, "devices", f"{registry.address}/devices:v1")
    await world.until("devices", is_ready)
    script = "for f in /disk /memory; do /bin/busybox head -c1 $f 2>&1; done; true"
    said = await world.run("devices", "/bin/busybox", "sh", "-c", script)
    assert said.count("Operation not permitted") == 2


DAMAGES = {
    "wrong-content": (lambda blob: blob.write_bytes(bytes(blob.stat().st_size)), "Digest did not match"),
    "cut-off": (lambda blob: blob.write_bytes(blob.read_bytes()[:1000]), "Digest did not match"),
    "missing": (lambda blob: blob.unlink(), "404 (Not Found)"),
}


async def test_a_blob_that_is_not_what_was_promised_is_no_image(world: RealWorld, registry: DockerRegistry):
    good: dict[Path, bytes] = {}
    before = left(world)
    for name, (spoil, _) in DAMAGES.items():
        known = {*registry.blobs()}
        layer = tar(("bin/busybox", {}, BUSYBOX), ("name", {}, name.encode()))
        registry.push_archive(f"{name}:v1", docker_archive_of([layer]))
        [blob] = [path for path in {*registry.blobs()} - known if path.stat().st_size > 10_000]
        good[blob] = blob.read_bytes()
        spoil(blob)
        await run(world, name, f"{registry.address}/{name}:v1")
    for name, (_, words) in DAMAGES.items():
        assert words in why(await world.until(name, why))
    assert left(world) == before
    for blob, content in good.items():
        blob.write_bytes(content)
    for name in DAMAGES:
        await run(world, f"{name}-mended", f"{registry.address}/{name}:v1")
    for name in DAMAGES:
        await world.until_ready(f"{name}-mended")
