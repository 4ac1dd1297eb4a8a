"""LimitRanges and ResourceQuotas at the API server's door, without their controller: what is filled in, charged, refused.

Rows: conformance test/e2e/scheduling/limit_range.go and test/e2e/apimachinery/resource_quota.go (what admission does).
"""

import asyncio

NS = "/api/v1/namespaces/default"
PODS, QUOTAS, RANGES, CLAIMS = (
    f"{NS}/{what}" for what in ("pods", "resourcequotas", "limitranges", "persistentvolumeclaims")
)
SERVICES = f"{NS}/services"


def container(name="c", *, requests=None, limits=None):
    return {"name": name, "image": "i", "resources": {"requests": requests or {}, "limits": limits or {}}}


def pod(name, *containers, **spec):
    head = {"generateName": name} if name.endswith("-") else {"name": name}
    return {"metadata": head, "spec": {"containers": list(containers) or [container()], **spec}}


async def limit(api, *items, name="limits"):
    return await api.make(RANGES, {"metadata": {"name": name}, "spec": {"limits": list(items)}})


async def quota(api, name="q", used=None, **hard):
    """A quota whose controller has counted already."""
    hard = {key.replace("__", "."): str(amount) for key, amount in hard.items()}
    await api.make(QUOTAS, {"metadata": {"name": name}, "spec": {"hard": hard}})
    status = {"hard": hard, "used": dict.fromkeys(hard, "0") | (used or {})}
    assert (await api.patch(f"{QUOTAS}/{name}/status", {"status": status})).status == 200


async def used(api, name="q"):
    return (await api.get(f"{QUOTAS}/{name}")).json["status"]["used"]


def resources(made, index=0):
    return made["spec"]["containers"][index]["resources"]


async def test_containers_get_what_they_do_not_say_and_an_annotation_tells(api):
    """Row: apply LimitRange defaults, merge partial requests."""
    await limit(
        api,
        {
            "type": "Container",
            "default": {"cpu": "500m", "memory": "500Mi"},
            "defaultRequest": {"cpu": "100m", "memory": "200Mi"},
        },
    )
    made = await api.make(PODS, pod("silent"))
    assert resources(made) == {
        "limits": {"cpu": "500m", "memory": "500Mi"},
        "requests": {"cpu": "100m", "memory": "200Mi"},
    }
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c"
    )
    partial = pod("partial", container(requests={"cpu": "300m"}, limits={"memory": "300Mi"}))
    made = await api.make(PODS, partial)
    assert resources(made) == {
        "limits": {"cpu": "500m", "memory": "300Mi"},
        "requests": {"cpu": "300m", "memory": "300Mi"},  # a limit is the request where none is given
    }
    full = pod(
        "init", container(requests={"cpu": "1m", "memory": "1Mi"}, limits={"cpu": "1m", "memory": "1Mi"})
    )
    full["spec"]["initContainers"] = [container("i")]
    made = await api.make(PODS, full)
    assert "annotations" in made["metadata"]
    assert (
        "cpu, memory request for init container i"
        in made["metadata"]["annotations"]["kubernetes.io/limit-ranger"]
    )


async def test_what_is_below_above_or_out_of_proportion_is_refused(api):
    """Row: enforce min/max, follow updates and deletion."""
    await limit(
        api,
        {
            "type": "Container",
            "min": {"cpu": "50m"},
            "max": {"cpu": "500m"},
            "maxLimitRequestRatio": {"cpu": "4"},
        },
    )
    small = pod("small", container(requests={"cpu": "10m"}, limits={"cpu": "40m"}))
    answer = await api.post(PODS, small)
    assert answer.status == 403
    assert (
        answer.message
        == 'pods "small" is forbidden: minimum cpu usage per Container is 50m, but request is 10m'
    )
    large = pod("large", container(requests={"cpu": "200m"}, limits={"cpu": "600m"}))
    assert (await api.post(PODS, large)).message == (
        'pods "large" is forbidden: maximum cpu usage per Container is 500m, but limit is 600m'
    )
    uneven = pod("uneven", container(requests={"cpu": "50m"}, limits={"cpu": "500m"}))
    assert (await api.post(PODS, uneven)).message == (
        'pods "uneven" is forbidden: cpu max limit to request ratio per Container is 4, '
        "but provided ratio is 10.000000"
    )
    loose = {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}}
    assert (await api.patch(f"{RANGES}/limits", loose)).status == 200
    await api.make(PODS, large)
    assert (await api.delete(f"{RANGES}/limits")).status == 200
    await api.make(PODS, small)


async def test_a_pod_as_a_whole_and_a_claim_have_limits_too(api):
    await limit(
        api,
        {"type": "Pod", "max": {"cpu": "1"}},
        {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}},
    )
    two = [container(name, requests={"cpu": "600m"}, limits={"cpu": "600m"}) for name in "ab"]
    assert (await api.post(PODS, pod("p", *two))).message == (
        'pods "p" is forbidden: maximum cpu usage per Pod is 1, but limit is 1200m'
    )
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "3Gi"}}}
    answer = await api.post(CLAIMS, {"metadata": {"name": "c"}, "spec": spec})
    assert answer.message == (
        'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, '
        "but request is 3Gi"
    )
    spec["resources"]["requests"]["storage"] = "2Gi"
    await api.make(CLAIMS, {"metadata": {"name": "c"}, "spec": spec})


