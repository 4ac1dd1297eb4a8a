"""Conformance rows on lists, watches, tables, discovery, version and namespaces, one after the other.

Each test names its row (upstream's file under test/e2e and the sentence of the row) and asserts what the API
reference says around it: "Kubernetes API Concepts" on resource versions, chunks, watches, and forms of answers.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re

import pytest

from podling.api import kinds
from podling.store.watchcache import Selection
from podling.testing.virtualtime import virtual

CONFIGS = "/api/v1/namespaces/default/configmaps"
NAMESPACES = "/api/v1/namespaces"
PODS = "/api/v1/namespaces/default/pods"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIALS = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
AGGREGATED = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList"


def names(answer):
    return [item["metadata"]["name"] for item in answer.json["items"]]


async def add(api, name, **labels):
    return await api.make(CONFIGS, {"metadata": {"name": name, "labels": labels}})


async def change(api, name, text):
    answer = await api.patch(f"{CONFIGS}/{name}", {"data": {"mutation": text}})
    assert answer.status == 200
    return answer.json


# chunking.go


async def test_chunks_are_no_larger_than_asked_and_count_what_is_left(api):
    """v1.29: pages no larger than limit, remainingItemCount, one resourceVersion; no limit returns all."""
    for number in range(40):
        await add(api, f"template-{number:04}")
    seen, token, revision = [], "", ""
    while True:
        page = await api.get(CONFIGS, limit="17", **({"continue": token} if token else {}))
        meta = page.json["metadata"]
        assert len(page.json["items"]) <= 17
        assert (revision or meta["resourceVersion"]) == meta["resourceVersion"]
        seen += names(page)
        revision, token = meta["resourceVersion"], meta.get("continue", "")
        assert meta.get("remainingItemCount", 0) == 40 - len(seen)
        assert bool(token) == (len(seen) < 40)
        if not token:
            break
        await add(api, f"template-{len(seen):04}-late")
    assert seen == [f"template-{number:04}" for number in range(40)]
    assert len(names(await api.get(CONFIGS))) == 42
    assert len(names(await api.get(CONFIGS, limit="500"))) == 42


async def test_a_token_serves_the_same_page_as_often_as_it_is_shown(api):
    """Chunks, continued: a token is stable; it may be used again, and again after others have written."""
    for letter in "abcd":
        await add(api, letter)
    token = (await api.get(CONFIGS, limit="2")).json["metadata"]["continue"]
    once = await api.get(CONFIGS, limit="1", **{"continue": token})
    await api.delete(f"{CONFIGS}/c")
    again = await api.get(CONFIGS, limit="1", **{"continue": token})
    assert once.text == again.text
    assert names(again) == ["c"]


async def test_an_expired_token_comes_with_one_that_goes_on_without_consistency(api):
    """v1.29: 410 carries a fresh inconsistent token, from which paging resumes at a newer resourceVersion."""
    for letter in "abcdef":
        await add(api, letter)
    first = await api.get(CONFIGS, limit="2")
    await add(api, "d2")
    await api.delete(f"{CONFIGS}/c")
    store, collection = api.server.cache.store, api.server._services.world.collection(kinds.CONFIG_MAP)
    await store.compact(await store.current_revision())
    collection.load(collection.select(Selection()), api.server.cache.revision)
    expired = await api.get(CONFIGS, limit="2", **{"continue": first.json["metadata"]["continue"]})
    assert (expired.status, expired.json["reason"]) == (410, "Expired")
    seen, token, revisions = [], expired.json["metadata"]["continue"], set()
    while token:
        page = await api.get(CONFIGS, limit="2", **{"continue": token})
        assert page.status == 200, page.text
        seen += names(page)
        revisions.add(page.revision)
        token = page.json["metadata"].get("continue", "")
    assert seen == ["d", "d2", "e", "f"]
    (revision,) = revisions
    assert int(revision) > int(first.revision)


async def test_continued_lists_take_no_version_and_no_match(api):
    """API concepts: continue says the version itself; another one beside it is refused."""
    for letter in "abc":
        await add(api, letter)
    token = (await api.get(CONFIGS, limit="1")).json["metadata"]["continue"]
    more = {"limit": "1", "continue": token}
    assert (await api.get(CONFIGS, resourceVersion="0", **more)).status == 200
    wrong = await api.get(CONFIGS, resourceVersion="7", **more)
    assert wrong.status == 400
    assert wrong.message == "specifying resource version is not allowed when using continue"
    wrong = await api.get(CONFIGS, resourceVersion="7", resourceVersionMatch="Exact", **more)
    assert wrong.status == 422
    assert "resourceVersionMatch is forbidden when continue is provided" in wrong.message


# resourceVersion and resourceVersionMatch


async def test_any_version_will_do_for_zero_and_the_newest_for_none(api):
    """API concepts, table of resourceVersion for get and list."""
    made = await add(api, "a")
    old = (await api.get(CONFIGS)).revision
    new = await change(api, "a", "1")
    for query in ({}, {"resourceVersion": "0"}, {"resourceVersion": old}):
        answer = await api.get(f"{CONFIGS}/a", **query)
        assert answer.json == new, "a get with a version is served from that or a newer state"
    for query in (
        {},
        {"resourceVersion": "0"},
        {"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"},
        {"resourceVersion": old},
        {"resourceVersion": old, "resourceVersionMatch": "NotOlderThan", "limit": "5"},
    ):
        answer = await api.get(CONFIGS, **query)
        assert answer.json["items"][0]["metadata"] == new["metadata"]
        assert int(answer.revision) >= int(new["metadata"]["resourceVersion"])
    exact = await api.get(CONFIGS, resourceVersion=old, resourceVersionMatch="Exact", limit="5")
    assert exact.json["items"][0]["metadata"] == made["metadata"]
    assert exact.revision == old


async def test_an_exact_version_that_is_gone_is_410(api):
    """API concepts: 410 Gone where the requested resource version is not available."""
    await add(api, "a")
    old = (await api.get(CONFIGS)).revision
    await change(api, "a", "1")
    store, collection = api.server.cache.store, api.server._services.world.collection(kinds.CONFIG_MAP)
    await store.compact(await store.current_revision())
    collection.load(collection.select(Selection()), api.server.cache.revision)
    gone = await api.get(CONFIGS, resourceVersion=old, resourceVersionMatch="Exact")
    assert (gone.status, gone.json["reason"]) == (410, "Expired")
    assert gone.message == "The resourceVersion for the provided list is too old."
    assert "continue" not in gone.json["metadata"]


@virtual
async def test_a_get_from_the_future_waits_and_is_504(world):
    """API concepts: the server may wait briefly and then time out with 504."""
    async with world() as api:
        await add(api, "a")
        answer = await api.get(f"{CONFIGS}/a", resourceVersion="100000")
        assert answer.status == 504
        assert answer.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
        assert answer.json["details"]["retryAfterSeconds"] == 1


async def test_a_read_shows_every_write_that_anybody_was_told_of(api):
    """Consistent reads (KEP-2340): a list without a version shows all that was acknowledged before."""
    for number in range(30):
        made = await add(api, f"n{number:02}")
        listed = await api.get(CONFIGS)
        assert len(names(listed)) == number + 1
        assert int(listed.revision) >= int(made["metadata"]["resourceVersion"])


# watch.go


async def test_a_watch_restarted_at_the_last_version_seen_misses_nothing(api):
    """v1.11: restart a watch at the last resourceVersion seen and miss nothing."""
    label = "watch-closed-and-restarted"
    first = await api.watch(CONFIGS, labelSelector=f"w={label}")
    await add(api, "c", w=label)
    await change(api, "c", "1")
    kinds_seen = [await first.next() for _ in range(2)]
    assert [kind for kind, _ in kinds_seen] == ["ADDED", "MODIFIED"]
    last = kinds_seen[-1][1]["metadata"]["resourceVersion"]
    await first.close()
    await change(api, "c", "2")
    second = await api.watch(CONFIGS, labelSelector=f"w={label}", resourceVersion=last)
    await api.delete(f"{CONFIGS}/c")
    kind, body = await second.next()
    assert (kind, body["data"]["mutation"]) == ("MODIFIED", "2")
    kind, body = await second.next()
    assert (kind, body["data"]["mutation"]) == ("DELETED", "2")


async def test_a_watch_from_an_older_version_gets_only_what_came_after(api):
    """v1.11: open a watch at an older resourceVersion and deliver only events after it."""
    await add(api, "c", w="x")
    first = await change(api, "c", "1")
    await change(api, "c", "2")
    await api.delete(f"{CONFIGS}/c")
    stream = await api.watch(CONFIGS, resourceVersion=first["metadata"]["resourceVersion"])
    seen = [await stream.next() for _ in range(2)]
    assert [(kind, body["data"]["mutation"]) for kind, body in seen] == [("MODIFIED", "2"), ("DELETED", "2")]


async def test_add_update_and_delete_reach_whom_they_match_and_nobody_else(api):
    """v1.11: deliver add, update, delete to every selector-matching watcher and to no others."""
    a = await api.watch(CONFIGS, labelSelector="w=multiple-watchers-A")
    b = await api.watch(CONFIGS, labelSelector="w=multiple-watchers-B")
    both = await api.watch(CONFIGS, labelSelector="w in (multiple-watchers-A,multiple-watchers-B)")
    for letter in "AB":
        name = letter.lower()
        await add(api, name, w=f"multiple-watchers-{letter}")
        await change(api, name, "1")
        await change(api, name, "2")
        await api.delete(f"{CONFIGS}/{name}")
    life = ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    assert await a.names(4) == [f"{kind} a" for kind in life]
    assert await b.names(4) == [f"{kind} b" for kind in life]
    assert await both.names(8) == [f"{kind} {name}" for name in "ab" for kind in life]
    for stream in (a, b, both):
        await add(api, "end", w="multiple-watchers-A")
        await api.patch(f"{CONFIGS}/end", {"metadata": {"labels": {"w": "multiple-watchers-B"}}})
        await api.delete(f"{CONFIGS}/end")
        seen = await stream.names(2)
        assert {line.split()[1] for line in seen} == {"end"}, "nothing of the others was in between"
        await stream.close()


async def test_who_leaves_a_selection_is_deleted_and_who_returns_is_added(api):
    """v1.11: DELETED when labels stop matching, silence meanwhile, ADDED when they match again."""
    stream = await api.watch(CONFIGS, labelSelector="w=changed")
    await add(api, "c", w="changed")
    await change(api, "c", "1")
    left = (await api.patch(f"{CONFIGS}/c", {"metadata": {"labels": {"w": "wrong"}}})).json
    await change(api, "c", "2")
    back = (await api.patch(f"{CONFIGS}/c", {"metadata": {"labels": {"w": "changed"}}})).json
    await change(api, "c", "3")
    await api.delete(f"{CONFIGS}/c")
    seen = [await stream.next() for _ in range(6)]
    assert [kind for kind, _ in seen] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "MODIFIED", "DELETED"]
    assert seen[2][1]["metadata"]["labels"] == {"w": "changed"}, "the last state that matched"
    assert seen[2][1]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
    assert seen[3][1] == back


async def test_watches_from_different_versions_see_the_same_order(api):
    """v1.15: concurrent watches begun at different resourceVersions observe identical event ordering."""
    since = (await api.get(CONFIGS)).revision
    whole = await api.watch(CONFIGS, resourceVersion=since)

    async def produce(number):
        await add(api, f"n{number}")
        await change(api, f"n{number}", "1")
        await api.delete(f"{CONFIGS}/n{number}")

    await asyncio.gather(*(produce(number) for number in range(15)))
    order = [body["metadata"]["resourceVersion"] for _, body in [await whole.next() for _ in range(45)]]
    assert order == sorted(order, key=int)
    for at, revision in enumerate(order[:-1]):
        later = await api.watch(CONFIGS, resourceVersion=revision)
        seen = [(await later.next())[1]["metadata"]["resourceVersion"] for _ in order[at + 1 :]]
        assert seen == order[at + 1 :]


# watch options


async def test_a_watch_may_begin_now_without_what_is_there(api):
    """KEP-3157: sendInitialEvents=false starts at the newest state, with nothing of what is there."""
    await add(api, "a")
    options = {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan"}
    stream = await api.watch(CONFIGS, **options)
    zero = await api.watch(CONFIGS, resourceVersion="0", **options)
    await add(api, "b")
    assert await stream.names(1) == ["ADDED b"]
    assert await zero.names(1) == ["ADDED b"]


async def test_a_watch_list_selects_and_goes_on(api):
    """KEP-3157: initial events are of one state, their bookmark says which, and the watch goes on from it."""
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "red")):
        await add(api, name, colour=colour)
    since = (await api.get(CONFIGS)).revision
    stream = await api.watch(
        CONFIGS,
        labelSelector="colour=red",
        sendInitialEvents="true",
        resourceVersion=since,
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    )
    assert await stream.names(2) == ["ADDED a", "ADDED c"]
    kind, mark = await stream.next()
    assert (kind, mark["metadata"]["annotations"]) == ("BOOKMARK", {"k8s.io/initial-events-end": "true"})
    assert int(mark["metadata"]["resourceVersion"]) >= int(since)
    await add(api, "d", colour="red")
    await api.delete(f"{CONFIGS}/a")
    assert await stream.names(2) == ["ADDED d", "DELETED a"]


async def test_options_of_a_watch_that_make_no_sense_are_422(api):
    """ValidateListOptions of upstream, for watches."""
    cases = {
        "resourceVersionMatch=NotOlderThan": "resourceVersionMatch is forbidden for watch unless sendInitialEvents",
        "sendInitialEvents=true": "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        "sendInitialEvents=true&resourceVersionMatch=Exact": 'Unsupported value: "Exact"',
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&continue=x": "forbidden when continue is provided",
    }
    for query, words in cases.items():
        answer = await api.get(f"{CONFIGS}?watch=1&{query}")
        assert (answer.status, answer.json["reason"]) == (422, "Invalid"), query
        assert words in answer.message


@virtual
async def test_bookmarks_come_to_who_asked_and_say_how_far_the_watch_is(world):
    """API concepts, watch bookmarks: only a resourceVersion, from which a watch can be resumed."""
    async with world() as api:
        await add(api, "a")
        marked = await api.watch(
            CONFIGS, labelSelector="none=at-all", allowWatchBookmarks="true", timeoutSeconds="70"
        )
        plain = await api.watch(CONFIGS, labelSelector="none=at-all", timeoutSeconds="70")
        await add(api, "b")
        now = (await api.get(CONFIGS)).revision
        (kind, mark), *_ = await marked.rest()
        assert kind == "BOOKMARK"
        assert mark == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": now}}
        assert await plain.rest() == []
        resumed = await api.watch(CONFIGS, resourceVersion=mark["metadata"]["resourceVersion"])
        await add(api, "c")
        assert await resumed.names(1) == ["ADDED c"]


# table_conversion.go and forms


async def test_tables_of_what_has_none_are_406(api):
    """v1.16: 406 when Table output is requested from a resource without table support."""
    body = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    refused = await api.post(REVIEW, body, headers={"accept": TABLE})
    assert (refused.status, refused.json["reason"]) == (406, "NotAcceptable")
    assert refused.message.startswith("only the following media types are accepted: application/json")
    served = await api.post(REVIEW, body, headers={"accept": f"{TABLE},application/json"})
    assert (served.status, served.json["kind"]) == (201, "SelfSubjectAccessReview")


async def test_forms_that_an_answer_cannot_take_are_406(api):
    """API concepts, receiving resources as Tables: clients list the forms they take; none of them is 406."""
    await add(api, "a")
    for path, accept in (
        (CONFIGS, PARTIAL),
        (f"{CONFIGS}/a", PARTIALS),
        (CONFIGS, "application/json;as=Table;v=v7;g=meta.k8s.io"),
        (CONFIGS, "application/json;as=Chart;v=v1;g=meta.k8s.io"),
        (CONFIGS, "text/html"),
        (f"{CONFIGS}?watch=1", PARTIALS),
        ("/api", "text/html;q=1"),
    ):
        answer = await api.get(path, headers={"accept": accept})
        assert (answer.status, answer.json["reason"]) == (406, "NotAcceptable"), (path, accept)


async def test_metadata_alone_of_one_object_and_of_a_page(api):
    """API concepts, metadata-only fetches: PartialObjectMetadata for get, its List for list, with paging."""
    for name in "ab":
        await add(api, name, colour="red")
        await change(api, name, "1")
    one = (await api.get(f"{CONFIGS}/a", headers={"accept": PARTIAL})).json
    whole = (await api.get(f"{CONFIGS}/a")).json
    assert one == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": whole["metadata"],
    }
    page = (await api.get(CONFIGS, headers={"accept": PARTIALS}, limit="1")).json
    assert page["kind"] == "PartialObjectMetadataList"
    assert page["metadata"]["remainingItemCount"] == 1
    assert [item["metadata"]["name"] for item in page["items"]] == ["a"]


async def test_metadata_alone_marks_the_end_of_initial_events(api):
    """Metadata informers of client-go: every event, bookmarks too, is PartialObjectMetadata."""
    await add(api, "a")
    stream = await api.watch(
        CONFIGS,
        headers={"accept": PARTIAL},
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    )
    events = [await stream.next(), await stream.next()]
    assert [kind for kind, _ in events] == ["ADDED", "BOOKMARK"]
    assert {body["kind"] for _, body in events} == {"PartialObjectMetadata"}
    assert events[1][1]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_tables_are_paged_and_their_rows_carry_what_is_asked(api):
    """API concepts, Tables: includeObject None, Metadata (the default) or Object; list metadata as in lists."""
    for name in "abc":
        await add(api, name)
    page = (await api.get(CONFIGS, headers={"accept": TABLE}, limit="2")).json
    assert [row["cells"][:2] for row in page["rows"]] == [["a", 0], ["b", 0]]
    assert page["metadata"]["remainingItemCount"] == 1
    assert page["metadata"]["continue"]
    kinds_shown = {}
    for include in ("None", "Metadata", "Object"):
        table = (await api.get(CONFIGS, headers={"accept": TABLE}, includeObject=include)).json
        kinds_shown[include] = (table["rows"][0].get("object") or {}).get("kind")
    assert kinds_shown == {"None": None, "Metadata": "PartialObjectMetadata", "Object": "ConfigMap"}
    wrong = await api.get(CONFIGS, headers={"accept": TABLE}, includeObject="Everything")
    assert wrong.status == 400
    assert wrong.message == (
        'Unable to convert to Table as requested: includeObject: Invalid value: "Everything": '
        "must be 'Metadata', 'Object', 'None', or empty"
    )


async def test_small_answers_are_never_compressed_and_large_ones_only_on_demand(api):
    """API concepts, response compression: gzip above 128 KiB where Accept-Encoding names it."""
    await add(api, "small")
    far = {"remote": "192.0.2.1"}
    small = await api.send("GET", CONFIGS, headers={"accept-encoding": "gzip"}, **far)
    assert "Content-Encoding" not in small.headers
    for number in range(3):
        await api.make(CONFIGS, {"metadata": {"name": f"n{number}"}, "data": {"x": "y" * 60_000}})
    plain = await api.send("GET", CONFIGS, **far)
    assert "Content-Encoding" not in plain.headers
    for accept in (None, TABLE, PARTIALS, "application/yaml"):
        headers = {"accept": accept} if accept else {}
        packed = await api.send("GET", CONFIGS, headers={"accept-encoding": "gzip", **headers}, **far)
        bare = await api.send("GET", CONFIGS, headers=headers, **far)
        if packed.headers.get("Content-Encoding") == "gzip":
            assert gzip.decompress(packed.body) == bare.body
        else:
            assert len(bare.body) <= 128 * 1024


# discovery.go, aggregated_discovery.go, server_version.go


async def test_every_group_prefers_one_of_its_versions(api):
    """v1.19: each API group has a preferred version that is one of its listed versions."""
    groups = (await api.get("/apis")).json["groups"]
    assert len(groups) > 15
    for group in groups:
        assert group["preferredVersion"] in group["versions"]
        alone = (await api.get(f"/apis/{group['name']}")).json
        assert alone["preferredVersion"] == group["preferredVersion"]
        assert (alone["kind"], alone["name"]) == ("APIGroup", group["name"])


async def test_every_version_lists_usable_resources_under_its_own_name(api):
    """v1.28: each group has a resource list whose groupVersion matches and that holds a usable resource."""
    versions = [v["groupVersion"] for g in (await api.get("/apis")).json["groups"] for v in g["versions"]]
    for version, path in [("v1", "/api/v1"), *((each, f"/apis/{each}") for each in versions)]:
        listed = (await api.get(path)).json
        assert (listed["kind"], listed["groupVersion"]) == ("APIResourceList", version)
        assert listed["resources"]
        for resource in listed["resources"]:
            assert resource["name"]
            assert resource["kind"]
            assert resource["verbs"]


async def test_aggregated_discovery_holds_what_plain_discovery_holds(api):
    """v1.30: raw /api and /apis negotiate the aggregated format through Accept; built-ins all present."""
    aggregated = {}
    for path in ("/api", "/apis"):
        answer = await api.get(path, headers={"accept": AGGREGATED})
        assert answer.json["kind"] == "APIGroupDiscoveryList"
        assert answer.json["apiVersion"] == "apidiscovery.k8s.io/v2"
        for group in answer.json["items"]:
            for version in group["versions"]:
                assert version["freshness"] == "Current"
                name = group["metadata"].get("name", "")
                key = f"{name}/{version['version']}" if name else version["version"]
                aggregated[key] = {
                    (f"{r['resource']}/{s['subresource']}" if s else r["resource"])
                    for r in version["resources"]
                    for s in (None, *r.get("subresources", ()))
                }
    versions = [v["groupVersion"] for g in (await api.get("/apis")).json["groups"] for v in g["versions"]]
    assert set(aggregated) == {"v1", *versions}
    for version, resources in aggregated.items():
        plain = (await api.get(f"/api/{version}" if version == "v1" else f"/apis/{version}")).json
        assert {resource["name"] for resource in plain["resources"]} == resources


async def test_the_version_is_in_numbers(api):
    """v1.19: serve /version with numeric major and minor fields."""
    version = (await api.get("/version")).json
    assert re.fullmatch(r"[1-9]", version["major"])
    assert re.fullmatch(r"\d+\+?", version["minor"])


# namespace.go


async def test_a_namespace_is_patched_replaced_and_read_back(api):
    """v1.18: patch a Namespace label and read it back. v1.26: replace a Namespace and see the changed field."""
    await api.make(NAMESPACES, {"metadata": {"name": "n"}})
    patched = await api.patch(f"{NAMESPACES}/n", {"metadata": {"labels": {"testLabel": "testValue"}}})
    assert patched.json["metadata"]["labels"]["testLabel"] == "testValue"
    body = (await api.get(f"{NAMESPACES}/n")).json
    assert body["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n", "testLabel": "testValue"}
    body["metadata"]["labels"]["replaced"] = "yes"
    assert (await api.put(f"{NAMESPACES}/n", body)).status == 200
    assert (await api.get(f"{NAMESPACES}/n")).json["metadata"]["labels"]["replaced"] == "yes"


async def test_a_namespace_takes_and_gives_back_a_finalizer_of_ones_own(api):
    """v1.26: add a custom finalizer to a Namespace, read it back, remove it again."""
    made = await api.make(NAMESPACES, {"metadata": {"name": "n"}})
    assert made["spec"]["finalizers"] == ["kubernetes"]
    made["spec"]["finalizers"].append("e2e.example.com/fakeFinalizer")
    put = await api.put(f"{NAMESPACES}/n/finalize", made)
    assert put.status == 200, put.text
    body = (await api.get(f"{NAMESPACES}/n")).json
    assert body["spec"]["finalizers"] == ["kubernetes", "e2e.example.com/fakeFinalizer"]
    body["spec"]["finalizers"] = ["kubernetes"]
    assert (await api.put(f"{NAMESPACES}/n/finalize", body)).status == 200
    assert (await api.get(f"{NAMESPACES}/n")).json["spec"]["finalizers"] == ["kubernetes"]


async def test_a_namespaces_status_is_read_patched_and_updated(api):
    """v1.25: Namespace status: read (phase Active), patch and update, with changes kept."""
    await api.make(NAMESPACES, {"metadata": {"name": "n"}})
    read = await api.get(f"{NAMESPACES}/n/status")
    assert read.json["status"] == {"phase": "Active"}
    condition = {"type": "StatusPatch", "status": "True", "reason": "E2E", "message": "Patched by a test"}
    patched = await api.patch(
        f"{NAMESPACES}/n/status",
        {"metadata": {"annotations": {"patched": "true"}}, "status": {"conditions": [condition]}},
    )
    assert patched.status == 200, patched.text
    assert patched.json["metadata"]["annotations"] == {"patched": "true"}
    assert patched.json["status"]["conditions"][0].items() >= condition.items()
    body = patched.json
    body["status"]["conditions"].append({**condition, "type": "StatusUpdate"})
    assert (await api.put(f"{NAMESPACES}/n/status", body)).status == 200
    kept = (await api.get(f"{NAMESPACES}/n")).json["status"]
    assert [one["type"] for one in kept["conditions"]] == ["StatusPatch", "StatusUpdate"]
    assert kept["phase"] == "Active"


@pytest.mark.parametrize("form", [TABLE, PARTIAL])
async def test_a_watch_in_another_form_keeps_the_transitions_of_its_selection(api, form):
    """Selector transitions are the same whatever form a watcher sees objects in."""
    stream = await api.watch(CONFIGS, labelSelector="w=x", headers={"accept": form})
    await add(api, "c", w="x")
    await api.patch(f"{CONFIGS}/c", {"metadata": {"labels": {"w": "y"}}})
    await api.patch(f"{CONFIGS}/c", {"metadata": {"labels": {"w": "x"}}})
    await api.delete(f"{CONFIGS}/c")
    seen = [await stream.next() for _ in range(4)]
    assert [kind for kind, _ in seen] == ["ADDED", "DELETED", "ADDED", "DELETED"]
    assert "mutation" not in json.dumps(seen)
