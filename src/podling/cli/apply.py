"""``podling apply -f``: create or change the objects of a file, by a strategic merge; for machines without kubectl."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from podling.cluster.errors import BadConfig

from . import options


def command(
    filename: Annotated[str, typer.Option("--filename", "-f", help="YAML or JSON; - is standard input.")],
    namespace: options.Namespace = "default",
    name: options.Name = options.NAME,
    data_dir: options.DataDir = None,
) -> None:
    """Create or change the objects of a file."""
    from podling.api.codec import yaml_load_all

    from . import session

    if filename == "-":
        text = sys.stdin.buffer.read()
    else:
        try:
            text = Path(filename).read_bytes()
        except OSError as error:
            raise BadConfig(f"cannot read {filename}: {error.strerror}") from error
    documents = yaml_load_all(text, name=filename)
    if not documents:
        raise BadConfig(f"cannot apply {filename}: there is no object in it")

    async def write(client: Any) -> None:
        for document in documents:
            typer.echo(await _apply(client, document, namespace))

    session.run(options.layout(name, data_dir), write)


async def _apply(client: Any, document: dict[str, Any], namespace: str) -> str:
    """Create the object, or merge the file's fields into the one that is there; what kubectl prints of it."""
    from podling.api import errors, kinds
    from podling.client import PatchType

    metadata = document.get("metadata") or {}
    try:
        row = kinds.by_api_version(str(document.get("apiVersion", "")), str(document.get("kind", "")))
    except kinds.UnknownKind as error:
        raise BadConfig(f"cannot apply: {error}") from error
    name = metadata.get("name")
    if not name:
        raise BadConfig(f"cannot apply a {row.kind} without metadata.name")
    place = metadata.get("namespace", namespace) if row.namespaced else None
    resource = client.untyped(row)
    shown = f"{row.singular}{'.' + row.group if row.group else ''}/{name}"
    try:
        before = await resource.get(name, namespace=place)
    except errors.NotFound:
        await resource.create(document, namespace=place)
        return f"{shown} created"
    kind = PatchType.STRATEGIC if row.type else PatchType.MERGE
    after = await resource.patch(name, document, namespace=place, type=kind)
    same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    return f"{shown} {'unchanged' if same else 'configured'}"
