"""Lists: selectors, pages that agree, versions, and what happens when the past is gone."""

from __future__ import annotations

import gzip

import pytest

from podling.api import kinds
from podling.store.watchcache import Selection
from podling.testing.virtualtime import virtual

CONFIGS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


def names(answer):
    return [item["metadata"]["name"] for item in answer.json["items"]]


@pytest.fixture
async def letters(api):
    for name in "abcde":
        await api.make(CONFIGS, {"metadata": {"name": name, "labels": {"vowel": str(name in "ae")}}})
    return api


async def test_a_list_is_ordered_and_says_its_revision(letters):
    answer = await letters.get(CONFIGS)
    assert answer.json["kind"] == "ConfigMapList"
    assert answer.json["apiVersion"] == "v1"
    assert names(answer) == list("abcde")
    assert set(answer.json["metadata"]) == {"resourceVersion"}


async def test_labels_and_fields_select(letters, pod):
    assert names(await letters.get(CONFIGS, labelSelector="vowel=True")) == ["a", "e"]
    assert names(await letters.get(CONFIGS, labelSelector="vowel notin (True)")) == ["b", "c", "d"]
    assert names(await letters.get(CONFIGS, fieldSelector="metadata.name=c")) == ["c"]
    await letters.make(PODS, pod("web"))
    await letters.post(f"{PODS}/web/binding", {"target": {"name": "n1"}})
    assert names(await letters.get("/api/v1/pods", fieldSelector="spec.nodeName=n1")) == ["web"]
    assert names(await letters.get("/api/v1/pods", fieldSelector="spec.nodeName=n2")) == []
    assert names(await letters.get(PODS, fieldSelector="status.phase!=Pending")) == []


async def test_selectors_that_cannot_be_read_are_400(letters):
    bad_label = await letters.get(CONFIGS, labelSelector="a=b=c")
    assert (bad_label.status, bad_label.json["reason"]) == (400, "BadRequest")
    bad_field = await letters.get(CONFIGS, fieldSelector="data.x=1")
    assert bad_field.message == (
        '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )
    bad_number = await letters.get(CONFIGS, limit="many")
    assert bad_number.message == 'strconv.ParseInt: parsing "many": invalid syntax'


async def test_pages_show_the_state_of_the_first_page(letters):
    first = await letters.get(CONFIGS, limit="2")
    assert names(first) == ["a", "b"]
    assert first.json["metadata"]["remainingItemCount"] == 3
    await letters.delete(f"{CONFIGS}/c")
    await letters.make(CONFIGS, {"metadata": {"name": "bb"}})
    second = await letters.get(CONFIGS, limit="2", **{"continue": first.json["metadata"]["continue"]})
    assert names(second) == ["c", "d"]
    assert second.revision == first.revision
    third = await letters.get(CONFIGS, limit="2", **{"continue": second.json["metadata"]["continue"]})
    assert names(third) == ["e"]
    assert "continue" not in third.json["metadata"]
    assert names(await letters.get(CONFIGS)) == ["a", "b", "bb", "d", "e"]


async def test_pages_of_a_selection_do_not_say_how_much_is_left(letters):
    first = await letters.get(CONFIGS, limit="1", labelSelector="vowel=True")
    assert names(first) == ["a"]
    assert "remainingItemCount" not in first.json["metadata"]
    rest = await letters.get(
        CONFIGS, limit="1", labelSelector="vowel=True", **{"continue": first.json["metadata"]["continue"]}
    )
    assert names(rest) == ["e"]


async def test_a_continued_list_whose_past_is_gone_can_go_on_in_the_present(letters):
    first = await letters.get(CONFIGS, limit="2")
    await letters.delete(f"{CONFIGS}/d")
    collection = letters.server._services.world.collection(kinds.CONFIG_MAP)
    store = letters.server.cache.store
    await store.compact(await store.current_revision())
    collection.load(collection.select(Selection()), letters.server.cache.revision)
    gone = await letters.get(CONFIGS, limit="2", **{"continue": first.json["metadata"]["continue"]})
    assert (gone.status, gone.json["reason"]) == (410, "Expired")
    assert gone.message.startswith(
        "The provided continue parameter is too old to display a consistent list result."
    )
    on = await letters.get(CONFIGS, limit="5", **{"continue": gone.json["metadata"]["continue"]})
    assert names(on) == ["c", "e"]


async def test_exactly_an_old_state_or_one_not_older(letters):
    then = (await letters.get(CONFIGS)).revision
    await letters.delete(f"{CONFIGS}/a")
    exact = await letters.get(CONFIGS, resourceVersion=then, resourceVersionMatch="Exact")
    assert (names(exact), exact.revision) == (list("abcde"), then)
    newer = await letters.get(CONFIGS, resourceVersion=then, resourceVersionMatch="NotOlderThan")
    assert names(newer) == list("bcde")
    legacy = await letters.get(CONFIGS, resourceVersion=then, limit="9")
    assert names(legacy) == list("abcde")


async def test_versions_that_make_no_sense_are_refused(letters):
    cases = {
        "resourceVersionMatch=Exact": "resourceVersionMatch is forbidden unless resourceVersion is provided",
        "resourceVersion=0&resourceVersionMatch=Exact": 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"',
        "resourceVersion=5&resourceVersionMatch=Near": 'Unsupported value: "Near"',
        "sendInitialEvents=true": "sendInitialEvents is forbidden for list",
    }
    for query, words in cases.items():
        answer = await letters.get(f"{CONFIGS}?{query}")
        assert answer.status == 422
        assert words in answer.message
    assert (await letters.get(CONFIGS, resourceVersion="x")).status == 400
    assert (await letters.get(CONFIGS, **{"continue": "nonsense"})).status == 400


@virtual
async def test_a_revision_that_is_not_there_yet_is_waited_for_and_then_504(world):
    async with world() as api:
        answer = await api.get(CONFIGS, resourceVersion="100000")
        assert answer.status == 504
        assert answer.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
        assert answer.message.startswith("Timeout: Too large resource version: 100000, current: ")


async def test_tables_hold_the_columns_that_kubectl_prints(api, pod):
    await api.make(PODS, pod())
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    table = (await api.get(PODS, headers=accept)).json
    assert table["kind"] == "Table"
    assert [column["name"] for column in table["columnDefinitions"]][:3] == ["Name", "Ready", "Status"]
    assert table["rows"][0]["cells"][:3] == ["web", "0/1", "Pending"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    one = (await api.get(f"{PODS}/web", headers=accept, includeObject="Object")).json
    assert one["rows"][0]["object"]["kind"] == "Pod"


async def test_metadata_alone_where_that_is_asked_for(api, pod):
    made = await api.make(PODS, pod())
    accept = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    answer = (await api.get(PODS, headers=accept)).json
    assert answer["kind"] == "PartialObjectMetadataList"
    assert answer["items"][0] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": made["metadata"],
    }


async def test_large_answers_are_compressed_for_clients_that_are_far_away(api):
    for number in range(20):
        await api.make(CONFIGS, {"metadata": {"name": f"n{number}"}, "data": {"x": "y" * 10_000}})
    gzip_ok = {"accept-encoding": "gzip"}
    far = await api.send("GET", CONFIGS, headers=gzip_ok, remote="192.0.2.1")
    assert far.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(far.body) == (await api.send("GET", CONFIGS)).body
    near = await api.send("GET", CONFIGS, headers=gzip_ok, remote="127.0.0.1")
    assert "Content-Encoding" not in near.headers
