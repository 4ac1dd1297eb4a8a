"""API Priority and Fairness on a whole server: its objects, and who waits for whom in a flood.

Rows: conformance v1.29, test/e2e/apimachinery/flowcontrol.go; API reference "API Priority and Fairness"; KEP-1040.
"""

import asyncio

import pytest

from podling.apiserver.request import UserInfo
from podling.testing.virtualtime import virtual

GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1"
SCHEMAS, LEVELS = f"{GROUP}/flowschemas", f"{GROUP}/prioritylevelconfigurations"
CONFIGS = "/api/v1/namespaces/default/configmaps"
EVE, ANN = (UserInfo(name, groups=("system:authenticated",)) for name in ("eve", "ann"))


async def let_in(api, user):
    """The rights of an administrator, but not the place in front of everybody."""
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.name}
    bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    await api.make(bindings, {"metadata": {"name": user.name}, "roleRef": ref, "subjects": [subject]})
    return api.by(user)


def schema(name, level, *, precedence=300, user="eve", method="ByUser"):
    rules = {
        "subjects": [{"kind": "User", "user": {"name": user}}],
        "resourceRules": [
            {
                "verbs": ["*"],
                "apiGroups": ["*"],
                "resources": ["*"],
                "namespaces": ["*"],
                "clusterScope": True,
            }
        ],
    }
    spec = {
        "priorityLevelConfiguration": {"name": level},
        "matchingPrecedence": precedence,
        "distinguisherMethod": {"type": method},
        "rules": [rules],
    }
    return {"metadata": {"name": name}, "spec": spec}


def slow(api):
    """A read that waits for a revision which never comes."""
    return asyncio.ensure_future(api.get(CONFIGS, resourceVersion="100000"))


async def settled(api, path, condition):
    """Ask until it is so; each answer lets others get on."""
    for _ in range(1000):
        answer = await api.get(path)
        if condition(answer):
            return answer.json
        await asyncio.sleep(0.01)
    raise AssertionError(answer.text)


