"""RuntimeClasses through the API, and what they do to the Pods that name them when those are created."""

import pytest

CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
PODS = "/api/v1/namespaces/default/pods"


def runtime_class(name="vm", handler="vm", **fields):
    return {"metadata": {"name": name}, "handler": handler, **fields}


async def test_every_verb_works_on_runtime_classes(api):
    """Conformance, node/runtimeclass.go: all verbs, deletecollection, discovery."""
    versions = (await api.get("/apis/node.k8s.io")).json["versions"]
    assert "v1" in [one["version"] for one in versions]
    served = {one["name"]: one for one in (await api.get("/apis/node.k8s.io/v1")).json["resources"]}
    assert not served["runtimeclasses"]["namespaced"]
    watch = await api.watch(CLASSES)
    for name in ("a", "b", "c"):
        await api.make(CLASSES, runtime_class(name) | {"metadata": {"name": name, "labels": {"t": "x"}}})
    assert (await api.get(f"{CLASSES}/a")).json["handler"] == "vm"
    listed = (await api.get(CLASSES, labelSelector="t=x")).json["items"]
    assert [one["metadata"]["name"] for one in listed] == ["a", "b", "c"]
    patched = await api.patch(f"{CLASSES}/a", {"metadata": {"annotations": {"patched": "true"}}})
    updated = patched.json
    updated["metadata"]["annotations"]["updated"] = "true"
    assert (await api.put(f"{CLASSES}/a", updated)).json["metadata"]["annotations"] == {
        "patched": "true",
        "updated": "true",
    }
    assert (await api.delete(f"{CLASSES}/a")).status == 200
    assert (await api.delete(CLASSES, labelSelector="t=x")).status == 200
    assert (await api.get(CLASSES)).json["items"] == []
    seen = await watch.names(8)
    assert seen[:5] == ["ADDED a", "ADDED b", "ADDED c", "MODIFIED a", "MODIFIED a"]
    assert sorted(seen[5:]) == ["DELETED a", "DELETED b", "DELETED c"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"handler": "Not_A_Label"},
            'handler: Invalid value: "Not_A_Label": a lowercase RFC 1123 label must consist of lower case',
        ),
        (
            {"overhead": {"podFixed": {"cpu": "-1"}}},
            'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        (
            {"scheduling": {"nodeSelector": {"a": "not valid"}}},
            'scheduling.nodeSelector: Invalid value: "not valid": a valid label must be an empty string or consist of',
        ),
        (
            {"scheduling": {"tolerations": [{"key": "a", "operator": "Maybe"}]}},
            'scheduling.tolerations[0].operator: Unsupported value: "Maybe"',
        ),
    ],
)
async def test_classes_that_make_no_sense_are_refused_in_upstreams_words(api, fields, fault):
    refused = await api.post(CLASSES, runtime_class(**fields))
    assert refused.status == 422
    assert fault in refused.message


async def test_the_handler_never_changes(api):
    await api.make(CLASSES, runtime_class())
    refused = await api.patch(f"{CLASSES}/vm", {"handler": "other"})
    assert refused.message.endswith('handler: Invalid value: "other": field is immutable')


async def test_a_pod_whose_class_was_deleted_or_never_was_is_refused(api, pod):
    await api.make(CLASSES, runtime_class())
    await api.make(PODS, pod(runtimeClassName="vm"))
    await api.delete(f"{CLASSES}/vm")
    for name in ("vm", "never"):
        refused = await api.post(PODS, pod(runtimeClassName=name) | {"metadata": {"name": "late"}})
        assert refused.status == 403
        assert refused.message == f'pods "late" is forbidden: pod rejected: RuntimeClass "{name}" not found'


async def test_overhead_is_the_classs_and_nobody_elses(api, pod):
    fixed = {"cpu": "10m", "memory": "64Mi"}
    await api.make(CLASSES, runtime_class(overhead={"podFixed": fixed}))
    await api.make(CLASSES, runtime_class("plain"))
    made = await api.make(PODS, pod(runtimeClassName="vm"))
    assert made["spec"]["overhead"] == fixed
    without = await api.post(PODS, pod(overhead=fixed) | {"metadata": {"name": "b"}})
    assert without.message.endswith(
        "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
    )
    other = await api.post(
        PODS, pod(runtimeClassName="vm", overhead={"cpu": "1"}) | {"metadata": {"name": "c"}}
    )
    assert other.message.endswith(
        "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    )
    plain = await api.make(PODS, pod(runtimeClassName="plain") | {"metadata": {"name": "d"}})
    assert "overhead" not in plain["spec"]


async def test_scheduling_rules_are_merged_into_the_pod(api, pod):
    toleration = {"key": "vm", "operator": "Exists", "effect": "NoSchedule"}
    rules = {"nodeSelector": {"disk": "ssd"}, "tolerations": [toleration]}
    await api.make(CLASSES, runtime_class(scheduling=rules))
    own = {"key": "own", "operator": "Exists"}
    spec = (await api.make(PODS, pod(runtimeClassName="vm", nodeSelector={"zone": "a"}, tolerations=[own])))[
        "spec"
    ]
    assert spec["nodeSelector"] == {"zone": "a", "disk": "ssd"}
    assert spec["tolerations"][0] == own
    assert toleration in spec["tolerations"]
    torn = pod(runtimeClassName="vm", nodeSelector={"disk": "hdd"}) | {"metadata": {"name": "b"}}
    refused = await api.post(PODS, torn)
    assert refused.message.endswith(
        "pod rejected: conflict: runtimeClass.scheduling.nodeSelector[disk] = ssd; pod.spec.nodeSelector[disk] = hdd"
    )
