"""Pods whose images come from a real registry with TLS and a password: who may have them, and what is said when not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_registry import DockerRegistry
from real_world import RealWorld, is_ready

from podling.agent.imagegc import use
from podling.agent.imagegc.collector import ImageGarbage
from podling.agent.imagegc.decision import Disk, Policy
from podling.aio.clock import SystemClock
from podling.api.types import core_v1
from podling.runtime.interface import ImageFault

BUSYBOX = Path("/bin/busybox").read_bytes()
FILES = {"bin/busybox": BUSYBOX}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    made = DockerRegistry(tmp_path_factory.mktemp("registry"))
    try:
        for name in ("team/app:v1", "team/app:v2"):
            made.push(name, FILES | {"version": name.encode()})
        made.push("other:v1", FILES | {"version": b"other"})
        made.push("mainframe:v1", FILES, architecture="s390x")
        made.push("data:v1", {"top": b"of the image", "deep/er/file": b"below", "tool": BUSYBOX})
        yield made
    finally:
        made.halt()


@pytest.fixture(autouse=True)
def trusted(registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(registry.certificate))


def container(image: str, **fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": image, "command": ["/bin/busybox", "sleep", "600"], **fields}


async def make_secret(world: RealWorld, name: str, document: dict[str, Any], *, old: bool = False) -> None:
    """A pull secret: a whole ``config.json`` or, ``old``, the entries alone."""
    kind, content = ("dockercfg", document["auths"]) if old else ("dockerconfigjson", document)
    data = {f".{kind}": base64.b64encode(json.dumps(content).encode()).decode()}
    await world.make(core_v1.Secret, name, type=f"kubernetes.io/{kind}", data=data)


def by(*names: str) -> dict[str, Any]:
    return {"terminationGracePeriodSeconds": 0, "imagePullSecrets": [{"name": name} for name in names]}


def waiting(pod: core_v1.Pod) -> tuple[str, str]:
    shown = (pod.status.container_statuses or [None])[0]
    state = shown.state.waiting if shown is not None and shown.state else None
    return (state.reason or "", state.message or "") if state is not None else ("", "")


async def refused(world: RealWorld, name: str, *reasons: str) -> str:
    """Wait for one of ``reasons`` and return what is said of it."""
    return waiting(await world.until(name, lambda pod: waiting(pod)[0] in reasons))[1]


async def test_a_private_image_is_for_those_who_hold_its_password(world: RealWorld, registry: DockerRegistry):
    await make_secret(world, "right", registry.auths())
    await make_secret(world, "old", registry.auths(), old=True)
    await make_secret(world, "wrong", registry.auths(password="guess"))
    await make_secret(world, "path", registry.auths(path="/team"))
    await world.make(core_v1.ServiceAccount, "puller", imagePullSecrets=[{"name": "right"}])
    app = container(f"{registry.address}/team/app:v1", imagePullPolicy="Always")
    served: dict[str, dict[str, Any]] = {
        "by-config": by("right"),
        "by-older-form": by("old"),
        "by-account": by() | {"serviceAccountName": "puller"},
        "by-the-longest-path": by("wrong", "path"),
        "by-the-second": by("wrong", "right"),
        "in-spite-of-a-missing-one": by("lost", "right"),
    }
    turned_away = {"without": {}, "with-a-wrong-one": by("wrong"), "with-a-lost-one": by("lost")}
    for name, spec in {**served, **turned_away}.items():
        await world.create(name, app, **spec)
    for name in served:
        await world.until_ready(name)
        told = dict(await world.events(name))
        assert told["Pulling"] == f'Pulling image "{registry.address}/team/app:v1"'
        assert re.fullmatch(
            rf'Successfully pulled image "{re.escape(registry.address)}/team/app:v1" in (\d+ms|\d+\.\d+s|0s) '
            r"\((\d+ms|\d+\.\d+s) including waiting\)\. Image size: \d{7} bytes\.",
            told["Pulled"],
        )
    for name in turned_away:
        said = await refused(world, name, "ErrImagePull", "ImagePullBackOff")
        assert "unauthorized: authentication required" in said
        events = await world.events(name)
        assert ("Failed", "Error: ErrImagePull") in events
    missing = (
        "Unable to retrieve some image pull secrets (lost); attempting to pull the image may not succeed."
    )
    for name in ("with-a-lost-one", "in-spite-of-a-missing-one"):
        assert ("FailedToRetrieveImagePullSecret", missing) in await world.events(name)


async def test_what_came_with_a_secret_is_not_for_pods_without(world: RealWorld, registry: DockerRegistry):
    name = f"{registry.address}/other:v1"
    await make_secret(world, "right", registry.auths())
    await make_secret(world, "twin", registry.auths())
    await make_secret(world, "wrong", registry.auths(password="guess"))
    await world.create("owner", container(name), **by("right"))
    await world.until_ready("owner")
    await world.create("guest", container(name), **by("twin"))
    for thief, spec in {"thief": {}, "liar": by("wrong")}.items():
        await world.create(thief, container(name), **spec)
    await world.create("quiet-thief", container(name, imagePullPolicy="Never"))
    await world.create("quiet-owner", container(name, imagePullPolicy="Never"), **by("right"))
    for welcome in ("guest", "quiet-owner"):
        await world.until_ready(welcome)
        said = f'Container image "{name}" already present on machine and can be accessed by the pod'
        assert ("Pulled", said) in await world.events(welcome)
    for thief in ("thief", "liar"):
        assert "unauthorized" in await refused(world, thief, "ErrImagePull", "ImagePullBackOff")
    said = f'Container image "{name}" is not present with pull policy of Never'
    assert await refused(world, "quiet-thief", "ErrImageNeverPull") == said
    registry.halt()
    try:
        await world.create("late-owner", container(name, imagePullPolicy="Always"), **by("right"))
        await world.create("late-thief", container(name, imagePullPolicy="Always"))
        await world.create("newcomer", container(f"{registry.address}/team/app:v9"), **by("right"))
        await world.until_ready("late-owner")
        told = dict(await world.events("late-owner"))
        assert "cannot be reached, its copy on this machine is used" in told["RegistryUnavailable"]
        for late in ("late-thief", "newcomer"):
            said = await refused(world, late, "RegistryUnavailable", "ImagePullBackOff")
            assert "because the registry is unavailable: " in said
    finally:
        registry.go_on()


async def test_no_is_no(world: RealWorld, registry: DockerRegistry):
    await make_secret(world, "right", registry.auths())
    digest = "sha256:" + "5" * 64
    wanted = {
        "no-such-tag": f"{registry.address}/team/app:v9",
        "no-such-image": f"{registry.address}/nothing:v1",
        "no-such-content": f"{registry.address}/team/app@{digest}",
        "for-another-machine": f"{registry.address}/mainframe:v1",
    }
    for name, image in wanted.items():
        await world.create(name, container(image), **by("right"))
    for name, image in wanted.items():
        said = await refused(world, name, "ErrImagePull", "ImagePullBackOff")
        assert image in said
        assert said.endswith("not found"), said
    said = await refused(world, "for-another-machine", "ErrImagePull", "ImagePullBackOff")
    assert "no match for platform in manifest: linux/amd64 is wanted, it is for linux/s390x" in said
    await world.create("no-name", container("Not/A/Name"))
    assert "repository names are lower case" in await refused(world, "no-name", "InvalidImageName")


async def test_a_digest_names_one_content(world: RealWorld, registry: DockerRegistry):
    await make_secret(world, "right", registry.auths())
    registry.push("moving:tag", FILES | {"version": b"first"})
    await world.create("first", container(f"{registry.address}/moving:tag"), **by("right"))
    pod = await world.until_ready("first")
    shown = pod.status.container_statuses[0]
    image_id = shown.image_id
    assert shown.image == f"{registry.address}/moving:tag"
    assert re.fullmatch(rf"{re.escape(registry.address)}/moving@sha256:[0-9a-f]{{64}}", image_id)
    registry.push("moving:tag", FILES | {"version": b"second"})
    await world.create("pinned", container(image_id), **by("right"))
    await world.create(
        "follows", container(f"{registry.address}/moving:tag", imagePullPolicy="Always"), **by("right")
    )
    for name, version in (("pinned", "first"), ("follows", "second")):
        await world.until_ready(name)
        assert await world.run(name, "/bin/busybox", "cat", "/version") == version


async def test_the_content_of_an_image_is_a_volume(world: RealWorld, registry: DockerRegistry):
    await make_secret(world, "right", registry.auths())
    data = {"reference": f"{registry.address}/data:v1", "pullPolicy": "Always"}
    volumes = [{"name": "data", "image": data}]
    mounts = [
        {"name": "data", "mountPath": "/all"},
        {"name": "data", "mountPath": "/part", "subPath": "deep/er"},
        {"name": "data", "mountPath": "/named", "subPathExpr": "$(WHERE)"},
    ]
    env = [{"name": "WHERE", "value": "deep"}]
    reader = {
        "name": "main",
        "image": "busybox",
        "command": ["sleep", "600"],
        "env": env,
        "volumeMounts": mounts,
    }
    await world.create("reader", reader, volumes=volumes, **by("right"))
    lost = {"name": "data", "image": {"reference": f"{registry.address}/data:v9"}}
    never = {"name": "data", "image": {"reference": f"{registry.address}/data:v9", "pullPolicy": "Never"}}
    plain = reader | {"volumeMounts": mounts[:1]}
    astray = reader | {"volumeMounts": [{"name": "data", "mountPath": "/all", "subPath": "no/such"}]}
    await world.create("lost", plain, volumes=[lost], **by("right"))
    await world.create("never", plain, volumes=[never], **by("right"))
    await world.create("astray", astray, volumes=volumes, **by("right"))
    await world.until_ready("reader")
    assert (
        await world.run("reader", "cat", "/all/top", "/part/file", "/named/er/file")
        == "of the imagebelowbelow"
    )
    script = "touch /all/x || touch /part/x || /all/tool true || echo refused"
    assert await world.run("reader", "sh", "-c", f"({script}) 2>/dev/null") == "refused\n"
    said = await refused(world, "lost", "ErrImagePull", "ImagePullBackOff")
    assert "/data:v9" in said
    assert said.endswith("not found")
    assert "is not present with pull policy of Never" in await refused(world, "never", "ErrImageNeverPull")
    assert "no/such" in await refused(world, "astray", "CreateContainerError")
    pulled = [message for reason, message in await world.events("reader") if reason == "Pulled"]
    assert pulled[0].startswith(f'Successfully pulled image "{registry.address}/data:v1"')
    assert is_ready(await world.get("reader"))
    with pytest.raises(ImageFault, match=r"cannot remove image .*: container .* uses it"):
        await world.images.remove(data["reference"])
    await end(world, "reader")
    await world.images.remove(data["reference"])


async def end(world: RealWorld, name: str) -> None:
    """Delete the Pod and wait until nothing of it is on the node."""
    assert world.agent is not None
    workers = [one for one in world.agent.pods.workers() if one.memory.name == name]
    await world.pods.delete(name, namespace="default")
    for worker in workers:
        await worker.wait_gone()


async def test_images_that_no_pod_needs_go_and_are_fetched_again(world: RealWorld, registry: DockerRegistry):
    await make_secret(world, "right", registry.auths())
    needed, idle = f"{registry.address}/other:v1", f"{registry.address}/team/app:v2"
    await world.create("needs", container(needed), **by("right"))
    await world.create("leaves", container(idle), **by("right"))
    for name in ("needs", "leaves"):
        await world.until_ready(name)
    await world.create(
        "mounts", container(needed), volumes=[{"name": "v", "image": {"reference": idle}}], **by("right")
    )
    await end(world, "leaves")
    assert world.agent is not None
    kit = world.agent.kit
    garbage = ImageGarbage(
        world.images,
        Policy(min_age=0),
        records=kit.images.records,
        disk=lambda: Disk(100, 1),
        used=lambda: use.in_use(
            [one for uid in kit.observed.pods() for one in kit.observed.containers(uid)],
            [worker.memory.pod for worker in world.agent.pods.workers()],
        ),
        tell=lambda reason, message: None,
        on_removed=lambda: None,
        clock=SystemClock(),
    )
    await garbage.remove_unused()
    assert await world.images.resolve(idle) is not None  # a Pod names it as a volume
    await end(world, "mounts")
    await garbage.remove_unused()
    assert await world.images.resolve(idle) is None
    assert await world.images.resolve(needed) is not None
    await world.create("returns", container(idle), **by("right"))
    await world.until_ready("returns")
    assert ("Pulling", f'Pulling image "{idle}"') in await world.events("returns")
