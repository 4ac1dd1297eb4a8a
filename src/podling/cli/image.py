"""``podling image``: the images of this machine, shared by all its clusters."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from podling.cluster.errors import BadConfig

from . import options, screen

T = TypeVar("T")
app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _image() -> None:
    """List, pull, load and remove images."""


@app.command("ls")
def list_images(data_dir: options.DataDir = None, output: options.Output = "text") -> None:
    """List the images of this machine."""
    as_json = screen.wants_json(output)
    images = _with_store(data_dir, lambda store: store.list())
    if as_json:
        screen.print_json(
            [
                {"id": image.id, "tags": image.repo_tags, "digests": image.repo_digests, "size": image.size}
                for image in images
            ]
        )
        return
    rows: list[tuple[str, ...]] = [
        (tag, image.id.partition(":")[2][:12], f"{image.size / 1e6:.1f} MB")
        for image in images
        for tag in image.repo_tags or ("<none>",)
    ]
    screen.table(("IMAGE", "ID", "SIZE"), rows)


@app.command("pull")
def pull(
    reference: Annotated[str, typer.Argument(help="Name of the image.")], data_dir: options.DataDir = None
) -> None:
    """Fetch an image from its registry."""
    begun = time.perf_counter()
    image = _with_store(data_dir, lambda store: store.pull(reference))
    screen.tick(f"{reference} is {image.id}, {image.size / 1e6:.1f} MB", seconds=time.perf_counter() - begun)


@app.command("load")
def load(
    source: Annotated[
        str,
        typer.Argument(
            help="An archive of docker save, podman save or skopeo; - for one on standard input; "
            "or the name of an image of Docker, Podman or containerd on this machine."
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name for an image that brings none.")] = "",
    origin: Annotated[
        str, typer.Option("--from", help="Whose image it is: docker, podman or containerd.")
    ] = "",
    data_dir: options.DataDir = None,
) -> None:
    """Load an image that you have built, from a file or straight from the tool that built it."""
    names = [name] if name else []
    begun = time.perf_counter()

    async def work(store: Any) -> tuple[str, Any]:
        path = Path(source)
        if not origin and source == "-":
            with store.content.scratch() as scratch:
                return "", await store.load(_standard_input(scratch / "stdin.tar"), names=names)
        if not origin and path.exists():
            return "", await store.load(path, names=names)
        if not origin and _looks_like_a_file(source):
            raise BadConfig(f"cannot load {source}: no such file")
        whose, images = await store.load_local(source, source=origin)
        return f" from {whose}", images

    whose, images = _with_store(data_dir, work)
    for image in images:
        title = ", ".join(image.repo_tags) or image.id
        screen.tick(f"{title}, {image.size / 1e6:.1f} MB{whose}", seconds=time.perf_counter() - begun)


def _looks_like_a_file(source: str) -> bool:
    return source.startswith(("/", "./", "../", "~")) or source.endswith((".tar", ".tgz", ".gz", ".xz"))


def _standard_input(file: Path) -> Path:
    with file.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    return file


@app.command("prune")
def prune(
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also images that have a name: all that no container uses.")
    ] = False,
    data_dir: options.DataDir = None,
) -> None:
    """Remove images that have no name any more and that no container uses."""
    gone = _with_store(data_dir, lambda store: store.prune(everything=everything))
    for image in gone:
        screen.tick(f"{', '.join(image.repo_tags) or image.id} removed")
    screen.tick(f"{sum(image.size for image in gone) / 1e6:.1f} MB of images removed")


@app.command("rm")
def remove(
    references: Annotated[list[str], typer.Argument(help="Names or ids.")], data_dir: options.DataDir = None
) -> None:
    """Remove images that no container uses."""
    from podling.runtime.interface import ImageFault

    async def remove_all(store: Any) -> None:
        for reference in references:
            if await store.resolve(reference) is None:
                raise ImageFault(f"cannot remove {reference}: there is no such image")
            await store.remove(reference)
            screen.tick(f"{reference} removed")

    _with_store(data_dir, remove_all)


def _with_store(data_dir: Path | None, work: Callable[[Any], Awaitable[T]]) -> T:
    from podling.runtime import images

    async def session() -> T:
        store = images.ImageStore(options.data_folder(data_dir) / "images")
        await store.start()
        return await work(store)

    return asyncio.run(session())
