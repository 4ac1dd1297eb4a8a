"""``podling logs``: a container's output; for machines without kubectl."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from . import options


def command(
    pod: Annotated[str, typer.Argument(help="The Pod.")],
    container: Annotated[str, typer.Option("--container", "-c", help="The container [the only one].")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the container ends.")] = False,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the run before the last restart.")
    ] = False,
    tail: Annotated[int | None, typer.Option(help="Only the last lines.")] = None,
    timestamps: Annotated[bool, typer.Option(help="When each line was written.")] = False,
    namespace: options.Namespace = "default",
    name: options.Name = options.NAME,
    data_dir: options.DataDir = None,
) -> None:
    """Print a container's log."""
    from podling.api import kinds

    from . import session

    given = {
        "container": container,
        "follow": "true" if follow else "",
        "previous": "true" if previous else "",
        "tailLines": "" if tail is None else str(tail),
        "timestamps": "true" if timestamps else "",
    }
    query = tuple((key, value) for key, value in given.items() if value)

    async def copy(client: Any) -> None:
        response = await client.stream(kinds.POD.url(namespace, pod, "log"), query=query)
        try:
            async for chunk in response.chunks():
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
        finally:
            await response.close()

    session.run(options.layout(name, data_dir), copy)
