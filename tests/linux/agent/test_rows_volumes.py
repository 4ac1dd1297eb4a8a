"""Rows of sig-storage on real containers: what a container sees of its volumes."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from real_world import RealWorld
from rows import Outcome, Row, judge, play

from podling.api.types import core_v1

MOUNT = [{"name": "v", "mountPath": "/v"}]
USER = {"securityContext": {"runAsUser": 1000}}
GROUP = {"securityContext": {"runAsUser": 1000, "fsGroup": 1001}}
SHOW = "for f in $FILES; do echo $(stat -Lc %a /v/$f) $(cat /v/$f); done"
ITEM = {"key": "a", "path": "deep/er"}


def show(*files: str) -> str:
    return SHOW.replace("$FILES", " ".join(files))


def told(*paths: str) -> str:
    """A line for each file."""
    return "; ".join(f"echo $(cat {path})" for path in paths)


def projected(kind: str, **fields: Any) -> dict[str, Any]:
    """A projected volume of one source; ``defaultMode`` stands outside of it."""
    outer = {"defaultMode": fields.pop("defaultMode")} if "defaultMode" in fields else {}
    return {"projected": {"sources": [{kind: fields}], **outer}}


def keyed(kind: str, volume: Any) -> list[Row]:
    """The rows that volumes of ConfigMaps and Secrets share; ``volume(**fields)`` makes one."""

    def row(
        about: str, script: str, says: list[str], *, spec: dict[str, Any] | None = None, **fields: Any
    ) -> Row:
        volumes = [{"name": "v", **volume(**fields)}]
        return Row(
            about=f"{kind} {about}",
            script=script,
            says=says,
            mounts=MOUNT,
            spec={"volumes": volumes, **(spec or {})},
        )

    return [
        row("keys are files of mode 0644", show("a", "b"), ["644 one", "644 two"]),
        row("defaultMode 0400", show("a"), ["400 one"], defaultMode=0o400),
        row("is readable by uid 1000", show("a"), ["644 one"], spec=USER),
        row("fsGroup reads 0440", show("a"), ["440 one"], spec=GROUP, defaultMode=0o440),
        row("items go to chosen paths", show("deep/er") + "; ls /v", ["644 one", "deep"], items=[ITEM]),
        row("item has a mode of its own", show("deep/er"), ["400 one"], items=[ITEM | {"mode": 0o400}]),
        row("mapped is readable by uid 1000", show("deep/er"), ["644 one"], items=[ITEM], spec=USER),
        row("binary data is exact", "od -An -tx1 /v/bin | tr -d ' '", ["00ff10fe"]),
        row("optional one that is absent is empty", "ls /v | wc -l", ["0"], absent=True, optional=True),
    ]


def _config_map(**fields: Any) -> dict[str, Any]:
    return {"configMap": {"name": _name("data", fields), **fields}}


def _secret(**fields: Any) -> dict[str, Any]:
    return {"secret": {"secretName": _name("hidden", fields), **fields}}


def _projected_config_map(**fields: Any) -> dict[str, Any]:
    return projected("configMap", name=_name("data", fields), **fields)


def _projected_secret(**fields: Any) -> dict[str, Any]:
    return projected("secret", name=_name("hidden", fields), **fields)


def _name(name: str, fields: dict[str, Any]) -> str:
    return "absent" if fields.pop("absent", False) else name


def downward(kind: str, wrap: Any) -> list[Row]:
    """The rows of downward API volumes; ``wrap(items, **fields)`` makes one."""

    def row(about: str, says: list[str], *items: dict[str, Any], limits: bool = True, **fields: Any) -> Row:
        resources = {"requests": {"cpu": "100m", "memory": "8Mi"}}
        if limits:
            resources["limits"] = {"cpu": "250m", "memory": "64Mi"}
        return Row(
            about=f"{kind} {about}",
            script=show("f"),
            says=says,
            mounts=MOUNT,
            container={"resources": resources},
            spec={"volumes": [{"name": "v", **wrap([{"path": "f", **item} for item in items], **fields)}]},
        )

    def of(name: str, divisor: str) -> dict[str, Any]:
        return {"resourceFieldRef": {"resource": name, "containerName": "main", "divisor": divisor}}

    name = {"fieldRef": {"fieldPath": "metadata.name"}}
    own = f"{kind} pod s name".lower().replace(" ", "-")
    cpus = os.cpu_count() or 1
    return [
        row("cpu limit", ["644 250"], of("limits.cpu", "1m")),
        row("cpu request", ["644 100"], of("requests.cpu", "1m")),
        row("memory limit", ["644 64"], of("limits.memory", "1Mi")),
        row("memory request", ["644 8"], of("requests.memory", "1Mi")),
        row(
            "cpu without a limit is what the node offers",
            [f"644 {cpus}"],
            of("limits.cpu", "1"),
            limits=False,
        ),
        row("pod s name", [f"644 {own}"], name),
        row(
            "defaultMode 0400 of name",
            [f"400 {own.replace('pod-s-name', 'defaultmode-0400-of-name')}"],
            name,
            defaultMode=0o400,
        ),
        row(
            "item mode 0400 of name",
            [f"400 {own.replace('pod-s-name', 'item-mode-0400-of-name')}"],
            name | {"mode": 0o400},
        ),
    ]


def _downward(items: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return {"downwardAPI": {"items": items, **fields}}


def _projected_downward(items: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return projected("downwardAPI", items=items, **fields)


def empty_dirs() -> list[Row]:
    rows = []
    for medium in ("", "Memory"):
        for user in (0, 1000):
            for mode in ("644", "666", "777"):
                script = f"echo hi > /v/f && chmod {mode} /v/f && echo $(stat -c '%a %u' /v/f) $(cat /v/f)"
                rows.append(
                    Row(
                        about=f"emptyDir {medium or 'disk'} user {user} file of mode {mode}",
                        script=script,
                        says=[f"{mode} {user} hi"],
                        mounts=MOUNT,
                        spec={
                            "volumes": [{"name": "v", "emptyDir": {"medium": medium}}],
                            "securityContext": {"runAsUser": user},
                        },
                    )
                )
        kind = "tmpfs" if medium else ""
        look = "stat -c %a /v; grep -c '^tmpfs /v tmpfs' /proc/mounts"
        rows.append(
            Row(
                about=f"emptyDir {medium or 'disk'} folder has mode 0777",
                script=f"{look}; true",
                says=["777", "1" if kind else "0"],
                mounts=MOUNT,
                spec={"volumes": [{"name": "v", "emptyDir": {"medium": medium}}]},
            )
        )
    return rows


def tokens() -> list[Row]:
    """Who may read a service account's token."""

    def row(about: str, says: str, **context: Any) -> Row:
        return Row(
            about=f"token {about}",
            script="stat -Lc '%a %u %g' /v/token",
            says=[says],
            mounts=MOUNT,
            spec={
                "volumes": [{"name": "v", **projected("serviceAccountToken", path="token")}],
                "securityContext": context,
            },
        )

    return [
        row("of nobody in particular is for all", "644 0 0"),
        row("of one user is his alone", "600 1000 0", runAsUser=1000),
        row("of a group is the group's too", "640 0 1001", fsGroup=1001),
        row("of user and group", "640 1000 1001", runAsUser=1000, fsGroup=1001),
    ]


