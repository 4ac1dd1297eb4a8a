"""Endpoints, and their mirror in EndpointSlices, on a whole cluster in memory.

Rows: conformance test/e2e/network/endpoints.go, service.go and endpointslicemirroring.go.
"""

from controllers_world import ControllersWorld, template

from podling.api.types import core_v1, discovery_v1
from podling.client.informer import Handler
from podling.testing.virtualtime import virtual

SERVICE, ENDPOINTS, SLICE, POD = (
    core_v1.Service,
    core_v1.Endpoints,
    discovery_v1.EndpointSlice,
    core_v1.Pod,
)
MIRROR = "endpointslicemirroring-controller.k8s.io"


async def watching(world):
    for kind in (ENDPOINTS, SLICE):
        informer = world.seen.get(kind)
        informer.add_handler(Handler(on_add=world._tell, on_update=world._tell, on_delete=world._tell))
        await informer.wait_synced()


def addresses(world, name="web"):
    """For each port the Pods behind it."""
    found = world.one(ENDPOINTS, name)
    return {
        port.port: sorted(each.target_ref.name for each in subset.addresses or ())
        for subset in (found.subsets if found else None) or ()
        for port in subset.ports or ()
    }


async def run(world, name, **ports):
    declared = [{"name": key, "containerPort": number} for key, number in ports.items()]
    spec = template({})["spec"]
    spec["containers"][0]["ports"] = declared
    await world.create(POD, name, labels={"app": "web"}, spec=spec)


async def expose(world, *ports):
    given = [{"name": name, "port": 80 + n, "targetPort": name} for n, name in enumerate(ports)]
    await world.create(SERVICE, "web", spec={"selector": {"app": "web"}, "ports": given})


@virtual
async def test_endpoints_are_made_for_pods_and_go_with_the_service(tmp_path):
    """Rows: Endpoints for Pods behind a Service; an empty Endpoints for a Service that matches none, then deleted."""
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await expose(world, "a")
        await world.until(lambda: world.one(ENDPOINTS, "web") and not addresses(world))
        await run(world, "one", a=8080)
        await run(world, "two", a=8080)
        await world.until(lambda: addresses(world) == {8080: ["one", "two"]})
        await world.delete(POD, "one")
        await world.until(lambda: addresses(world) == {8080: ["two"]})
        await world.delete(POD, "two")
        await world.until(lambda: addresses(world) == {})
        await world.delete(SERVICE, "web")
        await world.until(lambda: world.one(ENDPOINTS, "web") is None)


@virtual
async def test_pods_behind_each_of_two_named_ports_are_followed_by_themselves(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await expose(world, "a", "b")
        await run(world, "one", a=100)
        await world.until(lambda: addresses(world) == {100: ["one"]})
        await run(world, "two", b=101)
        await world.until(lambda: addresses(world) == {100: ["one"], 101: ["two"]})
        await world.delete(POD, "one")
        await world.until(lambda: addresses(world) == {101: ["two"]})


@virtual
async def test_hand_made_endpoints_are_mirrored_as_long_as_they_are_there(tmp_path):
    """Row: mirror hand-made Endpoints on create, update and delete."""
    async with ControllersWorld(tmp_path) as world:
        await watching(world)

        def mirrored():
            found = [
                each
                for each in world.all(SLICE)
                if each.metadata.labels.get("endpointslice.kubernetes.io/managed-by") == MIRROR
            ]
            return [sorted(e.addresses[0] for e in each.endpoints) for each in found]

        ports = [{"name": "sql", "port": 5432}]
        await world.create(SERVICE, "db", spec={"ports": ports})
        subset = {"addresses": [{"ip": "10.1.2.3"}], "ports": ports}
        await world.create(ENDPOINTS, "db", subsets=[subset])
        await world.until(lambda: mirrored() == [["10.1.2.3"]])
        changed = {"subsets": [subset | {"addresses": [{"ip": "10.2.3.4"}]}]}
        await world.patch(ENDPOINTS, "db", changed)
        await world.until(lambda: mirrored() == [["10.2.3.4"]])
        await world.delete(ENDPOINTS, "db")
        await world.until(lambda: mirrored() == [])
        await world.create(ENDPOINTS, "db", subsets=[subset])
        await world.until(lambda: mirrored() == [["10.1.2.3"]])
        await world.patch(SERVICE, "db", {"spec": {"selector": {"app": "none"}}})
        await world.until(lambda: mirrored() == [] and not world.one(ENDPOINTS, "db").subsets)
        await world.delete(SERVICE, "db")
        await world.until(lambda: world.one(ENDPOINTS, "db") is None)


@virtual
async def test_endpoints_without_a_service_and_the_servers_own_are_left_alone(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await watching(world)
        await world.create(ENDPOINTS, "mine", subsets=[{"addresses": [{"ip": "10.1.2.3"}]}])
        await world.create(
            ENDPOINTS, "kubernetes", labels={"endpointslice.kubernetes.io/skip-mirror": "true"}
        )
        await world.idle()
        assert [each.metadata.name for each in world.all(ENDPOINTS)] == ["kubernetes", "mine"]
        assert world.all(SLICE) == []
