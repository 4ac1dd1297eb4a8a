"""Pods with users of their own (``hostUsers: false``) on real containers: root inside is nobody outside, files keep their owners."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from real_world import SLEEP, RealWorld, sh
from rows import Outcome, Row, in_world, judge, run

from podling.api.types import core_v1

OWN = {"hostUsers": False}


def row(about: str, script: str, *says: str, spec: dict[str, Any] | None = None, **fields: Any) -> Row:
    return Row(about=about, script=script, says=says, spec=OWN | (spec or {}), **fields)


def volume(path: str = "/v", **source: Any) -> dict[str, Any]:
    """A row's volume and its mount."""
    return {
        "spec": {"volumes": [{"name": "v", **source}]},
        "mounts": [{"name": "v", "mountPath": path}],
    }


RANGE = "awk '{ print $1, $2 / $3, $3 }' /proc/self/uid_map"
ROWS = [
    Row(about="root of one pod is nobody outside", script=RANGE, spec=OWN),
    Row(about="root of another pod is somebody else", script=RANGE, spec=OWN),
    row(
        "image belongs to root",
        "stat -c '%u %g' / /bin/busybox; touch /new && stat -c '%u %g' /new; id -u",
        *("0 0", "0 0", "0 0", "0"),
    ),
    row(
        "files of the node keep their owners",
        "stat -c '%u %g' /v/given; touch /v/made /v/given2; chown 5:6 /v/made; stat -c '%u %g' /v/made",
        *("7 8", "5 6"),
        **volume(hostPath={"path": "{shared}"}),
    ),
    row(
        "secrets are root s alone",
        "stat -c '%u %a' -L /v/a; cat /v/a; su nobody -s /bin/sh -c 'cat /v/a' 2>/dev/null || echo refused",
        *("0 400", "hidden", "refused"),
        **volume(secret={"secretName": "hidden", "defaultMode": 0o400}),
    ),
    row(
        "volumes are the group s",
        "stat -c '%g' /v; touch /v/a && stat -c '%u %g' /v/a; id -G",
        *("2000", "1000 2000", "0 2000"),
        spec={
            "volumes": [{"name": "v", "emptyDir": {}}],
            "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
        },
        mounts=[{"name": "v", "mountPath": "/v"}],
    ),
    row(
        "volumes in memory too",
        "touch /v/a && chown 9 /v/a && stat -c '%u' /v/a",
        "9",
        **volume(emptyDir={"medium": "Memory"}),
    ),
    row(
        "images as volumes belong to root",
        "stat -c '%u %g' /v/bin/busybox; touch /v/new 2>/dev/null || echo refused",
        *("0 0", "refused"),
        **volume(image={"reference": "busybox"}),
    ),
    row(
        "rights hold inside alone",
        "mkdir /m && mount -t tmpfs none /m && echo mounted; mknod /disk b 8 0 2>/dev/null || echo refused",
        *("mounted", "refused"),
        container={"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    ),
    row(
        "all of proc may be seen",
        "grep -c ' /proc/' /proc/self/mountinfo || true",
        "0",
        container={"securityContext": {"procMount": "Unmasked"}},
    ),
    row(
        "sysctls are the pod s",
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; hostname",
        *("80", "sysctls-are-the-pod-s"),
        spec={
            "securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}]}
        },
    ),
    row("shared memory is there", "echo hi > /dev/shm/a && cat /dev/shm/a", "hi"),
    row(
        "last words are heard",
        "echo -n done > /dev/termination-log",
        message="done",
        container={"securityContext": {"runAsUser": 1000}},
    ),
    row(
        "processes are shared where asked",
        "",
        "seen",
        containers=[
            sh("until ps | grep -q '[s]leep 3601$'; do sleep 0.05; done; echo seen; killall sleep"),
            sh("sleep 3601; true", name="other"),
        ],
        spec={"shareProcessNamespace": True, "terminationGracePeriodSeconds": 0},
    ),
]


@dataclass(frozen=True)
class Found:
    outcomes: Mapping[str, Outcome]
    owner_on_disk: tuple[int, int]
    inside: Sequence[str]
    features: core_v1.NodeRuntimeHandlerFeatures
    left: Sequence[str]


def placed(row: Row, shared: Path) -> Row:
    """With the path of the folder that is really shared."""
    volumes = [
        {**each, "hostPath": {"path": str(shared)}} if "hostPath" in each else each
        for each in row.spec.get("volumes", [])
    ]
    return replace(row, spec={**row.spec, "volumes": volumes})


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that everybody may pass, as a cluster's is."""
    made = Path(tempfile.mkdtemp(prefix="podling-users-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module", params=["crun", "runc"])
def found(request: pytest.FixtureRequest, folder: Path, image_folder: Path) -> Found:
    place = folder / request.param
    shared = place / "shared"
    for each in (place, shared):
        each.mkdir(mode=0o711)
    (shared / "given").touch()
    shutil.chown(shared / "given", 7, 8)

    async def work(world: RealWorld) -> Found:
        secret = {"a": base64.b64encode(b"hidden\n").decode()}
        await world.make(core_v1.Secret, "hidden", data=secret)
        outcomes = await run(world, [placed(row, shared) for row in ROWS])
        inside = await live_on(world)
        assert world.agent is not None and world.agent.node is not None
        [handler, *_] = world.agent.node.status.runtime_handlers
        made = (shared / "made").stat()
        return Found(outcomes, (made.st_uid, made.st_gid), inside, handler.features, ())

    found = in_world(work, folder=place, images=image_folder, runtime=request.param)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return replace(found, left=[line for line in mounts if str(place) in line])


async def live_on(world: RealWorld) -> list[str]:
    """What commands find in a Pod before and after the agent began anew."""
    await world.create("lasting", sh(SLEEP), **OWN)
    await world.until_ready("lasting")
    said = [await world.run("lasting", "sh", "-c", f"id -u; {RANGE}")]
    assert world.agent is not None
    await world.agent.stop()
    await world.start_agent()
    said.append(await world.run("lasting", "sh", "-c", f"id -u; {RANGE}"))
    return said


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_row(row: Row, found: Found):
    judge(row, dict(found.outcomes))


def test_no_two_pods_have_the_same_users(found: Found):
    first, second = (list(found.outcomes[row.about].lines) for row in ROWS[:2])
    for lines in (first, second):
        start, number, length = lines[0].split()
        assert (start, length) == ("0", "65536")
        assert int(number) >= 1
    assert first != second


def test_owner_on_disk_is_what_the_pod_said(found: Found):
    assert found.owner_on_disk == (5, 6)


def test_users_stay_when_the_agent_begins_anew(found: Found):
    before, after = found.inside
    assert before == after
    assert before.startswith("0\n0 ")


def test_node_says_that_it_can(found: Found):
    assert found.features.user_namespaces is True


def test_nothing_stays_mounted(found: Found):
    assert list(found.left) == []


async def test_folder_that_is_closed_to_others_is_told(world: RealWorld):
    """The folders of these tests are root's alone."""
    assert world.agent is not None
    assert world.agent.runtime.info().user_namespaces is False
    await world.create("web", sh(SLEEP), **OWN)
    why = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"
    told = ("FailedCreatePodSandBox", f"Failed to create pod sandbox: {why}")
    await world.until(
        "web", lambda pod: any(c.type == "PodReadyToStartContainers" for c in pod.status.conditions or [])
    )
    assert told in await world.events("web")
