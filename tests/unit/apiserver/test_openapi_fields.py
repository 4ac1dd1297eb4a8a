"""The fields that OpenAPI tells of are those of the official schemas, for every type of every kind in every version."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podling.api import kinds
from podling.api.levels import Level
from podling.apiserver.openapi import OpenApi, descriptions, naming

DOCUMENTS = sorted({naming.group_path(row.group, row.version) for row in kinds.ALL if row.verbs})
NOT_TOLD = {"metadata", "stubPKCS10Request"}
"""Required by the official schemas of a few kinds: what the server adds anyway, and what only the newest levels know."""


@pytest.fixture(scope="module")
def official() -> dict[str, dict[str, Any]]:
    """The definitions of Kubernetes 1.37 as it publishes them."""
    spec = find_spec("kubernetes_validate")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "kubernetes-json-schema" / "v1.37.0-local"
    found = msgspec.json.decode((folder / "_definitions.json").read_bytes())["$defs"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def documents() -> OpenApi:
    return OpenApi(kinds.ALL, level=Level(), version="v1.37.0")


def schemas(documents: OpenApi, name: str) -> dict[str, Any]:
    data = documents.document(name)
    assert data is not None
    found = msgspec.json.decode(data)["components"]["schemas"]
    assert isinstance(found, dict)
    return found


def target(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What kubectl shows a field to hold: the kind of object that is referred to, or else a simple type; of lists and maps, their items'."""
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            return f"{key} {target(schema[key], definitions)}"
    inner = (schema.get("allOf") or [schema])[0]
    if "$ref" in inner:
        name = str(inner["$ref"]).rpartition("/")[2]
        meant = definitions[name]
        return target(meant, definitions) if "string" in (meant.get("type") or ()) else name
    given = schema.get("type")
    return str(next((one for one in given if one != "null"), given) if isinstance(given, list) else given)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_types_have_the_fields_of_the_official_ones(documents, official, name) -> None:
    mine = schemas(documents, name)
    for definition, schema in mine.items():
        wanted = official.get(definition)
        if wanted is None or "properties" not in wanted:
            continue
        assert set(schema.get("properties", {})) == set(wanted["properties"]), definition
        required = set(schema.get("required", ()))
        assert required - NOT_TOLD == set(wanted.get("required", ())) - NOT_TOLD, definition
        for field, inner in wanted["properties"].items():
            found = target(schema["properties"][field], mine)
            assert found == target(inner, official), f"{definition}.{field}"
            assert schema["properties"][field].get("description", "") == inner.get("description", ""), field


@pytest.mark.parametrize(
    "row", [row for row in kinds.ALL if row.verbs and row.group != "metrics.k8s.io"], ids=repr
)
def test_every_kind_is_found_by_its_group_version_and_kind(documents, official, row) -> None:
    # kubectl explain looks for x-kubernetes-group-version-kind in the document of the group and version
    found = schemas(documents, naming.group_path(row.group, row.version))
    mine = {"group": row.group, "version": row.version, "kind": row.kind}
    (definition,) = [
        name for name, schema in found.items() if mine in schema.get("x-kubernetes-group-version-kind", ())
    ]
    assert definition in official
    assert found[definition]["description"] == official[definition]["description"]


def test_without_the_official_schemas_the_fields_are_the_same(monkeypatch, documents) -> None:
    monkeypatch.setattr(descriptions, "find_spec", lambda name: None)
    plain = OpenApi(kinds.ALL, level=Level(), version="v1.37.0")
    for name in DOCUMENTS:
        with_prose, without = schemas(documents, name), schemas(plain, name)
        assert with_prose.keys() == without.keys()
        for definition, schema in without.items():
            assert schema.get("properties", {}).keys() == with_prose[definition].get("properties", {}).keys()
