"""Security contexts on real containers, with crun and with runc: who runs, what it may do, and what is refused in upstream's words."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from real_world import RealWorld
from rows import Outcome, Row, in_world, judge, pod_name, run

from podling.api.types import core_v1
from podling.runtime.images import builtin

PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1500:1600:app:/srv/app:/bin/sh\n"
GROUP = "root:x:0:\napp:x:1600:\nstaff:x:1700:app\nlate:x:1800:\n"
NO_MKDIR = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
}


def context(**fields: Any) -> dict[str, Any]:
    return {"securityContext": fields}


def row(about: str, script: str, *says: str, pod: dict[str, Any] | None = None, **own: Any) -> Row:
    """``own``: the container's context; ``pod``: the Pod's."""
    return Row(
        about=about,
        script=script,
        says=says,
        container=context(**own),
        spec=context(**pod) if pod else {},
    )


def of_image(about: str, image: str, *says: str, script: str = "id -u; id -g; id -G", **pod: Any) -> Row:
    return Row(about=about, script=script, says=says, container={"image": image}, spec=context(**pod))


USERS = [
    of_image("image names its user", "people:named", "1500", "1600", "1600 1700"),
    of_image("image gives numbers", "people:numbers", "1500", "1800", "1800 1700"),
    of_image("home is the user s", "people:named", "/srv/app", script="echo $HOME"),
    of_image(
        "runAsUser goes over the image s user",
        "people:named",
        *("1234", "0", "0"),
        runAsUser=1234,
    ),
    of_image(
        "runAsGroup alone keeps the image s user",
        "people:named",
        *("1500", "4321", "4321 1700"),
        runAsGroup=4321,
    ),
    of_image(
        "groups of the image are added",
        "people:named",
        *("1500", "1600", "1600 1700 2000 3000"),
        supplementalGroups=[2000],
        fsGroup=3000,
        supplementalGroupsPolicy="Merge",
    ),
    of_image(
        "groups of the image are not added where that is strict",
        "people:named",
        *("1500", "1600", "1600 2000 3000"),
        supplementalGroups=[2000],
        fsGroup=3000,
        supplementalGroupsPolicy="Strict",
    ),
    of_image(
        "image with a number is not root",
        "people:numbers",
        "1500",
        script="id -u",
        runAsNonRoot=True,
    ),
]

RIGHTS = [
    row(
        "capabilities are containerd s by default",
        "grep -E 'Cap(Eff|Bnd)' /proc/self/status",
        *("CapEff:\t00000000a80425fb", "CapBnd:\t00000000a80425fb"),
    ),
    row(
        "one capability is dropped",
        "chown 1 /tmp || echo refused",
        "refused",
        capabilities={"drop": ["CHOWN"]},
    ),
    row(
        "all dropped and one added",
        "grep CapEff /proc/self/status; chown 1 /tmp && echo changed",
        *("CapEff:\t0000000000000001", "changed"),
        capabilities={"drop": ["ALL"], "add": ["CHOWN"]},
    ),
    row(
        "user who is not root has no capabilities of its own",
        "grep CapEff /proc/self/status",
        "CapEff:\t0000000000000000",
        runAsUser=1000,
        capabilities={"add": ["NET_ADMIN"]},
    ),
    row(
        "privileged has devices and an open proc",
        "[ -e /dev/kmsg ] && grep -c Seccomp: /proc/self/status; grep Seccomp: /proc/self/status",
        *("1", "Seccomp:\t0"),
        privileged=True,
    ),
    row(
        "parts of proc are hidden and others read only",
        "head -c 1 /proc/kcore | wc -c; echo 1 > /proc/sys/kernel/core_uses_pid || echo refused",
        *("0", "refused"),
    ),
    row(
        "labels of SELinux mean nothing where the kernel has none",
        "echo runs",
        "runs",
        seLinuxOptions={"level": "s0:c123,c456"},
    ),
    row("default profile refuses new user namespaces", "unshare -U true || echo refused", "refused"),
    row(
        "profile of the node refuses what it says",
        "mkdir /tmp/a || echo refused; touch /tmp/b && echo touched",
        *("refused", "touched"),
        seccompProfile={"type": "Localhost", "localhostProfile": "profiles/no-mkdir.json"},
    ),
    row(
        "profile of the pod holds for its containers",
        "mkdir /tmp/a || echo refused",
        "refused",
        pod={"seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/no-mkdir.json"}},
    ),
    row(
        "container s profile goes over the pod s",
        "mkdir /tmp/a && grep Seccomp: /proc/self/status",
        "Seccomp:\t0",
        pod={"seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/no-mkdir.json"}},
        seccompProfile={"type": "Unconfined"},
    ),
]


def setuid(about: str, says: str, *, escalation: bool) -> Row:
    """The machine's `id` belongs to root and is set-uid; a user runs it."""
    machine = {"lib": "/usr/lib", "lib64": "/usr/lib64", "usr": "/usr/bin"}
    present = {name: path for name, path in machine.items() if Path(path).is_dir()}
    install = "cp /machine/id /v/id && chmod 4755 /v/id"
    mounts = [{"name": name, "mountPath": f"/{name}", "readOnly": True} for name in present if name != "usr"]
    shared = {"name": "v", "mountPath": "/v"}
    return Row(
        about=about,
        script="/v/id -u; /v/id -ru",
        says=[says, "1000"],
        mounts=[*mounts, shared],
        container=context(runAsUser=1000, allowPrivilegeEscalation=escalation),
        spec={
            "volumes": [
                {"name": "v", "emptyDir": {}},
                *({"name": name, "hostPath": {"path": path}} for name, path in present.items()),
            ],
            "initContainers": [
                {
                    "name": "install",
                    "image": "busybox",
                    "command": ["sh", "-c", install],
                    "volumeMounts": [shared, {"name": "usr", "mountPath": "/machine", "readOnly": True}],
                }
            ],
        },
    )