def memory() -> list[Row]:
    """How large a tmpfs is: what fits in, and what does not."""

    def row(about: str, limit: str | None, resources: dict[str, Any]) -> Row:
        source = {"medium": "Memory", **({"sizeLimit": limit} if limit else {})}
        fill = "dd if=/dev/zero of=/v/f bs=64k count=17 2>&1 | grep -o 'No space left on device'"
        return Row(
            about=f"memory volume {about}",
            script=f"df -k /v | tail -1 | awk '{{print $2}}'; {fill}; stat -c %s /v/f",
            says=["1024", "No space left on device", "1048576"],
            mounts=MOUNT,
            container={"resources": resources},
            spec={"volumes": [{"name": "v", "emptyDir": source}]},
        )

    wide = {"limits": {"memory": "32Mi"}}
    return [
        row("ends at its limit", "1Mi", {}),
        row("ends at its limit before the pod's", "1Mi", wide),
    ]


HOST_PATHS = [
    Row(
        about=f"hostPath {kind or 'of no type'}",
        script=script,
        says=[says],
        mounts=MOUNT,
        spec={"volumes": [{"name": "v", "hostPath": {"path": path, "type": kind}}]},
    )
    for kind, path, script, says in (
        ("File", "/etc/hostname", "test -f /v && echo file", "file"),
        ("Directory", "/etc", "test -d /v && echo folder", "folder"),
        ("CharDevice", "/dev/null", "test -c /v && echo device", "device"),
        ("", "/dev/null", "test -c /v && echo device", "device"),
    )
]

