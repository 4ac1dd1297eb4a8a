"""One installation, thirteen releases: what each level of Kubernetes serves, knows, honours and fills in.

Source: the API references of v1.25 ... v1.37, the deprecated API migration guide, and the reference "Feature Gates".
"""

import json

import pytest
from kubectl_world import kubectl_of

from podling.api.levels import NEWEST, OLDEST
from podling.testing.virtualtime import virtual

LEVELS = range(OLDEST, NEWEST + 1)
CONFIGS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
SINCE = {
    "flowcontrol.apiserver.k8s.io/v1": 29,
    "admissionregistration.k8s.io/v1 validatingadmissionpolicies": 30,
    "networking.k8s.io/v1 servicecidrs": 33,
    "v1 pods/resize": 33,
    "resource.k8s.io/v1": 34,
    "storage.k8s.io/v1 volumeattributesclasses": 34,
    "authentication.k8s.io/v1 selfsubjectreviews": 28,
}
"""What came with which release."""


def pod(**spec):
    container = {"name": "main", "image": "busybox", **spec.pop("container", {})}
    return {"metadata": {"generateName": "p-"}, "spec": {"containers": [container], **spec}}


def job(**spec):
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}}
    return {"metadata": {"generateName": "j-"}, "spec": {"template": template, **spec}}


async def served(api):
    """Everything that discovery tells: groups with versions, and resources in them."""
    found = set()
    documents = [("v1", "/api/v1")]
    for group in (await api.get("/apis")).json["groups"]:
        for version in group["versions"]:
            documents.append((version["groupVersion"], f"/apis/{version['groupVersion']}"))
    for name, path in documents:
        found.add(name)
        found |= {f"{name} {each['name']}" for each in (await api.get(path)).json["resources"]}
    return found


@virtual
@pytest.mark.parametrize("minor", LEVELS)
async def test_a_client_tours_every_level(world, minor):
    async with world(minor=minor) as api:
        version = (await api.get("/version")).json
        assert (version["minor"], version["gitVersion"]) == (str(minor), f"v1.{minor}.0")
        found = await served(api)
        assert {name for name in SINCE if name in found} == {
            name for name, since in SINCE.items() if minor >= since
        }
        schemas = (await api.get("/openapi/v3/api/v1")).json["components"]["schemas"]
        assert ("schedulingGates" in schemas["io.k8s.api.core.v1.PodSpec"]["properties"]) == (minor >= 26)

        watch = await api.watch(CONFIGS)
        await api.make(CONFIGS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
        await api.patch(f"{CONFIGS}/a", {"data": {"x": "2"}})
        applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"y": "3"}}
        how = {"fieldManager": "me", "content_type": "application/apply-patch+yaml"}
        assert (await api.call("PATCH", f"{CONFIGS}/a", applied, **how)).json["data"] == {"x": "2", "y": "3"}
        await api.delete(f"{CONFIGS}/a")
        types = [(await watch.next())[0] for _ in range(4)]
        assert types == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]


@virtual
@pytest.mark.parametrize("minor", LEVELS)
async def test_fields_are_unknown_dropped_or_kept_by_the_level(world, minor):
    """schedulingGates came with 1.26 and were on from 1.27; restartPolicy of containers with 1.28 and 1.29."""
    async with world(minor=minor) as api:
        gated = pod(schedulingGates=[{"name": "wait"}])
        strict = await api.post(PODS, gated, fieldValidation="Strict")
        if minor < 26:
            assert strict.status == 400
            assert 'unknown field "spec.schedulingGates"' in strict.message
            warned = await api.post(PODS, gated)
            assert "spec.schedulingGates" in warned.headers["Warning"]
            assert "schedulingGates" not in warned.json["spec"]
        else:
            assert strict.status == 201
            assert ("schedulingGates" in strict.json["spec"]) == (minor >= 27)
        made = await api.post(
            PODS, pod(initContainers=[{"name": "i", "image": "b", "restartPolicy": "Always"}])
        )
        assert ("restartPolicy" in made.json["spec"]["initContainers"][0]) == (minor >= 29)
        quick = await api.post(JOBS, job(podReplacementPolicy="Failed"))
        assert quick.json["spec"].get("podReplacementPolicy") == ("Failed" if minor >= 29 else None)


@virtual
@pytest.mark.parametrize("minor", LEVELS)
async def test_defaults_are_those_of_the_level(world, minor):
    async with world(minor=minor) as api:
        made = (await api.post(JOBS, job())).json["spec"]
        assert ("podReplacementPolicy" in made) == (minor >= 29)
        assert made["completionMode"] == "NonIndexed"
        sets = "/apis/apps/v1/namespaces/default/statefulsets"
        labels = {"app": "a"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "m", "image": "b"}]}}
        spec = {"serviceName": "a", "selector": {"matchLabels": labels}, "template": template}
        made = (await api.post(sets, {"metadata": {"name": "a"}, "spec": spec})).json["spec"]
        assert ("persistentVolumeClaimRetentionPolicy" in made) == (minor >= 27)


@virtual
async def test_a_level_that_is_not_known_is_refused(world):
    with pytest.raises(ValueError, match=r"cannot serve Kubernetes 1\.24: known are 1\.25 to 1\.37"):
        async with world(minor=24):
            pass


@pytest.fixture
def settings(request):
    """Those of the server behind `kubectl`."""
    return {"minor": request.getfixturevalue("minor")}


@pytest.mark.parametrize("minor", range(27, 34))
async def test_kubectl_meets_a_server_of_its_own_release(kubectl, minor):
    kubectl.program = kubectl_of(minor)
    said = json.loads(await kubectl("version", "-o", "json"))
    assert said["serverVersion"]["minor"] == str(minor)
    assert "version difference" not in await kubectl("version")
    assert "pods" in await kubectl("api-resources")
    assert "created" in await kubectl("create", "configmap", "a", "--from-literal=x=y")
    assert "schedulingGates" in await kubectl("explain", "pod.spec.schedulingGates")
    assert "deleted" in await kubectl("delete", "configmap", "a")


@virtual
async def test_defaults_of_later_releases_are_nobodys_fields(world):
    async with world(minor=25) as api:
        made = await api.make(JOBS, job())
        (entry,) = made["metadata"]["managedFields"]
        assert "f:podReplacementPolicy" not in entry["fieldsV1"]["f:spec"]
        url = f"{JOBS}/{made['metadata']['name']}"
        again = await api.put(url, made, fieldValidation="Strict")
        assert (again.status, again.json) == (200, made), again.text


@virtual
async def test_an_older_version_shows_no_field_that_its_release_does_not_know(world):
    """The status of taint rules came with 1.35; what is stored has it."""
    rules = "/apis/resource.k8s.io/v1alpha3/devicetaintrules"
    taint = {"key": "a.io/b", "effect": "NoSchedule"}
    body = {"metadata": {"name": "a"}, "spec": {"deviceSelector": {"driver": "d.io"}, "taint": taint}}
    async with world(minor=34, runtime_config={"api/all": "true"}) as api:
        made = await api.make(rules, body)
        assert "status" not in made
        again = await api.put(f"{rules}/a", made, fieldValidation="Strict")
        assert (again.status, again.json) == (200, made), again.text
