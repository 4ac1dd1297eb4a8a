"""Kinds that differ: Services, Events, autoscalers, scale, Jobs, Nodes, and what a start finds."""

from __future__ import annotations

import asyncio
import random

from podling.apiserver.config import Config
from podling.apiserver.request import UserInfo
from podling.apiserver.server import ApiServer
from podling.store.memory import MemoryStore
from podling.testing.virtualtime import virtual

SERVICES = "/api/v1/namespaces/default/services"
NODE = UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated"))


def service(name="web", **spec):
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def test_a_service_gets_an_address_of_its_own(api):
    spec = (await api.make(SERVICES, service()))["spec"]
    assert spec["clusterIP"].startswith("10.43.")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"], spec["type"]) == (
        ["IPv4"],
        "SingleStack",
        "ClusterIP",
    )
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    taken = await api.post(SERVICES, service("other", clusterIP=spec["clusterIP"]))
    assert taken.status == 422
    assert "provided IP is already allocated" in taken.message
    outside = await api.post(SERVICES, service("other", clusterIP="192.0.2.1"))
    assert "is not in the valid range" in outside.message


async def test_services_made_at_once_never_share_an_address(world):
    async with world(service_cidr="10.43.0.0/27") as api:
        made = await asyncio.gather(*(api.post(SERVICES, service(f"s{n}")) for n in range(32)))
        good = [answer.json["spec"]["clusterIP"] for answer in made if answer.status == 201]
        assert len(good) == len(set(good)) == 29
        assert {answer.status for answer in made} == {201, 500}


async def test_an_address_stays_and_is_free_again_after_deletion(api):
    made = await api.make(SERVICES, service())
    address = made["spec"]["clusterIP"]
    kept = await api.put(f"{SERVICES}/web", service(selector={"a": "b"}))
    assert kept.json["spec"]["clusterIP"] == address
    moved = await api.patch(
        f"{SERVICES}/web", {"spec": {"clusterIP": "10.43.0.99", "clusterIPs": ["10.43.0.99"]}}
    )
    assert "may not change once set" in moved.message
    await api.delete(f"{SERVICES}/web")
    assert (await api.make(SERVICES, service("again", clusterIP=address)))["spec"]["clusterIP"] == address


async def test_headless_and_external_services_have_none(api):
    headless = (await api.make(SERVICES, service("a", clusterIP="None")))["spec"]
    assert headless["clusterIPs"] == ["None"]
    external = {"metadata": {"name": "b"}, "spec": {"type": "ExternalName", "externalName": "example.com"}}
    assert "clusterIP" not in (await api.make(SERVICES, external))["spec"]


async def test_node_ports_are_given_and_kept(api):
    spec = (await api.make(SERVICES, service(type="NodePort")))["spec"]
    port = spec["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    assert spec["externalTrafficPolicy"] == "Cluster"
    same = await api.put(f"{SERVICES}/web", service(type="NodePort", selector={"a": "b"}))
    assert same.json["spec"]["ports"][0]["nodePort"] == port
    taken = await api.post(SERVICES, service("b", type="NodePort", ports=[{"port": 1, "nodePort": port}]))
    assert "provided port is already allocated" in taken.message
    inner = await api.patch(f"{SERVICES}/web", {"spec": {"type": "ClusterIP"}})
    assert "nodePort" not in inner.json["spec"]["ports"][0]


async def test_the_kubernetes_service_has_the_first_address(world):
    async with world(advertise_address="192.0.2.7", advertise_port=7443) as api:
        spec = (await api.get(f"{SERVICES}/kubernetes")).json["spec"]
        assert (spec["clusterIP"], spec["ports"][0]["targetPort"]) == ("10.43.0.1", 7443)
        slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
        assert (await api.get(slices)).json["endpoints"][0]["addresses"] == ["192.0.2.7"]


async def test_scale_reads_and_sets_replicas(api):
    base = "/apis/apps/v1/namespaces/default/deployments"
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    await api.make(base, {"metadata": {"name": "web"}, "spec": spec})
    scale = (await api.get(f"{base}/web/scale")).json
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 0, "selector": "app=web"})
    scale["spec"]["replicas"] = 5
    assert (await api.put(f"{base}/web/scale", scale)).json["spec"] == {"replicas": 5}
    stale = await api.put(f"{base}/web/scale", scale)
    assert stale.status == 409
    patched = await api.patch(f"{base}/web/scale", {"spec": {"replicas": 1}})
    assert patched.json["spec"] == {"replicas": 1}
    assert (await api.get(f"{base}/web")).json["metadata"]["generation"] == 3


async def test_events_are_one_kind_in_two_groups(api):
    core, group = "/api/v1/namespaces/default/events", "/apis/events.k8s.io/v1/namespaces/default/events"
    about = {"kind": "Pod", "name": "web", "namespace": "default"}
    await api.make(
        core, {"metadata": {"name": "e"}, "involvedObject": about, "message": "hello", "reason": "Why"}
    )
    seen = (await api.get(f"{group}/e")).json
    assert (seen["apiVersion"], seen["note"], seen["regarding"]["name"]) == (
        "events.k8s.io/v1",
        "hello",
        "web",
    )
    found = await api.get(core, fieldSelector="involvedObject.name=web")
    assert len(found.json["items"]) == 1
    renamed = await api.get(group, fieldSelector="regarding.name=web")
    assert renamed.json["items"][0]["note"] == "hello"
    stream = await api.watch(group)
    assert (await stream.next())[1]["kind"] == "Event"


