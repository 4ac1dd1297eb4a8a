"""Claims and volumes on real containers, with the real kubectl: what is kept, what goes, what grows, and raw blocks.

Rows: sig-storage, what they say of PersistentVolumes, claims and classes beyond the API; sig-apps, StatefulSets that keep their data.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kubectl, pytest.mark.linux]

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 8Mi}}MORE}
---
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  terminationGracePeriodSeconds: 0
  restartPolicy: Never
  securityContext: {CONTEXT}
  containers:
  - name: main
    image: busybox
    command: [sh, -c, SCRIPT]
    MOUNTS
  volumes:
  - name: data
    SOURCE
---
"""
MOUNTED = "volumeMounts: [{name: data, mountPath: /data}]"
DEVICE = "volumeDevices: [{name: data, devicePath: /dev/raw}]"


def claim(name, **more):
    return CLAIM.replace("NAME", name).replace("MORE", "".join(f", {key}: {more[key]}" for key in more))


def pod(name, script, *, claim="", use=MOUNTED, source="", context=""):
    source = source or f"persistentVolumeClaim: {{claimName: {claim or name}}}"
    filled = {"NAME": name, "SCRIPT": json.dumps(script), "MOUNTS": use, "SOURCE": source, "CONTEXT": context}
    made = POD
    for word, text in filled.items():
        made = made.replace(word, text)
    return made


class User:
    """What a user does with files of manifests, and looks at afterwards."""

    def __init__(self, kubectl):
        self.kubectl = kubectl

    def apply(self, *manifests):
        self.kubectl("apply", "-f", "-", input="".join(manifests))

    def done(self, *pods):
        """The Pods have ended well; what they said."""
        for name in pods:
            self.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=60s")
        return [self.kubectl("logs", name).strip() for name in pods]

    def get(self, *what, path):
        return self.kubectl("get", *what, "-o", f"jsonpath={path}")

    def place(self, claim):
        """The volume of a claim, and where it lies."""
        name = self.get("pvc", claim, path="{.spec.volumeName}")
        return name, Path(self.get("pv", name, path="{.spec.local.path}"))

    def remove(self, *what):
        self.kubectl("delete", *what, "--ignore-not-found", "--wait", "--timeout=60s")


@pytest.fixture
def user(kubectl):
    made = User(kubectl)
    yield made
    made.remove("statefulset,pod,pvc", "--all")
    made.remove("pv", "--all")


def test_data_outlives_pods_and_goes_with_its_claim(user):
    user.apply(
        claim("kept"),
        claim("shared"),
        claim("raw", volumeMode="Block"),
        pod("kept", "echo precious > /data/file"),
        pod(
            "shared",
            "id -u; touch /data/mine; stat -c %g /data/mine",
            context="runAsUser: 1000, fsGroup: 2000",
        ),
        pod("raw", "echo precious > /dev/raw; stat -c %F /dev/raw", use=DEVICE),
    )
    said = user.done("kept", "shared", "raw")
    assert said == ["", "1000\n2000", "block special file"]
    user.remove("pod", "kept", "raw", "shared")
    user.apply(
        pod("again", "cat /data/file", claim="kept"),
        pod("raw-again", "head -n 1 /dev/raw; blockdev --getsize64 /dev/raw", claim="raw", use=DEVICE),
    )
    assert user.done("again", "raw-again") == ["precious", f"precious\n{8 << 20}"]
    places = [user.place(name) for name in ("kept", "shared", "raw")]
    assert all(path.exists() for _, path in places)
    user.remove("pod,pvc", "--all")
    for name, path in places:
        user.kubectl("wait", "--for=delete", f"pv/{name}", "--timeout=60s")
        assert not path.exists()
    backing = [file.read_text() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
    assert not any(str(places[2][1]) in text for text in backing)


def test_volumes_grow_under_their_users(user):
    script = "while [ ! -e /data/over ]; do sleep 0.1; done"
    look = "until [ $(blockdev --getsize64 /dev/raw) = 16777216 ]; do sleep 0.1; done"
    user.apply(
        claim("grows"),
        claim("raw-grows", volumeMode="Block"),
        pod("grows", script),
        pod("raw-grows", look, use=DEVICE),
    )
    user.kubectl("wait", "--for=condition=Ready", "pod/grows", "pod/raw-grows", "--timeout=60s")
    for name in ("grows", "raw-grows"):
        user.kubectl("patch", "pvc", name, "-p", '{"spec":{"resources":{"requests":{"storage":"16Mi"}}}}')
        user.kubectl("wait", "--for=jsonpath={.status.capacity.storage}=16Mi", f"pvc/{name}", "--timeout=60s")
    user.done("raw-grows")
    user.kubectl("exec", "grows", "--", "touch", "/data/over")
    user.done("grows")


RETAINING = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: retaining}
provisioner: podling.dev/local-path
reclaimPolicy: Retain
volumeBindingMode: WaitForFirstConsumer
"""


def test_what_is_in_use_or_retained_stays(user):
    user.kubectl("apply", "-f", "-", input=RETAINING)
    wait = "echo precious > /data/file; while [ ! -e /data/over ]; do sleep 0.1; done"
    user.apply(claim("held", storageClassName="retaining"), pod("held", wait))
    user.kubectl("wait", "--for=condition=Ready", "pod/held", "--timeout=60s")
    name, path = user.place("held")
    user.kubectl("delete", "pvc", "held", "--wait=false")
    assert user.get("pvc", "held", path="{.status.phase} {.metadata.finalizers}") == (
        'Bound ["kubernetes.io/pvc-protection"]'
    )
    assert "Terminating" in user.kubectl("get", "pvc", "held")
    user.kubectl("exec", "held", "--", "touch", "/data/over")
    user.done("held")
    user.remove("pod", "held")
    user.kubectl("wait", "--for=delete", "pvc/held", "--timeout=60s")
    user.kubectl("wait", "--for=jsonpath={.status.phase}=Released", f"pv/{name}", "--timeout=60s")
    assert (path / "file").read_text() == "precious\n"
    user.remove("pv", name)
    assert (path / "file").read_text() == "precious\n"
    user.remove("storageclass", "retaining")


STATIC = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME, labels: {lies: here}}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce, ReadOnlyMany]
  storageClassName: ""
  SOURCE
---
"""