async def ended(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@virtual
async def test_the_mandatory_and_suggested_objects_are_there(world):
    async with world() as api:
        levels = {one["metadata"]["name"]: one["spec"] for one in (await api.get(LEVELS)).json["items"]}
        assert sorted(levels) == [
            "catch-all",
            "exempt",
            "global-default",
            "leader-election",
            "node-high",
            "system",
            "workload-high",
            "workload-low",
        ]
        assert levels["exempt"]["type"] == "Exempt"
        assert levels["workload-high"]["limited"]["nominalConcurrencyShares"] == 40
        found = (await api.get(SCHEMAS)).json["items"]
        assert len(found) == 13
        assert {one["status"]["conditions"][0]["status"] for one in found} == {"False"}


@virtual
async def test_they_come_back_when_deleted_and_are_put_right_unless_somebody_has_taken_them_over(world):
    async with world() as api:
        await api.delete(f"{SCHEMAS}/exempt")
        await api.delete(f"{LEVELS}/global-default")
        await settled(api, f"{SCHEMAS}/exempt", lambda answer: answer.status == 200)
        await settled(api, f"{LEVELS}/global-default", lambda answer: answer.status == 200)
        await api.patch(f"{SCHEMAS}/service-accounts", {"spec": {"matchingPrecedence": 8000}})
        await settled(
            api, f"{SCHEMAS}/service-accounts", lambda one: one.json["spec"]["matchingPrecedence"] == 9000
        )
        mine = {"metadata": {"annotations": {"apf.kubernetes.io/autoupdate-spec": "false"}}}
        await api.patch(f"{SCHEMAS}/service-accounts", {**mine, "spec": {"matchingPrecedence": 8000}})
        await api.delete(f"{SCHEMAS}/probes")
        await settled(api, f"{SCHEMAS}/probes", lambda answer: answer.status == 200)
        kept = (await api.get(f"{SCHEMAS}/service-accounts")).json
        assert kept["spec"]["matchingPrecedence"] == 8000


@virtual
async def test_a_schema_says_whether_its_level_exists(world):
    async with world() as api:
        await api.make(SCHEMAS, schema("mine", "mine"))

        def dangles(status):
            return lambda answer: answer.json["status"].get("conditions", [{}])[0].get("status") == status

        found = await settled(api, f"{SCHEMAS}/mine", dangles("True"))
        (condition,) = found["status"]["conditions"]
        assert (condition["type"], condition["reason"]) == ("Dangling", "NotFound")
        assert condition["message"] == (
            'This FlowSchema references the PriorityLevelConfiguration object named "mine" but there is no such object'
        )
        limited = {"nominalConcurrencyShares": 5, "limitResponse": {"type": "Reject"}}
        await api.make(
            LEVELS, {"metadata": {"name": "mine"}, "spec": {"type": "Limited", "limited": limited}}
        )
        found = await settled(api, f"{SCHEMAS}/mine", dangles("False"))
        assert found["status"]["conditions"][0]["reason"] == "Found"


@virtual
async def test_every_answer_tells_by_whose_rules_it_was_served(world):
    async with world() as api:
        eve = await let_in(api, EVE)
        uids = {
            one["metadata"]["uid"]: one["metadata"]["name"] for one in (await api.get(SCHEMAS)).json["items"]
        }
        uids |= {
            one["metadata"]["uid"]: one["metadata"]["name"] for one in (await api.get(LEVELS)).json["items"]
        }

        async def rules(client, path=CONFIGS):
            headers = (await client.get(path)).headers
            names = ("X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid")
            return tuple(uids[headers[name]] for name in names)

        assert await rules(api) == ("exempt", "exempt")
        assert await rules(eve) == ("global-default", "global-default")
        await api.make(SCHEMAS, schema("eves", "workload-low"))
        uids[(await api.get(f"{SCHEMAS}/eves")).json["metadata"]["uid"]] = "eves"
        assert await rules(eve) == ("eves", "workload-low"), "a new schema counts from the next request on"


@virtual
async def test_ten_thousand_requests_wait_or_are_turned_away_and_masters_and_others_are_served(world):
    """8 seats: eve holds all that she may, the rest of hers wait or get 429; ann is next in turn; masters never wait."""
    async with world(max_reads_in_flight=8, max_writes_in_flight=0) as api:
        eve, ann = await let_in(api, EVE), await let_in(api, ANN)
        flood = [slow(eve) for _ in range(10_000)]
        await asyncio.sleep(0.1)
        refused = [task.result() for task in flood if task.done()]
        assert {answer.status for answer in refused} == {429}
        assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
        waiting = len(flood) - len(refused)
        assert 200 < waiting < 400, "a hand of 6 queues of 50, and her seats"
        started = asyncio.get_running_loop().time()
        assert (await api.get(CONFIGS)).status == 200, "masters do not wait"
        assert asyncio.get_running_loop().time() == started
        text = (await api.get("/metrics")).text
        label = 'flow_schema="global-default",priority_level="global-default"'
        assert (
            f'apiserver_flowcontrol_rejected_requests_total{{{label},reason="queue-full"}} {len(refused)}'
            in text
        )
        anns = asyncio.ensure_future(ann.get(CONFIGS))
        await asyncio.sleep(0.01)
        assert not anns.done()
        held = [task for task in flood if not task.done()]
        held[0].cancel()
        assert (await anns).status == 200, "one seat is free, and it is her turn before eve's others"
        await ended(flood)
        assert (await eve.get(CONFIGS)).status == 200


@virtual
async def test_who_has_waited_a_quarter_of_its_time_is_turned_away(world):
    async with world(max_reads_in_flight=1, max_writes_in_flight=0, request_seconds=8) as api:
        eve = await let_in(api, EVE)
        first = slow(eve)
        await asyncio.sleep(0.01)
        started = asyncio.get_running_loop().time()
        assert (await eve.get(CONFIGS)).status == 429
        assert asyncio.get_running_loop().time() - started == pytest.approx(2)
        await ended([first])
        assert (await eve.get(CONFIGS)).status == 200


@virtual
async def test_a_watch_takes_a_seat_only_while_it_begins(world):
    async with world(max_reads_in_flight=1, max_writes_in_flight=0) as api:
        eve = await let_in(api, EVE)
        watches = [await eve.watch(CONFIGS) for _ in range(3)]
        assert (await eve.get(CONFIGS)).status == 200
        for watch in watches:
            await watch.close()


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (
            SCHEMAS,
            schema("first", "exempt", precedence=1),
            "only the schema named 'exempt' may have matchingPrecedence 1",
        ),
        (SCHEMAS, schema("late", "exempt", precedence=10001), "must not be greater than 10000"),
        (
            SCHEMAS,
            schema("none", ""),
            "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
        ),
        (
            SCHEMAS,
            schema("by", "exempt", method="ByHat"),
            'Unsupported value: "ByHat": supported values: "ByNamespace", "ByUser"',
        ),
        (
            LEVELS,
            {"metadata": {"name": "free"}, "spec": {"type": "Exempt"}},
            "type must be 'Exempt' if and only if name is 'exempt'",
        ),
        (
            LEVELS,
            {
                "metadata": {"name": "wide"},
                "spec": {
                    "type": "Limited",
                    "limited": {
                        "lendablePercent": 101,
                        "limitResponse": {"type": "Queue", "queuing": {"queues": 4, "handSize": 5}},
                    },
                },
            },
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)",
        ),
    ],
)
async def test_rules_are_refused_in_upstreams_words(api, path, body, words):
    answer = await api.post(path, body)
    assert answer.status == 422
    assert words in answer.message


async def test_the_mandatory_rules_say_what_they_say(api):
    answer = await api.patch(f"{SCHEMAS}/catch-all", {"spec": {"matchingPrecedence": 9999}})
    assert answer.status == 422
    assert "spec of 'catch-all' must equal the fixed value" in answer.message
