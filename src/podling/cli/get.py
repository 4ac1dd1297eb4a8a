"""``podling get``: objects as the server's own tables, or as YAML or JSON; for machines without kubectl."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from podling.cluster.errors import BadConfig

from . import options, screen

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
FORMS = ("", "text", "wide", "yaml", "json", "name")


def command(
    kind: Annotated[str, typer.Argument(help="What to show: pods, po, nodes, events, deployments.apps ...")],
    names: Annotated[list[str] | None, typer.Argument(help="Only these objects.")] = None,
    namespace: options.Namespace = "default",
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="In all namespaces.")] = False,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Only objects with these labels.")] = "",
    output: Annotated[str, typer.Option("--output", "-o", help="wide, yaml, json or name [a table].")] = "",
    name: options.Name = options.NAME,
    data_dir: options.DataDir = None,
) -> None:
    """Show objects as a table, YAML or JSON."""
    if output not in FORMS:
        raise BadConfig(f"cannot print as {output!r}: the forms are wide, yaml, json and name")
    from . import session

    row = session.kind_named(kind)
    place = namespace if row.namespaced and not everywhere else None
    query = f"?labelSelector={selector}" if selector else ""
    paths = [row.url(place, item) for item in names or ()] or [row.url(place) + query]
    tables = output in ("", "text", "wide")

    async def fetch(client: Any) -> list[dict[str, Any]]:
        accept = TABLE if tables else "application/json"
        return [json.loads(await client.get_raw(path, accept=accept)) for path in paths]

    found = session.run(options.layout(name, data_dir), fetch)
    if tables:
        _print_tables(found, wide=output == "wide", everywhere=everywhere and row.namespaced)
    elif output == "name":
        for item in _objects(found):
            typer.echo(f"{row.singular}/{item['metadata']['name']}")
    else:
        _print_objects(found, output)


def _objects(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for answer in found for item in answer.get("items", [answer])]


def _print_objects(found: list[dict[str, Any]], form: str) -> None:
    whole = found[0] if len(found) == 1 else {"apiVersion": "v1", "kind": "List", "items": found}
    if form == "json":
        screen.print_json(whole)
    else:
        from podling.api.codec import yaml_dump

        typer.echo(yaml_dump(whole), nl=False)


def _print_tables(found: list[dict[str, Any]], *, wide: bool, everywhere: bool) -> None:
    definitions = found[0]["columnDefinitions"]
    shown = [index for index, column in enumerate(definitions) if wide or not column["priority"]]
    heads = [definitions[index]["name"].upper() for index in shown]
    rows = []
    for row in (row for table in found for row in table.get("rows") or ()):
        cells = [_cell(row["cells"][index]) for index in shown]
        space = [row["object"]["metadata"].get("namespace", "")] if everywhere else []
        rows.append((*space, *cells))
    if not rows:
        typer.echo("No resources found", err=True)
        return
    screen.table((*(["NAMESPACE"] if everywhere else []), *heads), rows)


def _cell(value: Any) -> str:
    return "<none>" if value is None else str(value)
