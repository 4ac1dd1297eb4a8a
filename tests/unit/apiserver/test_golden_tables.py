"""What `kubectl get` shows of each kind, against tables written from upstream's printers (golden_tables/*.yaml)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from podling.api import kinds, times
from podling.api.kinds import Kind
from podling.apiserver import tables

NOW = times.parse("2024-05-01T12:00:00Z")
FOLDER = Path(__file__).with_name("golden_tables")
CASES = [case for path in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(path.read_text())]


def kind_of(case: dict[str, Any]) -> Kind:
    return kinds.by_api_version(case["object"]["apiVersion"], case["object"]["kind"])


def rendered(kind: Kind, *objects: dict[str, Any]) -> dict[str, Any]:
    items = [msgspec.json.encode(item) for item in objects]
    decoded = msgspec.json.decode(tables.render(kind, items, now=NOW))
    assert isinstance(decoded, dict)
    return decoded


def heading(column: dict[str, Any]) -> str:
    """A column as the golden files write it."""
    type, format = column["type"], column["format"]
    told = "" if (type, format) == ("string", "") else f":{type}/{format}" if format else f":{type}"
    return f"{'+' if column['priority'] else ''}{column['name'].upper()}{told}"


def printed(cell: Any) -> str:
    """A cell as kubectl prints it."""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(kind_of(case)))
def test_kubectl_shows_what_upstream_shows(case: dict[str, Any]) -> None:
    wanted = [[cell.strip() for cell in line.split("|")] for line in case["table"].splitlines()]
    found = rendered(kind_of(case), case["object"])
    rows = [[printed(cell) for cell in row["cells"]] for row in found["rows"]]
    assert [[heading(column) for column in found["columnDefinitions"]], *rows] == wanted
    assert case["source"]
    assert all(column["description"] for column in found["columnDefinitions"])


def test_every_kind_has_a_golden_table() -> None:
    """In whichever version: all versions of a kind are shown alike."""
    listed = {kinds.storage_kind(row) for row in kinds.ALL if "list" in row.verbs}
    assert listed - {kinds.storage_kind(kind_of(case)) for case in CASES} == set()


def test_flow_schemas_are_listed_in_the_order_in_which_they_are_tried() -> None:
    # printFlowSchemaList sorts by precedence, then by name
    found = rendered(
        kinds.FLOW_SCHEMA,
        *(
            {
                "metadata": {"name": name},
                "spec": {"priorityLevelConfiguration": {"name": "p"}, "matchingPrecedence": precedence},
            }
            for name, precedence in (("a", 9), ("c", 5), ("b", 5))
        ),
    )
    assert [row["cells"][0] for row in found["rows"]] == ["b", "c", "a"]