@virtual
async def test_events_end_after_an_hour(world, clock):
    async with world() as api:
        events = "/api/v1/namespaces/default/events"
        about = {"kind": "Pod", "name": "web", "namespace": "default"}
        for name in ("old", "new"):
            await api.make(events, {"metadata": {"name": name}, "involvedObject": about})
            clock.time += 1800
            await asyncio.sleep(1800)
        stream = await api.watch(events)
        assert await stream.names(2) == ["ADDED new", "ADDED old"]
        clock.time += 1
        assert (await stream._next())[0] == "DELETED"
        clock.time += 1800
        assert (await stream._next())[1]["metadata"]["name"] == "new"


async def test_an_autoscaler_is_one_kind_in_two_versions(api):
    v1 = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
    v2 = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    old = {"maxReplicas": 3, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 50}
    made = await api.make(v1, {"metadata": {"name": "a"}, "spec": old})
    assert (made["apiVersion"], made["spec"]["minReplicas"]) == ("autoscaling/v1", 1)
    new = (await api.get(f"{v2}/a")).json
    assert new["spec"]["metrics"][0]["resource"]["target"] == {
        "type": "Utilization",
        "averageUtilization": 50,
    }
    patched = await api.patch(f"{v1}/a", {"spec": {"maxReplicas": 7}})
    assert (patched.json["apiVersion"], patched.json["spec"]["maxReplicas"]) == ("autoscaling/v1", 7)


async def test_a_job_gets_a_selector_that_only_its_pods_match(api):
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    made = await api.make(
        "/apis/batch/v1/namespaces/default/jobs", {"metadata": {"name": "j"}, "spec": {"template": template}}
    )
    uid = made["metadata"]["uid"]
    assert made["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert made["spec"]["template"]["metadata"]["labels"]["job-name"] == "j"


async def test_a_node_registers_itself_and_nobody_else(api, pod):
    node = api.by(NODE)
    status = {"capacity": {"cpu": "4"}}
    made = await node.make("/api/v1/nodes", {"metadata": {"name": "n1"}, "status": status})
    assert made["status"]["allocatable"] == {"cpu": "4"}
    assert made["status"]["capacity"] == {"cpu": "4"}
    other = await node.post("/api/v1/nodes", {"metadata": {"name": "n2"}})
    assert (other.status, other.message) == (
        403,
        'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    )
    labelled = await node.patch(
        "/api/v1/nodes/n1", {"metadata": {"labels": {"node-restriction.kubernetes.io/a": "b"}}}
    )
    assert labelled.status == 403
    pods = "/api/v1/namespaces/default/pods"
    for name, where in (("mine", "n1"), ("theirs", "n2")):
        await api.make(pods, pod(name))
        await api.post(f"{pods}/{name}/binding", {"target": {"name": where}})
    running = {"status": {"phase": "Running"}}
    assert (await node.patch(f"{pods}/mine/status", running)).status == 200
    assert (await node.patch(f"{pods}/theirs/status", running)).status == 403


async def test_a_restart_finds_everything_and_makes_nothing_twice(clock):
    store = MemoryStore()
    await store.start()

    def server():
        return ApiServer(Config(), store=store, clock=clock, random=random.Random(1), dial=None)

    first = server()
    await first.start()
    await first.close()
    revision = await store.current_revision()
    second = server()
    await second.start()
    assert await store.current_revision() == revision
    await second.close()
    await store.close()


async def test_a_bootstrap_role_is_put_right_unless_its_owner_took_it_over(clock, client_of):
    store = MemoryStore()
    await store.start()
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    first = ApiServer(Config(), store=store, clock=clock, random=random.Random(1), dial=None)
    await first.start()
    api = client_of(first)
    for name, update in (("view", "true"), ("edit", "false")):
        change = {
            "metadata": {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": update}},
            "rules": [],
        }
        change["aggregationRule"] = None
        assert (await api.patch(f"{roles}/{name}", change)).status == 200
    await first.close()
    second = ApiServer(Config(), store=store, clock=clock, random=random.Random(2), dial=None)
    await second.start()
    api = client_of(second)
    assert "aggregationRule" in (await api.get(f"{roles}/view")).json
    assert "aggregationRule" not in (await api.get(f"{roles}/edit")).json
    await second.close()
    await store.close()


async def test_component_statuses_tell_of_the_store(api):
    (told,) = (await api.get("/api/v1/componentstatuses")).json["items"]
    assert told["metadata"]["name"] == "etcd-0"
    assert told["conditions"] == [{"type": "Healthy", "status": "True", "message": "ok"}]
    assert (await api.get("/api/v1/componentstatuses/etcd-0")).json["conditions"] == told["conditions"]
    assert (await api.get("/api/v1/componentstatuses/scheduler")).status == 404
