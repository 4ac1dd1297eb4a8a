"""The life of one made-up object, and what has to hold at each step."""

from __future__ import annotations

import copy
import json
import re
from random import Random
from typing import Any

import yaml
from fuzz_values import an_object, as_bytes, enrich, name_of, one_in, rename, spoil
from fuzz_world import World

from podling.api import kinds, schema
from podling.api.kinds import Kind
from podling.api.schema import Record

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
SERVERS_OWN = ("uid", "creationTimestamp", "resourceVersion", "managedFields", "generation", "selfLink")
GIVEN_OUT = {
    "Job": (
        "selector",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
        "job-name",
        "batch.kubernetes.io/job-name",
    ),
    "Pod": ("serviceAccount", "serviceAccountName"),
    "PriorityClass": ("globalDefault",),
    "Service": ("clusterIP", "clusterIPs", "healthCheckNodePort"),
}
"""What the server gives to one object only, or fills in from what is gone since."""
SETTLED_BY_SERVER = "flowcontrol.apiserver.k8s.io"
"""A group whose objects get a status from the server itself, soon after each write."""
GENERATED = re.compile(r"kube-api-access-[a-z0-9]{5}")
PORT = re.compile(r'"nodePort": \d+')


def without_system_fields(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what differs between two writes of the same."""
    made = copy.deepcopy(document)
    for name in SERVERS_OWN:
        made["metadata"].pop(name, None)
    return made


def without_given_out(document: dict[str, Any]) -> dict[str, Any]:
    gone = GIVEN_OUT.get(document["kind"], ())

    def rest(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: rest(item) for key, item in node.items() if key not in gone}
        return [rest(item) for item in node] if isinstance(node, list) else node

    found: dict[str, Any] = rest(document)
    return found


def without_empty(node: Any) -> Any:
    if isinstance(node, dict):
        rest = {key: without_empty(item) for key, item in node.items()}
        return {key: item for key, item in rest.items() if item not in ({}, [])}
    return [without_empty(item) for item in node] if isinstance(node, list) else node


def alike(document: dict[str, Any]) -> dict[str, Any]:
    """The same, without what is drawn by lot and what is empty, which means the same as absent."""
    made = without_empty(without_given_out(without_system_fields(document)))
    text = GENERATED.sub("kube-api-access", json.dumps(made))
    found: dict[str, Any] = json.loads(PORT.sub('"nodePort": 0', text))
    return found


def live(world: World, row: Kind, chance: Random) -> bool:
    """Create, read, list, update with what was read, create again under another name; whether it was taken at all."""
    number = world.number()
    body = an_object(row, number, chance)
    collection, url = row.url("default"), row.url("default", name_of(row, number))
    strictness = chance.choice(("Strict", "Warn", "Ignore"))
    tried = world.call("POST", collection, as_bytes(body), fieldValidation=strictness, dryRun="All")
    made = world.call("POST", collection, as_bytes(body), fieldValidation=strictness)
    assert tried.status == made.status, (body, tried, made)
    if made.status != 201:
        return False
    created = made.json
    if row.group == SETTLED_BY_SERVER:  # the server says in the status whether it can be followed
        world.rest()
        created = world.call("GET", row.url("default", created["metadata"]["name"])).json
    url = row.url("default", created["metadata"]["name"])
    try:
        if "generateName" not in created["metadata"] and row.group != SETTLED_BY_SERVER:
            assert alike(tried.json) == alike(created), (body, tried, created)
        _read_alike(world, row, url, created)
        _is_settled(world, row, url, created)
        _is_taken_again(world, row, created)
        _has_subresources(world, row, url, chance)
        _is_shown(world, row, url)
    finally:
        world.remove(url)
    return True


def _read_alike(world: World, row: Kind, url: str, created: dict[str, Any]) -> None:
    assert world.call("GET", url).json == created
    name = created["metadata"]["name"]
    listed = world.call("GET", row.url("default"), fieldSelector=f"metadata.name={name}").json["items"]
    typed = {"apiVersion": row.api_version, "kind": row.kind}
    assert [{**typed, **item} for item in listed] == [created]


def _is_settled(world: World, row: Kind, url: str, created: dict[str, Any]) -> None:
    """An update with what was read changes nothing."""
    again = world.call("PUT", url, as_bytes(created), fieldValidation="Strict")
    assert again.status == 200, (created, again)
    assert again.json == created, (created, again)


def _is_taken_again(world: World, row: Kind, created: dict[str, Any]) -> None:
    copied = without_given_out(without_system_fields(created))
    number = world.number()
    rename(row, copied, number)
    answer = world.call("POST", row.url("default"), as_bytes(copied), fieldValidation="Strict")
    assert answer.status == 201, (copied, answer)
    world.remove(row.url("default", name_of(row, number)))


def _has_subresources(world: World, row: Kind, url: str, chance: Random) -> None:
    """A status of its own, and whatever else hangs below the object, changed at random; what is taken reads back."""
    for name in row.subresources:
        if kinds.SUBRESOURCES[name].kind or "update" not in kinds.SUBRESOURCES[name].verbs:
            continue
        told = world.call("GET", url).json
        shape = schema.of(row.struct)
        part = "status" if name in ("status", "approval") else "spec"
        field = shape.fields.get(part)
        if field is None or not isinstance(field.schema, Record):
            continue
        for _ in range(1 + chance.randrange(4)):
            enrich(told.setdefault(part, {}), field.schema, chance)
        if one_in(chance, 8):
            spoil(told[part], chance)
        answer = world.call("PUT", f"{url}/{name}", as_bytes(told))
        if answer.status == 200 and name != "finalize" and row.group != SETTLED_BY_SERVER:
            assert world.call("GET", url).json == answer.json, (told, answer)
            again = world.call("PUT", f"{url}/{name}", as_bytes(answer.json))
            assert (again.status, again.json) == (200, answer.json), (told, answer, again)


def _is_shown(world: World, row: Kind, url: str) -> None:
    """As a row of a table, as metadata alone, and in YAML."""
    plain = world.call("GET", url).json
    for path in (url, row.url("default")):
        table = world.call("GET", path, accept=TABLE).json
        widths = {len(line["cells"]) for line in table["rows"]}
        assert widths <= {len(table["columnDefinitions"])}, table
    listed = world.call("GET", row.url("default"), accept=METADATA.replace("Metadata;", "MetadataList;"))
    assert plain["metadata"] in [item["metadata"] for item in listed.json["items"]]
    assert world.call("GET", url, accept=METADATA).json["metadata"] == plain["metadata"]
    assert yaml.load(world.call("GET", url, accept="application/yaml").body, Loader=yaml.CSafeLoader) == plain
