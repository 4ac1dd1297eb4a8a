"""Conformance rows on Events, in both groups: core_events.go and events.go under test/e2e/instrumentation."""

from __future__ import annotations

CORE = "/api/v1/namespaces/default/events"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
ABOUT = {"kind": "Pod", "apiVersion": "v1", "name": "web", "namespace": "default", "uid": "u-1"}
FIRST, LAST = "2023-11-14T22:13:20.000001Z", "2023-11-14T23:13:20.123456Z"


def names(answer):
    assert answer.status == 200, answer.text
    return [item["metadata"]["name"] for item in answer.json["items"]]


def core_event(name, **labels):
    return {
        "metadata": {"name": name, "labels": labels},
        "involvedObject": ABOUT,
        "message": "This is a test event",
        "reason": "Test",
        "type": "Normal",
        "count": 1,
        "source": {"component": "test-source"},
    }


def new_event(name, controller="test-controller", **labels):
    return {
        "metadata": {"name": name, "labels": labels},
        "regarding": ABOUT,
        "action": "Do",
        "note": "This is a test event",
        "reason": "Test",
        "type": "Normal",
        "reportingController": controller,
        "reportingInstance": "test-node",
        "eventTime": FIRST,
    }


async def test_the_life_of_a_core_event(api):
    """v1.25: create, list all namespaces by label, patch message, update series, delete."""
    await api.make("/api/v1/namespaces", {"metadata": {"name": "other"}})
    made = await api.make(CORE, core_event("e1", testevent="yes"))
    await api.make(
        "/api/v1/namespaces/other/events",
        core_event("e2", testevent="no") | {"involvedObject": {**ABOUT, "namespace": "other"}},
    )
    assert names(await api.get("/api/v1/events", labelSelector="testevent=yes")) == ["e1"]
    patched = await api.patch(f"{CORE}/e1", {"message": "This is a patched event"})
    assert patched.json["message"] == "This is a patched event"
    body = (await api.get(f"{CORE}/e1")).json
    assert body["metadata"]["uid"] == made["metadata"]["uid"]
    body["series"] = {"count": 100, "lastObservedTime": LAST}
    assert (await api.put(f"{CORE}/e1", body)).status == 200
    assert (await api.get(f"{CORE}/e1")).json["series"] == {"count": 100, "lastObservedTime": LAST}
    assert (await api.delete(f"{CORE}/e1")).status == 200
    assert names(await api.get("/api/v1/events", labelSelector="testevent=yes")) == []
    assert (await api.get(f"{CORE}/e1")).status == 404


async def test_core_events_are_deleted_by_label(api):
    """v1.20: Core Events: list by label, deletecollection."""
    for number in range(3):
        await api.make(CORE, core_event(f"e{number}", testevent="set"))
    await api.make(CORE, core_event("other"))
    assert names(await api.get(CORE, labelSelector="testevent=set")) == ["e0", "e1", "e2"]
    assert (await api.delete(CORE, labelSelector="testevent=set")).status == 200
    assert names(await api.get("/api/v1/events")) == ["other"]


async def test_the_life_of_an_event_of_the_events_group(api):
    """v1.19: create, list by source or reportingController field selector, get, patch, update series, delete."""
    await api.make(EVENTS, new_event("e1"))
    await api.make(EVENTS, new_event("e2", "another-controller"))
    for path in (EVENTS, "/apis/events.k8s.io/v1/events"):
        assert names(await api.get(path, fieldSelector="reportingController=test-controller")) == ["e1"]
    assert names(await api.get(CORE, fieldSelector="source=test-controller")) == ["e1"]
    assert names(await api.get(CORE, fieldSelector="reportingComponent=another-controller")) == ["e2"]
    made = (await api.get(f"{EVENTS}/e1")).json
    patched = await api.patch(f"{EVENTS}/e1", {"series": {"count": 2, "lastObservedTime": FIRST}})
    assert patched.status == 200, patched.text
    assert patched.json["series"] == {"count": 2, "lastObservedTime": FIRST}
    body = patched.json
    body["series"] = {"count": 100, "lastObservedTime": LAST}
    assert (await api.put(f"{EVENTS}/e1", body)).status == 200
    kept = (await api.get(f"{EVENTS}/e1")).json
    assert kept["series"] == {"count": 100, "lastObservedTime": LAST}
    assert {**kept, "metadata": None, "series": None} == {**made, "metadata": None, "series": None}
    assert (await api.delete(f"{EVENTS}/e1")).status == 200
    assert names(await api.get(EVENTS)) == ["e2"]


async def test_events_of_the_events_group_are_deleted_by_label(api):
    """v1.19: events.k8s.io/v1: list by label, deletecollection."""
    for number in range(3):
        await api.make(EVENTS, new_event(f"e{number}", testevent="set"))
    await api.make(EVENTS, new_event("other"))
    assert names(await api.get(EVENTS, labelSelector="testevent=set")) == ["e0", "e1", "e2"]
    assert (await api.delete(EVENTS, labelSelector="testevent=set")).status == 200
    assert names(await api.get(EVENTS)) == ["other"]


async def test_watchers_of_both_groups_see_each_event_in_their_own_words(api):
    """One store behind two groups: a write through one is told to watchers of the other."""
    core, group = await api.watch(CORE), await api.watch(EVENTS)
    await api.make(EVENTS, new_event("e1"))
    await api.patch(f"{CORE}/e1", {"message": "said again"})
    (_, old), (_, changed) = await core.next(), await core.next()
    (_, new), (_, renamed) = await group.next(), await group.next()
    assert (old["apiVersion"], old["involvedObject"], old["message"]) == ("v1", ABOUT, "This is a test event")
    assert (new["apiVersion"], new["regarding"], new["note"]) == (
        "events.k8s.io/v1",
        ABOUT,
        "This is a test event",
    )
    assert (changed["message"], renamed["note"]) == ("said again", "said again")
    assert changed["metadata"]["resourceVersion"] == renamed["metadata"]["resourceVersion"]
