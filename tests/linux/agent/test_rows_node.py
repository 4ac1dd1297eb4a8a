"""Rows of sig-node on real containers: commands, variables, init containers, last words, users and rights."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from real_world import RealWorld
from rows import Outcome, Row, judge, play

from podling.api.types import core_v1


def sh(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script], **fields}


def env(**variables: Any) -> dict[str, Any]:
    """Strings are values; all else is a ``valueFrom``."""
    made = [
        {"name": name, "value": value} if isinstance(value, str) else {"name": name, "valueFrom": value}
        for name, value in variables.items()
    ]
    return {"env": made}


def of(path: str) -> dict[str, Any]:
    return {"fieldRef": {"fieldPath": path}}


def amount(name: str, divisor: str = "1") -> dict[str, Any]:
    return {"resourceFieldRef": {"resource": name, "divisor": divisor}}


LIMITS = {
    "resources": {
        "requests": {"cpu": "100m", "memory": "8Mi"},
        "limits": {"cpu": "250m", "memory": "64Mi"},
    }
}
AT_V = {"name": "v", "mountPath": "/v"}
VARIABLES = [
    Row(
        about="env values expand earlier variables",
        script='echo "$FOO $BOTH $LATER"',
        says=["foo foo;;bar $(NEXT)"],
        container=env(FOO="foo", BAR="bar", BOTH="$(FOO);;$(BAR)", LATER="$(NEXT)", NEXT="next"),
    ),
    Row(
        about="command expands variables",
        containers=[
            {"name": "main", "image": "busybox", "command": ["echo", "$(A) $$(A) $(NONE)"], **env(A="a")}
        ],
        says=["a $(A) $(NONE)"],
    ),
    Row(
        about="args expand variables",
        containers=[
            {"name": "main", "image": "busybox", "command": ["echo"], "args": ["$(A)"], **env(A="value")}
        ],
        says=["value"],
    ),
    Row(
        about="image s command is replaced by args alone",
        containers=[{"name": "main", "image": "busybox", "args": ["echo", "from args"]}],
        says=["from args"],
    ),
    Row(
        about="command drops the image s arguments",
        containers=[{"name": "main", "image": "busybox", "command": ["echo"]}],
        says=[""],
    ),
    Row(
        about="one variable of a configMap and one of a secret",
        script='echo "$A $B"',
        says=["one two"],
        container=env(
            A={"configMapKeyRef": {"name": "data", "key": "a"}},
            B={"secretKeyRef": {"name": "hidden", "key": "b"}},
        ),
    ),
    Row(
        about="envFrom takes all keys",
        script='echo "$a $b"; env | grep "^p_" | sort',
        says=["one two", "p_a=one", "p_b=two"],
        container={
            "envFrom": [
                {"configMapRef": {"name": "data"}},
                {"secretRef": {"name": "hidden"}, "prefix": "p_"},
            ]
        },
    ),
    Row(
        about="envFrom prefix of any printable character",
        says=["2"],
        container={
            "command": ["grep", "-zcE", "^7#[$]%(a=one|b=two)$", "/proc/self/environ"],
            "envFrom": [{"configMapRef": {"name": "data"}, "prefix": "7#$%"}],
        },
    ),
    Row(
        about="optional references that are absent",
        script='echo "[$A]"',
        says=["[]"],
        container=env(A={"configMapKeyRef": {"name": "absent", "key": "a", "optional": True}})
        | {"envFrom": [{"secretRef": {"name": "absent", "optional": True}}]},
    ),
    Row(
        about="own requests and limits as variables",
        script='echo "$A $B $C $D"',
        says=["1 100 64 8"],
        container=LIMITS
        | env(
            A=amount("limits.cpu"),
            B=amount("requests.cpu", "1m"),
            C=amount("limits.memory", "1Mi"),
            D=amount("requests.memory", "1Mi"),
        ),
    ),
    Row(
        about="unset cpu limit is what the node offers",
        script='echo "$A"',
        says=[str(os.cpu_count())],
        container=env(A=amount("limits.cpu")),
    ),
    Row(
        about="name namespace and account",
        script='echo "$A $B $C"',
        says=["name-namespace-and-account default default"],
        container=env(A=of("metadata.name"), B=of("metadata.namespace"), C=of("spec.serviceAccountName")),
    ),
    Row(
        about="addresses of pod and host",
        script='[ "$A" = "$(hostname -i)" ] && [ "$A" = "$B" ] && [ -n "$C" ] && [ "$C" = "$D" ] && echo good',
        says=["good"],
        container=env(
            A=of("status.podIP"), B=of("status.podIPs"), C=of("status.hostIP"), D=of("status.hostIPs")
        ),
    ),
    Row(
        about="variables of a service that was there before",
        script="env | grep -c '^FOO_SERVICE_SERVICE_PORT=8765$'; env | grep ^FOO_SERVICE_PORT_8765_TCP_PORT",
        says=["1", "FOO_SERVICE_PORT_8765_TCP_PORT=8765"],
    ),
    Row(
        about="no variables of services where they are not wanted",
        script="env | grep ^FOO_SERVICE || echo none",
        says=["none"],
        spec={"enableServiceLinks": False},
    ),
]

INITS = [
    Row(
        about="init containers run in order before the others",
        script="cat /v/order",
        says=["first", "second"],
        mounts=[{"name": "v", "mountPath": "/v"}],
        spec={
            "volumes": [{"name": "v", "emptyDir": {}}],
            "initContainers": [
                sh(name, f"echo {name} >> /v/order", volumeMounts=[{"name": "v", "mountPath": "/v"}])
                for name in ("first", "second")
            ],
        },
    ),
    Row(
        about="failing init container fails a pod that never restarts",
        script="echo never",
        says=[],
        phase="Failed",
        spec={"initContainers": [sh("good", "true"), sh("bad", "exit 1"), sh("late", "true")]},
    ),
    Row(
        about="sidecar does not keep a finished pod alive",
        script="echo done",
        says=["done"],
        spec={
            "initContainers": [sh("beside", "exec sleep 3600", restartPolicy="Always")],
            "terminationGracePeriodSeconds": 1,
        },
    ),
]

WORDS = [
    Row(
        about="last words at a path of its own by a user who is not root",
        script="echo -n DONE > /dev/last-words",
        message="DONE",
        container={
            "terminationMessagePath": "/dev/last-words",
            "securityContext": {"runAsUser": 1000},
        },
    ),
    Row(
        about="fallback to logs keeps quiet after success",
        script="echo chatter",
        message="",
        container={"terminationMessagePolicy": "FallbackToLogsOnError"},
    ),
    Row(
        about="fallback to logs prefers the file",
        script="echo chatter; echo -n OK > /dev/termination-log",
        message="OK",
        container={"terminationMessagePolicy": "FallbackToLogsOnError"},
    ),
    Row(
        about="fallback to logs after a failure",
        script="echo one; echo two; exit 1",
        phase="Failed",
        message="one\ntwo\n",
        container={"terminationMessagePolicy": "FallbackToLogsOnError"},
    ),
    Row(
        about="fallback to logs takes the last 80 lines",
        script="seq 100; exit 1",
        phase="Failed",
        message="".join(f"{number}\n" for number in range(21, 101)),
        container={"terminationMessagePolicy": "FallbackToLogsOnError"},
    ),
    Row(
        about="fallback to logs takes the last 2048 bytes",
        script="head -c 3000 /dev/zero | tr '\\0' x; echo; exit 1",
        phase="Failed",
        message="x" * 2047 + "\n",
        container={"terminationMessagePolicy": "FallbackToLogsOnError"},
    ),
    Row(
        about="last words of all containers share 12 KiB",
        containers=[
            sh(name, "head -c 4096 /dev/zero | tr '\\0' x > /dev/termination-log")
            for name in ("main", "two", "three", "four")
        ],
        message="x" * 3072,
    ),
    Row(
        about="last words are cut at 4096 bytes",
        script="head -c 5000 /dev/zero | tr '\\0' x > /dev/termination-log",
        message="x" * 4096,
    ),
]

RIGHTS = [
    Row(
        about="runAsUser 65534",
        script="id -u",
        says=["65534"],
        container={"securityContext": {"runAsUser": 65534}},
    ),
    Row(
        about="user and group of the container",
        script="id -u; id -g",
        says=["1001", "2002"],
        container={"securityContext": {"runAsUser": 1001, "runAsGroup": 2002}},
    ),
    Row(
        about="user and group of the pod",
        script="id -u; id -g; id -G",
        says=["1001", "2002", "2002 3003 4004"],
        spec={
            "securityContext": {
                "runAsUser": 1001,
                "runAsGroup": 2002,
                "supplementalGroups": [4004],
                "fsGroup": 3003,
            }
        },
    ),
    Row(
        about="read only root file system",
        script="touch /file || echo refused",
        says=["refused"],
        container={"securityContext": {"readOnlyRootFilesystem": True}},
    ),
    Row(
        about="writable root file system",
        script="touch /file && echo written",
        says=["written"],
        container={"securityContext": {"readOnlyRootFilesystem": False}},
    ),
    Row(
        about="unprivileged container makes no links",
        script="ip link add type veth || echo refused",
        says=["refused"],
        container={"securityContext": {"privileged": False}},
    ),
    Row(
        about="privileged container makes links",
        script="ip link add name one type veth peer name two && echo made",
        says=["made"],
        container={"securityContext": {"privileged": True}},
    ),
    Row(
        about="allowPrivilegeEscalation false sets no new privs",
        script="grep NoNewPrivs /proc/self/status; id -u",
        says=["NoNewPrivs:\t1", "1000"],
        container={"securityContext": {"allowPrivilegeEscalation": False, "runAsUser": 1000}},
    ),
    Row(
        about="capabilities dropped and added",
        script="grep CapEff /proc/self/status",
        says=["CapEff:\t0000000000000400"],
        container={"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}},
    ),
    Row(
        about="seccomp is on by default",
        script="grep Seccomp: /proc/self/status",
        says=["Seccomp:\t2"],
        container={"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
    ),
    Row(
        about="safe sysctl is set in the pod",
        script="cat /proc/sys/kernel/shm_rmid_forced",
        says=["1"],
        spec={"securityContext": {"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}]}},
    ),
]

LIVES = [
    Row(
        about="deadline ends a pod",
        script="exec sleep 3600",
        phase="Failed",
        reason="DeadlineExceeded",
        spec={"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 0},
    ),
    Row(
        about="failed container makes a failed pod",
        script="exit 3",
        phase="Failed",
    ),
    Row(
        about="container that fails once is restarted by OnFailure",
        script="[ -e /v/been ] && exit 0; touch /v/been; exit 1",
        mounts=[{"name": "v", "mountPath": "/v"}],
        spec={"restartPolicy": "OnFailure", "volumes": [{"name": "v", "emptyDir": {}}]},
    ),
    Row(
        about="hostAliases are in the hosts file",
        script="grep -E '192.0.2.(7|8)' /etc/hosts",
        says=["192.0.2.7\tfoo\tbar", "192.0.2.8\tbaz"],
        spec={
            "hostAliases": [
                {"ip": "192.0.2.7", "hostnames": ["foo", "bar"]},
                {"ip": "192.0.2.8", "hostnames": ["baz"]},
            ]
        },
    ),
    Row(
        about="hosts file is not managed where one is mounted",
        script="cat /etc/hosts",
        says=["mine"],
        mounts=[{"name": "v", "mountPath": "/etc/hosts", "subPath": "hosts"}],
        spec={
            "volumes": [{"name": "v", "emptyDir": {}}],
            "initContainers": [
                sh("writer", "echo mine > /v/hosts", volumeMounts=[{"name": "v", "mountPath": "/v"}])
            ],
        },
    ),
    Row(
        about="fqdn as host name",
        script="hostname; hostname -f",
        says=["me.near.default.svc.cluster.local", "me.near.default.svc.cluster.local"],
        spec={"hostname": "me", "subdomain": "near", "setHostnameAsFQDN": True},
    ),
    Row(
        about="dns as the pod says",
        script="cat /etc/resolv.conf",
        says=["search example.org", "nameserver 192.0.2.53", "options ndots:2 debug"],
        spec={
            "dnsPolicy": "None",
            "dnsConfig": {
                "nameservers": ["192.0.2.53"],
                "searches": ["example.org"],
                "options": [{"name": "ndots", "value": "2"}, {"name": "debug"}],
            },
        },
    ),
    Row(
        about="postStart runs before the container counts as running",
        script="until [ -e /v/hooked ]; do sleep 0.05; done; cat /v/hooked",
        says=["by the hook"],
        mounts=[{"name": "v", "mountPath": "/v"}],
        container={
            "lifecycle": {
                "postStart": {"exec": {"command": ["sh", "-c", "echo by the hook > /v/h; mv /v/h /v/hooked"]}}
            }
        },
        spec={"volumes": [{"name": "v", "emptyDir": {}}]},
    ),
    Row(
        about="processes are shared where asked",
        containers=[
            sh("main", "until ps | grep -q '[s]leep 3601$'; do sleep 0.05; done; echo seen; killall sleep"),
            sh("other", "sleep 3601; true"),
        ],
        says=["seen"],
        spec={"shareProcessNamespace": True, "terminationGracePeriodSeconds": 0},
    ),
]


def ended_by(
    script: str, *, signal: str = "TERM", names: Sequence[str] = ("main",), **fields: Any
) -> dict[str, Any]:
    """The parts of a row whose `main` is a sidecar: it does ``script`` at ``signal``, when the Pod's work is done.

    Further sidecars of these ``names`` follow it, which write their names into /v/order.
    """

    def waits(name: str, script: str) -> str:
        return f"trap '{script}; exit 0' {signal}; touch /v/up-{name}; while true; do sleep 0.1; done"

    def beside(name: str, script: str, **more: Any) -> dict[str, Any]:
        return sh(name, waits(name, script), volumeMounts=[AT_V], restartPolicy="Always", **more)

    others = [beside(name, f"echo {name} >> /v/order") for name in names[1:]]
    ready = " && ".join(f"[ -e /v/up-{name} ]" for name in names)
    work = f"until {ready}; do sleep 0.05; done; echo work >> /v/order"
    return {
        "containers": [sh("work", work, volumeMounts=[AT_V])],
        "spec": {
            "volumes": [{"name": "v", "emptyDir": {}}],
            "os": {"name": "linux"},
            "initContainers": [beside("main", script, **fields), *others],
        },
    }


ENDS = [
    Row(
        about="stop signal of the container",
        says=["usr1"],
        **ended_by("echo usr1", signal="USR1", lifecycle={"stopSignal": "SIGUSR1"}),
    ),
    Row(
        about="preStop comes before the signal",
        says=["hook", "term"],
        **ended_by(
            "echo term",
            lifecycle={"preStop": {"exec": {"command": ["sh", "-c", "echo hook > /proc/1/fd/1"]}}},
        ),
    ),
    Row(
        about="sidecars end after the others and in reverse order",
        says=["work", "third", "second"],
        **ended_by("cat /v/order", names=("main", "second", "third")),
    ),
]

HOST = [
    Row(
        about="host s processes where asked",
        script="readlink /proc/self/ns/pid",
        says=[os.readlink("/proc/self/ns/pid")],
        spec={"hostPID": True},
    ),
    Row(
        about="host s ipc where asked",
        script="readlink /proc/self/ns/ipc",
        says=[os.readlink("/proc/self/ns/ipc")],
        spec={"hostIPC": True},
    ),
    Row(
        about="own namespaces where not asked",
        script='for n in pid ipc uts net; do readlink /proc/self/ns/$n; done | grep -vxF "$HOSTS" | wc -l',
        says=["4"],
        container=env(
            HOSTS="\n".join(os.readlink(f"/proc/self/ns/{n}") for n in ("pid", "ipc", "uts", "net"))
        ),
    ),
    Row(
        about="host s network where asked",
        script='[ "$A" = "$B" ] && [ -n "$A" ] && head -n 1 /etc/hosts',
        says=["# Kubernetes-managed hosts file (host network)."],
        container=env(A=of("status.podIP"), B=of("status.hostIP")),
        spec={"hostNetwork": True},
    ),
    Row(
        about="host name of its own choice",
        script='hostname; echo "$HOSTNAME"; grep -c "[[:space:]]over.example.org$" /etc/hosts',
        says=["over.example.org", "over.example.org", "1"],
        spec={"hostnameOverride": "over.example.org", "hostname": "other", "subdomain": "near"},
    ),
]

ROWS = [*VARIABLES, *INITS, *WORDS, *RIGHTS, *LIVES, *ENDS, *HOST]


async def prepare(world: RealWorld) -> None:
    await world.make(core_v1.ConfigMap, "data", data={"a": "one", "b": "two"})
    secret = {key: base64.b64encode(text).decode() for key, text in (("a", b"one"), ("b", b"two"))}
    await world.make(core_v1.Secret, "hidden", data=secret)
    port = {"port": 8765, "targetPort": 8080}
    await world.make(core_v1.Service, "foo-service", spec={"ports": [port]})


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> dict[str, Outcome]:
    return play(ROWS, folder=tmp_path_factory.mktemp("rows"), images=image_folder, prepare=prepare)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.about)
def test_row(row: Row, outcomes: dict[str, Outcome]):
    judge(row, outcomes)
