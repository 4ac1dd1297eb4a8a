"""Patches made up for an object, and the comparison of what the server makes of them with what a plain model does.

A patch and an update with the model's outcome take the same way through the server, so both have to end alike: refused, or with the same object.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

import fuzz_models
from fuzz_objects import alike
from fuzz_values import ANY, an_object, as_bytes, enrich, least, name_of, one_in, spoil
from fuzz_world import Answer, World

from podling.api import schema
from podling.api.kinds import Kind

Document = dict[str, Any]
JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
NEVER = ("resourceVersion",)
"""What patches point to less often: with an old revision nearly all are refused."""


def compare(world: World, row: Kind, chance: Random) -> int:
    """Make an object and patch it every way; how many patches were taken."""
    number = world.number()
    collection, url = row.url("default"), row.url("default", name_of(row, number))
    made = world.call("POST", collection, as_bytes(an_object(row, number, chance)))
    if made.status != 201:
        made = world.call("POST", collection, as_bytes(least(row, number)))
        assert made.status == 201, made
    world.rest()
    try:
        stored = world.call("GET", url).json
        return sum(judge(world, row, url, copy.deepcopy(stored), chance) for judge in JUDGES)
    finally:
        world.remove(url)


def _json(world: World, row: Kind, url: str, stored: Document, chance: Random) -> bool:
    operations = [operation(stored, chance) for _ in range(1 + chance.randrange(3))]
    return _judge(
        world, row, url, operations, JSON, lambda: fuzz_models.json_patch(copy.deepcopy(stored), operations)
    )


def _merge(world: World, row: Kind, url: str, stored: Document, chance: Random) -> bool:
    patch = _changes(row, stored, chance)
    return _judge(
        world,
        row,
        url,
        patch,
        MERGE,
        lambda: fuzz_models.merge_patch(copy.deepcopy(stored), copy.deepcopy(patch)),
    )


def _strategic(world: World, row: Kind, url: str, stored: Document, chance: Random) -> bool:
    patch = _changes(row, stored, chance)
    shape = schema.of(row.struct)
    return _judge(
        world,
        row,
        url,
        patch,
        STRATEGIC,
        lambda: fuzz_models.strategic(copy.deepcopy(stored), copy.deepcopy(patch), shape),
    )


def _apply(world: World, row: Kind, url: str, stored: Document, chance: Random) -> bool:
    wish = {**_changes(row, stored, chance), "apiVersion": row.api_version, "kind": row.kind}
    if isinstance(wish.get("metadata"), dict):
        for name in ("resourceVersion", "managedFields"):
            wish["metadata"].pop(name, None)
    shape = schema.of(row.struct)
    return _judge(
        world,
        row,
        url,
        fuzz_models.without_nulls(wish),
        APPLY,
        lambda: fuzz_models.applied(copy.deepcopy(stored), fuzz_models.without_nulls(wish), shape),
        fieldManager="fuzz",
        force="true",
    )


JUDGES = (_json, _merge, _strategic, _apply)


def _judge(
    world: World, row: Kind, url: str, patch: Any, media: str, model: Callable[[], Any], **query: str
) -> bool:
    answer = world.call("PATCH", url, as_bytes(patch), content_type=media, dryRun="All", **query)
    try:
        expected = model()
    except fuzz_models.Fails:
        assert 400 <= answer.status < 500, (media, patch, answer)
        return False
    if not isinstance(expected, dict):
        assert 400 <= answer.status < 500, (media, patch, answer)
        return False
    same = world.call("PUT", url, as_bytes(expected), dryRun="All")
    about = (media, patch, expected, answer, same)
    if same.status != 200 or answer.status != 200:
        assert _refused_alike(answer, same), about
        return False
    one, other = alike(answer.json), alike(same.json)
    if media in (STRATEGIC, APPLY):
        one, other = fuzz_models.in_any_order(one), fuzz_models.in_any_order(other)
    assert one == other, about
    return True


def _refused_alike(answer: Answer, same: Answer) -> bool:
    return 400 <= answer.status < 500 and 400 <= same.status < 500


def operation(document: Document, chance: Random) -> Document:
    """One operation of a JSON patch, on what is there and now and then on what is not."""
    name = chance.choice(("add", "add", "remove", "replace", "move", "copy", "test"))
    made: Document = {"op": name, "path": _pointer(document, chance)}
    if name in ("move", "copy"):
        made["from"] = _pointer(document, chance)
    elif name != "remove":
        made["value"] = copy.deepcopy(chance.choice(ANY))
    if name == "test" and not one_in(chance, 4):
        made["value"] = fuzz_models.get(document, made["path"])
    return made


def _pointer(document: Document, chance: Random) -> str:
    """Mostly of labels, annotations and the fields of the spec; never of the name."""
    node: Any = document
    pointer = ""
    while isinstance(node, dict | list) and (node or not pointer):
        ends = ["-", len(node)] if isinstance(node, list) else ["new", "a/b~c"]
        keys = list(range(len(node))) if isinstance(node, list) else list(node)
        key = chance.choice([*(key for key in keys if key not in NEVER), *keys, *ends])
        pointer += "/" + str(key).replace("~", "~0").replace("/", "~1")
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            break
        if one_in(chance, 3):
            break
    return pointer


def _changes(row: Kind, stored: Document, chance: Random) -> Document:
    """Some of what the object has, changed: a patch."""
    made = copy.deepcopy(stored)
    for name in ("status", "managedFields"):
        made.pop(name, None)
        made["metadata"].pop(name, None)
    shape = schema.of(row.struct)
    for _ in range(1 + chance.randrange(3)):
        enrich(made, shape, chance)
    if one_in(chance, 6):
        spoil(made, chance)
    thin(made, chance)
    return made


def thin(node: Document, chance: Random) -> None:
    """Leave fields out, or ask for their removal."""
    for name in list(node):
        if name in ("name", "metadata", "key", "type", "containerPort", "port", "ip", "uid", "kind"):
            continue
        if isinstance(node[name], dict) and chance.randrange(2):
            thin(node[name], chance)
        elif one_in(chance, 3):
            del node[name]
        elif one_in(chance, 8):
            node[name] = None