async def test_every_pod_is_charged_and_one_too_many_refused(api):
    await quota(api, pods=2, requests__cpu=1)
    one = pod("one", container(requests={"cpu": "400m"}))
    await api.make(PODS, one)
    assert await used(api) == {"pods": "1", "requests.cpu": "400m"}
    answer = await api.post(PODS, pod("big", container(requests={"cpu": "700m"})))
    assert answer.status == 403
    assert answer.message == (
        'pods "big" is forbidden: exceeded quota: q, requested: requests.cpu=700m, used: requests.cpu=400m, '
        "limited: requests.cpu=1"
    )
    answer = await api.post(PODS, pod("silent"))
    assert answer.message == 'pods "silent" is forbidden: failed quota: q: must specify requests.cpu for: c'
    assert await used(api) == {"pods": "1", "requests.cpu": "400m"}


async def test_defaults_of_a_limit_range_count_before_the_quota_asks(api):
    await quota(api, requests__cpu=1)
    await limit(api, {"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "300m"}})
    await api.make(PODS, pod("silent"))
    assert await used(api) == {"requests.cpu": "300m"}


async def test_nothing_is_charged_for_what_is_not_stored(api):
    """A try, an object that is there already, and one that is not valid."""
    await quota(api, pods=5)
    await api.make(PODS, pod("one"))
    assert (await api.post(PODS, pod("two"), dryRun="All")).status == 201
    assert (await api.post(PODS, pod("one"))).status == 409
    assert (await api.post(PODS, pod("Not_Valid"))).status == 422
    assert await used(api) == {"pods": "1"}
    for number in range(4):
        await api.make(PODS, pod(f"more-{number}"))
    assert (await api.post(PODS, pod("six"), dryRun="All")).status == 403


async def test_a_hundred_at_once_are_charged_exactly_and_written_together(api):
    await quota(api, pods=60)
    before = (await api.get(f"{QUOTAS}/q")).revision
    answers = await asyncio.gather(*(api.post(PODS, pod("p-")) for _ in range(100)))
    made = [each for each in answers if each.status == 201]
    assert len(made) == 60
    assert {each.status for each in answers} == {201, 403}
    assert await used(api) == {"pods": "60"}
    stream = await api.watch(QUOTAS, resourceVersion=before)
    counts = [0]
    while counts[-1] < 60:
        counts.append(int((await stream.next())[1]["status"]["used"]["pods"]))
    assert len(counts) < 20


async def test_somebody_else_writing_the_quota_loses_nothing(api):
    """Charging is by compare-and-swap: a status write in between is charged again on top."""
    await quota(api, pods=50)

    async def label(number):
        await api.patch(f"{QUOTAS}/q", {"metadata": {"labels": {"n": str(number)}}})

    work = [api.post(PODS, pod("p-")) for _ in range(20)] + [label(n) for n in range(20)]
    await asyncio.gather(*work)
    assert await used(api) == {"pods": "20"}
    assert len((await api.get(PODS)).json["items"]) == 20


async def test_objects_of_every_kind_are_counted(api):
    """Rows: ConfigMaps, Secrets, ReplicaSets, ReplicationControllers and Services in quotas."""
    counted = {
        "configmaps": (f"{NS}/configmaps", {}),
        "secrets": (f"{NS}/secrets", {}),
        "services": (SERVICES, {"spec": {"ports": [{"port": 80}]}}),
        "count/deployments.apps": ("/apis/apps/v1/namespaces/default/deployments", workload()),
        "count/replicasets.apps": ("/apis/apps/v1/namespaces/default/replicasets", workload()),
        "replicationcontrollers": (
            f"{NS}/replicationcontrollers",
            {"spec": {"selector": {"a": "b"}, **template()}},
        ),
    }
    await quota(api, **dict.fromkeys(counted, 1))
    for name, (path, body) in counted.items():
        await api.make(path, {"metadata": {"name": "one"}, **body})
        answer = await api.post(path, {"metadata": {"name": "two"}, **body})
        assert answer.status == 403
        assert answer.message.endswith(
            f"exceeded quota: q, requested: {name}=1, used: {name}=1, limited: {name}=1"
        )
    assert await used(api) == dict.fromkeys(counted, "1")


async def test_a_service_that_becomes_a_node_port_is_charged_for_it(api):
    await quota(api, services__nodeports=1)
    await api.make(SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    assert (await api.patch(f"{SERVICES}/s", {"spec": {"type": "NodePort"}})).status == 200
    assert await used(api) == {"services.nodeports": "1"}
    ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
    answer = await api.post(
        SERVICES, {"metadata": {"name": "t"}, "spec": {"type": "NodePort", "ports": ports}}
    )
    assert answer.status == 403 and "services.nodeports=2" in answer.message


async def test_quotas_are_changed_listed_and_deleted_as_any_object(api):
    """Rows: update and delete; list over all namespaces by label, patch, deletecollection by label; status by itself."""
    await quota(api, cpu=1, memory="500Mi")
    changed = {"metadata": {"labels": {"q": "x"}}, "spec": {"hard": {"memory": "750Mi"}}}
    assert (await api.patch(f"{QUOTAS}/q", changed)).json["spec"]["hard"] == {"cpu": "1", "memory": "750Mi"}
    status = {"status": {"hard": {"cpu": "2"}}, "spec": {"hard": {"cpu": "9"}}}
    answered = (await api.patch(f"{QUOTAS}/q/status", status)).json
    assert (answered["status"]["hard"]["cpu"], answered["spec"]["hard"]["cpu"]) == ("2", "1")
    found = await api.get("/api/v1/resourcequotas", labelSelector="q=x")
    assert [each["metadata"]["name"] for each in found.json["items"]] == ["q"]
    assert (await api.delete(QUOTAS, labelSelector="q=x")).status == 200
    assert (await api.get(f"{QUOTAS}/q")).status == 404


def template():
    return {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container()]}}}


def workload():
    return {"spec": {"selector": {"matchLabels": {"a": "b"}}, **template()}}