def test_volumes_that_an_administrator_has_made(user, tmp_path):
    node = user.get("nodes", path="{.items[0].metadata.name}")
    for name in ("by-path", "local"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(f"{name}\n")
    affinity = (
        "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: "
        f"[{{key: kubernetes.io/hostname, operator: In, values: [{node}]}}]}}]}}}}"
    )
    user.apply(
        STATIC.replace("NAME", "by-path").replace(
            "SOURCE", f"hostPath: {{path: {tmp_path}/by-path, type: Directory}}"
        ),
        STATIC.replace("NAME", "local").replace("SOURCE", f"local: {{path: {tmp_path}/local}}\n  {affinity}"),
        STATIC.replace("NAME", "missing").replace(
            "SOURCE", f"hostPath: {{path: {tmp_path}/none, type: Directory}}"
        ),
        claim("by-path", storageClassName='""', volumeName="by-path"),
        claim("local", storageClassName='""', volumeName="local"),
        claim("missing", storageClassName='""', volumeName="missing"),
        pod("by-path", "cat /data/file; echo more > /data/more"),
        pod(
            "local",
            "cat /data/file; touch /data/no 2>&1 | grep -o Read-only",
            source="persistentVolumeClaim: {claimName: local, readOnly: true}",
        ),
        pod("missing", "true"),
    )
    by_path, local = user.done("by-path", "local")
    assert by_path == "by-path"
    assert local == "local\nRead-only"
    assert (tmp_path / "by-path" / "more").read_text() == "more\n"
    why = f"hostPath {tmp_path}/none doesn't exist"
    with user.kubectl.following("get", "events", "--watch", "--field-selector=reason=FailedMount") as screen:
        screen.wait_for(f"pod/missing .*{why}")
    (tmp_path / "none").mkdir()
    user.done("missing")


EPHEMERAL = "ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}}"


def test_an_ephemeral_volume_is_there_for_its_pod_alone(user):
    user.apply(pod("scratch", "echo x > /data/x; cat /data/x", source=EPHEMERAL))
    assert user.done("scratch") == ["x"]
    name, path = user.place("scratch-data")
    assert (path / "x").exists()
    user.remove("pod", "scratch")
    user.kubectl("wait", "--for=delete", f"pv/{name}", "--timeout=60s")
    assert not path.exists()


STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  podManagementPolicy: Parallel
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: busybox
        command: [sh, -c, "hostname >> /data/log; echo there > /ready; while :; do sleep 1; done"]
        readinessProbe: {exec: {command: [cat, /ready]}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1Mi}}}
"""


def test_a_stateful_set_keeps_the_data_of_each_of_its_pods(user):
    look = 'jsonpath={.metadata.name} {.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}'

    def log(name):
        return user.kubectl("exec", name, "--", "cat", "/data/log").split()

    def wait_ready(old):
        """Until there is a Pod db-1 that is ready and not the old one; its UID."""
        with user.kubectl.following("get", "pods", "-l", "app=db", "--watch", "-o", look) as screen:
            return screen.wait_for(rf"^db-1 (?!{old} )(\S+) True$")[1]

    user.apply(STATEFUL)
    user.kubectl("rollout", "status", "statefulset/db", "--timeout=60s")
    assert (log("db-0"), log("db-1")) == (["db-0"], ["db-1"])
    first = user.get("pod", "db-1", path="{.metadata.uid}")
    user.kubectl("delete", "pod", "db-1")
    second = wait_ready(first)
    assert log("db-1") == ["db-1", "db-1"]
    user.kubectl("scale", "statefulset/db", "--replicas=1")
    user.kubectl("wait", "--for=delete", "pod/db-1", "--timeout=60s")
    assert user.get("pvc", "data-db-1", path="{.status.phase}") == "Bound"
    user.kubectl("scale", "statefulset/db", "--replicas=2")
    wait_ready(second)
    assert log("db-1") == ["db-1"] * 3
    volumes = [f"pv/{name}" for name in user.get("pv", path="{.items[*].metadata.name}").split()]
    user.remove("statefulset", "db")
    user.kubectl("wait", "--for=delete", "pvc/data-db-0", "pvc/data-db-1", "--timeout=60s")
    user.kubectl("wait", "--for=delete", *volumes, "--timeout=60s")