SUBPATHS = [
    Row(
        about=f"subPath of {kind}",
        script=told("/etc/motd.txt", "/bin/whoami.txt"),
        says=[text, text],
        mounts=[
            {"name": "v", "mountPath": "/etc/motd.txt", "subPath": "f"},
            {"name": "v", "mountPath": "/bin/whoami.txt", "subPath": "f"},
        ],
        spec={"volumes": [{"name": "v", **volume}]},
    )
    for kind, text, volume in (
        ("configMap", "one", _config_map(items=[{"key": "a", "path": "f"}])),
        ("secret", "one", _secret(items=[{"key": "a", "path": "f"}])),
        ("projected", "one", _projected_config_map(items=[{"key": "a", "path": "f"}])),
        (
            "downwardAPI",
            "default",
            _downward([{"path": "f", "fieldRef": {"fieldPath": "metadata.namespace"}}]),
        ),
    )
]

COMBINED = [
    Row(
        about="one object as two volumes of a pod",
        script=told("/v/a", "/w/a"),
        says=["one", "one"],
        mounts=[*MOUNT, {"name": "w", "mountPath": "/w"}],
        spec={"volumes": [{"name": "v", **_config_map()}, {"name": "w", **_config_map()}]},
    ),
    Row(
        about="secret and configMap volumes coexist",
        script=told("/v/b", "/w/b"),
        says=["two", "two"],
        mounts=[*MOUNT, {"name": "w", "mountPath": "/w"}],
        spec={"volumes": [{"name": "v", **_config_map()}, {"name": "w", **_secret()}]},
    ),
    Row(
        about="projected volume of all three",
        script=told("/v/c", "/v/s", "/v/d"),
        says=["one", "two", "default"],
        mounts=MOUNT,
        spec={
            "volumes": [
                {
                    "name": "v",
                    "projected": {
                        "sources": [
                            {"configMap": {"name": "data", "items": [{"key": "a", "path": "c"}]}},
                            {"secret": {"name": "hidden", "items": [{"key": "b", "path": "s"}]}},
                            {
                                "downwardAPI": {
                                    "items": [{"path": "d", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                                }
                            },
                        ]
                    },
                }
            ]
        },
    ),
    Row(
        about="two containers share an emptyDir",
        containers=[
            {
                "name": "main",
                "image": "busybox",
                "volumeMounts": MOUNT,
                "command": ["sh", "-c", "until [ -s /v/f ]; do sleep 0.05; done; cat /v/f"],
            },
            {
                "name": "other",
                "image": "busybox",
                "volumeMounts": MOUNT,
                "command": ["sh", "-c", "echo hello from the other > /v/g; mv /v/g /v/f"],
            },
        ],
        says=["hello from the other"],
        spec={"volumes": [{"name": "v", "emptyDir": {}}]},
    ),
    Row(
        about="subPathExpr expands variables",
        script="echo kept > /v/f; cat /w/pod-x/f",
        says=["kept"],
        mounts=[
            {"name": "v", "mountPath": "/v", "subPathExpr": "$(PLACE)"},
            {"name": "v", "mountPath": "/w"},
        ],
        container={"env": [{"name": "X", "value": "x"}, {"name": "PLACE", "value": "pod-$(X)"}]},
        spec={"volumes": [{"name": "v", "emptyDir": {}}]},
    ),
]

ROWS = [
    *keyed("configMap", _config_map),
    *keyed("secret", _secret),
    *keyed("projected configMap", _projected_config_map),
    *keyed("projected secret", _projected_secret),
    *downward("downwardAPI", _downward),
    *downward("projected downwardAPI", _projected_downward),
    *empty_dirs(),
    *tokens(),
    *memory(),
    *HOST_PATHS,
    *SUBPATHS,
    *COMBINED,
]


async def prepare(world: RealWorld) -> None:
    encoded = {
        "a": base64.b64encode(b"one").decode(),
        "b": base64.b64encode(b"two").decode(),
        "bin": base64.b64encode(b"\x00\xff\x10\xfe").decode(),
    }
    bits = {"bin": encoded["bin"]}
    await world.make(core_v1.ConfigMap, "data", data={"a": "one", "b": "two"}, binaryData=bits)
    await world.make(core_v1.Secret, "hidden", data=encoded)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> dict[str, Outcome]:
    return play(ROWS, folder=tmp_path_factory.mktemp("rows"), images=image_folder, prepare=prepare)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_row(row: Row, outcomes: dict[str, Outcome]):
    judge(row, outcomes)