SETUID = [
    setuid("set uid programs give their owner s rights", "0", escalation=True),
    setuid("allowPrivilegeEscalation false stops set uid programs", "1000", escalation=False),
]

SYSCTLS = [
    row(
        "safe sysctls of both sorts",
        "cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start",
        *("1", "80"),
        pod={
            "sysctls": [
                {"name": "kernel.shm_rmid_forced", "value": "1"},
                {"name": "net/ipv4/ip_unprivileged_port_start", "value": "80"},
            ]
        },
    ),
    Row(
        about="unsafe sysctl",
        phase="Failed",
        reason="SysctlForbidden",
        spec=context(sysctls=[{"name": "kernel.msgmax", "value": "1000"}]),
    ),
]
ROWS = [*USERS, *RIGHTS, *SETUID, *SYSCTLS]


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """A Pod whose container cannot be made, and why; ``{pod}`` stands for what upstream says of it."""

    about: str
    image: str = "busybox"
    own: Mapping[str, Any]
    reason: str = "CreateContainerConfigError"
    message: str

    @property
    def name(self) -> str:
        return pod_name(Row(about=self.about))


STUCK = [
    Stuck(
        about="root of the image is refused",
        own={"runAsNonRoot": True},
        message="container has runAsNonRoot and image will run as root {pod}",
    ),
    Stuck(
        about="root by number is refused",
        image="people:numbers",
        own={"runAsNonRoot": True, "runAsUser": 0},
        message="container's runAsUser breaks non-root policy {pod}",
    ),
    Stuck(
        about="name cannot be verified",
        image="people:named",
        own={"runAsNonRoot": True},
        message="container has runAsNonRoot and image has non-numeric user (app), "
        "cannot verify user is non-root {pod}",
    ),
    Stuck(
        about="profile is not there",
        own={"seccompProfile": {"type": "Localhost", "localhostProfile": "none.json"}},
        reason="CreateContainerError",
        message='cannot load seccomp profile "{seccomp}/none.json": '
        "open {seccomp}/none.json: no such file or directory",
    ),
    Stuck(
        about="profile is none",
        own={"seccompProfile": {"type": "Localhost", "localhostProfile": "broken.json"}},
        reason="CreateContainerError",
        message='decoding seccomp profile failed "{seccomp}/broken.json": ',
    ),
    Stuck(
        about="capability is unknown",
        own={"capabilities": {"add": ["FLY"]}},
        reason="CreateContainerError",
        message='unknown capability "CAP_FLY"',
    ),
]


