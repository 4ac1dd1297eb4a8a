"""EndpointSlices on a whole cluster in memory.

Rows: conformance v1.24, test/e2e/network/endpointslice.go and service.go (endpoints follow Pods).
"""

from controllers_world import ControllersWorld, template

from podling.api.types import apps_v1, core_v1, discovery_v1
from podling.client.informer import Handler
from podling.testing.virtualtime import virtual

SERVICE, SLICE, POD, NODE = core_v1.Service, discovery_v1.EndpointSlice, core_v1.Pod, core_v1.Node
LABELS = {"app": "web"}


async def world_with(world):
    """Lets `until` look again when slices change."""
    informer = world.seen.get(SLICE)
    informer.add_handler(Handler(on_add=world._tell, on_update=world._tell, on_delete=world._tell))
    await informer.wait_synced()
    return world


async def expose(world, name="web", **spec):
    given = {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return await world.create(SERVICE, name, spec=given | spec)


async def run(world, replicas=2, **container):
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": LABELS},
        "template": template(LABELS, **container),
    }
    return await world.create(apps_v1.ReplicaSet, "web", spec=spec)


def slices(world, service="web"):
    return [
        each for each in world.all(SLICE) if each.metadata.labels["kubernetes.io/service-name"] == service
    ]


def endpoints(world, service="web"):
    return [each for held in slices(world, service) for each in held.endpoints or ()]


def ready(world, service="web"):
    return sorted(each.target_ref.name for each in endpoints(world, service) if each.conditions.ready)


@virtual
async def test_pods_behind_a_service_are_published_as_they_come_and_go(tmp_path):
    """Rows: slices for Pods behind a Service; slices created and removed together with a selector Service."""
    async with ControllersWorld(tmp_path) as world:
        await world_with(world)
        service = await expose(world)
        (empty,) = await world.until(lambda: slices(world))
        assert (empty.endpoints, empty.ports) == ([], []) and empty.address_type == "IPv4"
        assert empty.metadata.owner_references[0].uid == service.metadata.uid
        await run(world)
        await world.until(lambda: len(ready(world)) == 2)
        (found,) = slices(world)
        assert found.metadata.name == empty.metadata.name
        assert [(port.name, port.port, port.protocol) for port in found.ports] == [("http", 8080, "TCP")]
        assert {each.node_name for each in found.endpoints} == {"node-1"}
        by_ip = {pod.status.pod_ip: pod.metadata.name for pod in world.pods()}
        assert {each.addresses[0]: each.target_ref.name for each in found.endpoints} == by_ip
        turned = [
            condition.last_transition_time
            for pod in world.pods()
            for condition in pod.status.conditions
            if condition.type == "Ready"
        ]
        assert found.metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"] in turned
        await world.delete(SERVICE, "web")
        await world.until(lambda: not slices(world))


@virtual
async def test_a_pod_that_leaves_serves_but_is_not_ready_until_it_is_gone(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world_with(world)
        await expose(world)
        spec = template(LABELS)["spec"] | {"terminationGracePeriodSeconds": 20}
        spec["containers"][0]["lifecycle"] = {"preStop": {"sleep": {"seconds": 10}}}
        await world.create(POD, "one", labels=LABELS, spec=spec)
        await world.until(lambda: ready(world) == ["one"])
        await world.delete(POD, "one")
        await world.until(lambda: ready(world) == [])
        (leaving,) = endpoints(world)
        assert leaving.conditions.terminating and not leaving.conditions.ready
        await world.until(lambda: endpoints(world) == [])
        assert len(slices(world)) == 1


@virtual
async def test_readiness_labels_and_selectors_are_followed(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world_with(world)
        await expose(world)
        await run(world)
        await world.until(lambda: len(ready(world)) == 2)
        first = world.pods()[0].metadata.name
        await world.patch(POD, first, {"metadata": {"labels": {"app": "other"}}})
        await world.until(lambda: first not in ready(world) and len(ready(world)) == 2)
        await world.patch(SERVICE, "web", {"spec": {"selector": {"app": "other"}}})
        await world.until(lambda: ready(world) == [first])


@virtual
async def test_a_change_of_ports_or_labels_reaches_the_slices(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world_with(world)
        await expose(world)
        await run(world)
        await world.until(lambda: len(ready(world)) == 2)
        ports = [{"name": "http", "port": 80, "targetPort": 9090}]
        await world.patch(
            SERVICE, "web", {"metadata": {"labels": {"team": "blue"}}, "spec": {"ports": ports}}
        )
        await world.until(lambda: [each.ports[0].port for each in slices(world)] == [9090])
        (found,) = slices(world)
        assert found.metadata.labels["team"] == "blue"
        assert len(found.endpoints) == 2


@virtual
async def test_what_somebody_changes_or_deletes_is_put_right(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await world_with(world)
        await expose(world)
        await run(world)
        await world.until(lambda: len(ready(world)) == 2)
        (found,) = slices(world)
        await world.patch(SLICE, found.metadata.name, {"endpoints": []})
        await world.until(lambda: len(ready(world)) == 2)
        await world.delete(SLICE, found.metadata.name)
        await world.until(lambda: slices(world) and slices(world)[0].metadata.uid != found.metadata.uid)
        assert len(ready(world)) == 2


@virtual
async def test_slices_of_others_are_left_alone(tmp_path):
    """Row: a Service without selector, backed by hand-made slices."""
    async with ControllersWorld(tmp_path) as world:
        await world_with(world)
        await expose(world, selector=None)
        await world.create(
            SLICE,
            "mine",
            labels={"kubernetes.io/service-name": "web"},
            addressType="IPv4",
            endpoints=[{"addresses": ["10.9.9.9"]}],
            ports=[{"name": "http", "port": 1}],
        )
        await world.idle()
        assert [each.metadata.name for each in slices(world)] == ["mine"]


@virtual
async def test_more_pods_than_a_slice_holds_are_spread_over_several(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world_with(world)
        await world.client.resource(NODE).create(named_node())
        await expose(world)
        pods = world.client.resource(POD)
        for number in range(205):
            spec = {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}
            await world.create(POD, f"p{number}", labels=LABELS, spec=spec)
            address = f"10.5.{number // 200}.{number % 200 + 1}"
            status = {
                "phase": "Running",
                "podIP": address,
                "podIPs": [{"ip": address}],
                "conditions": [{"type": "Ready", "status": "True"}],
            }
            await pods.patch(f"p{number}", {"status": status}, namespace="default", subresource="status")
        await world.until(lambda: len(ready(world)) == 205)
        assert sorted(len(each.endpoints) for each in slices(world)) == [5, 100, 100]
        assert {each.zone for each in endpoints(world)} == {"z"}
        await world.client.resource(NODE).patch(
            "n", {"metadata": {"labels": {"topology.kubernetes.io/zone": "y"}}}
        )
        await world.until(lambda: {each.zone for each in endpoints(world)} == {"y"})


def named_node():
    node = core_v1.Node()
    node.metadata.name, node.metadata.labels = "n", {"topology.kubernetes.io/zone": "z"}
    return node
