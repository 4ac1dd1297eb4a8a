"""kubectl explains every kind in every version, with all its fields."""

from __future__ import annotations

import asyncio
import re

import kubectl_world
import pytest

from podling.api import kinds

pytestmark = pytest.mark.kubectl
ROWS = [row for row in kinds.ALL if row.verbs and row.group != "metrics.k8s.io"]
"""What is measured bears names of core kinds, which kubectl takes for those whatever the version."""
AT_ONCE = 2


@pytest.fixture
def settings():
    """Everything is served."""
    return {"runtime_config": {"api/all": "true"}}


async def explained(kubectl, row, *words):
    """What kubectl says of a kind, and the fields that stand in it: indentation and name of each."""
    said = await kubectl("explain", row.plural, f"--api-version={row.api_version}", *words)
    return said, re.findall(r"^( +)(\w+)\t<", said, re.MULTILINE)


async def for_every_kind(explain):
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(row):
        async with turns:
            await explain(row)

    await asyncio.gather(*map(one, ROWS))


async def test_every_kind_is_explained_with_all_its_fields(kubectl):
    async def explain(row):
        said, fields = await explained(kubectl, row, "--recursive")
        assert re.search(rf"^KIND: +{row.kind}$", said, re.MULTILINE), said
        assert re.search(rf"^VERSION: +{row.version}$", said, re.MULTILINE), said
        assert not row.group or re.search(rf"^GROUP: +{re.escape(row.group)}$", said, re.MULTILINE)
        assert {"apiVersion", "kind", "metadata"} <= {name for indent, name in fields if len(indent) == 2}
        assert {"managedFields", "ownerReferences"} <= {name for _, name in fields}
        assert "fieldsV1\t<FieldsV1>" in said
        assert "creationTimestamp\t<string>" in said

    await for_every_kind(explain)


async def test_every_kind_is_explained_from_the_older_document(kubectl):
    async def explain(row):
        said, fields = await explained(kubectl, row, "--output=plaintext-openapiv2")
        assert re.search(rf"^KIND: +{row.kind}$", said, re.MULTILINE), said
        assert re.search(rf"^VERSION: +{re.escape(row.api_version)}$", said, re.MULTILINE), said
        assert {"apiVersion", "kind", "metadata"} <= {name for _, name in fields}

    await for_every_kind(explain)


@pytest.mark.parametrize("minor", range(27, 34))
async def test_every_kubectl_explains_a_field_in_words(kubectl, minor):
    kubectl.program = kubectl_world.kubectl_of(minor)
    said = await kubectl("explain", "pods.spec.containers.image")
    assert "FIELD: image <string>" in said
    assert "Container image name." in said
    assert "does not exist" in await kubectl("explain", "pods.spec.nothing", fails=True)