@dataclass(frozen=True)
class Found:
    outcomes: Mapping[str, Outcome]
    stuck: Mapping[str, core_v1.Pod]
    seccomp: Path


async def prepare(world: RealWorld, folder: Path) -> Path:
    busybox = (await builtin.find()).path.read_bytes()
    for tag, user in (("named", "app"), ("numbers", "1500:1800")):
        archive = folder / f"{tag}.tar"
        _image(archive, f"people:{tag}", user, busybox)
        await world.images.load(archive)
    seccomp: Path = world.host.state_dir / "seccomp"
    (seccomp / "profiles").mkdir()
    (seccomp / "profiles" / "no-mkdir.json").write_text(json.dumps(NO_MKDIR))
    (seccomp / "broken.json").write_text("{")
    return seccomp


async def wait_stuck(world: RealWorld, case: Stuck) -> core_v1.Pod:
    main = {"name": "main", "image": case.image, **context(**case.own)}
    await world.create(case.name, main, terminationGracePeriodSeconds=0)
    return await world.until(case.name, lambda pod: _waiting(pod)[0] == case.reason)


@pytest.fixture(scope="module", params=["crun", "runc"])
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, image_folder: Path
) -> Found:
    folder = tmp_path_factory.mktemp("security")

    async def work(world: RealWorld) -> Found:
        seccomp = await prepare(world, folder)
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(run(world, ROWS))
            waiting = [group.create_task(wait_stuck(world, case)) for case in STUCK]
        stuck = {case.about: task.result() for case, task in zip(STUCK, waiting, strict=True)}
        return Found(playing.result(), stuck, seccomp)

    return in_world(work, folder=folder, images=image_folder, runtime=request.param)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_row(row: Row, found: Found):
    judge(row, dict(found.outcomes))


@pytest.mark.parametrize("case", STUCK, ids=lambda case: case.about)
def test_refused(case: Stuck, found: Found):
    pod = found.stuck[case.about]
    who = f'(pod: "{case.name}_default({pod.metadata.uid})", container: main)'
    reason, message = _waiting(pod)
    assert reason == case.reason
    assert message.startswith(case.message.format(pod=who, seccomp=found.seccomp))


def test_status_says_who_runs(found: Found):
    pod = found.outcomes["groups of the image are added"].pod
    user = pod.status.container_statuses[0].user.linux
    assert (user.uid, user.gid, user.supplemental_groups) == (1500, 1600, [1600, 1700, 2000, 3000])


def test_forbidden_sysctl_is_told(found: Found):
    outcome = found.outcomes["unsafe sysctl"]
    why = 'forbidden sysctl: "kernel.msgmax" not allowlisted'
    assert outcome.pod.status.message == f"Pod was rejected: {why}"
    assert ("SysctlForbidden", why) in outcome.events


def _waiting(pod: core_v1.Pod) -> tuple[str, str]:
    statuses: Sequence[core_v1.ContainerStatus] = (
        pod.status.container_statuses if pod.status else None
    ) or []
    waiting = statuses[0].state.waiting if statuses and statuses[0].state else None
    return (waiting.reason or "", waiting.message or "") if waiting else ("", "")


def _image(path: Path, name: str, user: str, busybox: bytes) -> None:
    """A Docker archive of an image that knows a user `app`."""
    files = {"bin/sh": busybox, "bin/id": busybox, "etc/passwd": PASSWD.encode(), "etc/group": GROUP.encode()}
    layer = _tar(files)
    config = json.dumps(
        {
            "architecture": "amd64",
            "config": {"User": user},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    path.write_bytes(_tar({"c.json": config, "layer.tar": layer, "manifest.json": manifest}))


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
