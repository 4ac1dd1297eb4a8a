"""Images that other tools of this machine hold: each is asked to write an archive, which ``archive`` reads.

Docker is asked by its own program, Podman's and Buildah's storage is read by skopeo, containerd by ``ctr``, in each of its
namespaces.  A tool that is not installed is passed over.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from podling.aio import spawn
from podling.runtime.interface import ImageFault

from .reference import parse
from .skopeo import complaint

_SECONDS = 3600.0
_CONTAINERD = Path("/run/containerd/containerd.sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A tool that holds images.

    program  what is run; one that is not there means that the tool is not.
    present  whether the tool has anything here, where its program alone does not tell.
    exports  the ways to write the image of a name to a file, tried in this order.
    """

    program: str
    present: Callable[[], bool]
    exports: Callable[[str, Path], Sequence[Sequence[str]]]


def _docker(name: str, file: Path) -> Sequence[Sequence[str]]:
    return [["docker", "save", "--output", str(file), name]]


def _podman(name: str, file: Path) -> Sequence[Sequence[str]]:
    """Short names are looked for where builds put them, then as they are read elsewhere."""
    own = name if "/" in name else f"localhost/{name}"
    tries = dict.fromkeys((own, str(parse(name))))
    return [
        [
            "skopeo",
            "--insecure-policy",
            "copy",
            "--quiet",
            f"containers-storage:{one}",
            f"docker-archive:{file}",
        ]
        for one in tries
    ]


def _containerd(name: str, file: Path) -> Sequence[Sequence[str]]:
    own = os.environ.get("CONTAINERD_NAMESPACE")
    spaces = [own] if own else ["default", "k8s.io", "moby"]
    return [
        ["ctr", "--namespace", space, "images", "export", str(file), str(parse(name))] for space in spaces
    ]


def _has_containers_storage() -> bool:
    return any(shutil.which(program) for program in ("podman", "buildah")) or bool(
        os.environ.get("CONTAINERS_STORAGE_CONF")
    )


def _has_containerd() -> bool:
    return _CONTAINERD.exists() or bool(os.environ.get("CONTAINERD_ADDRESS"))


SOURCES = {
    "docker": Source(program="docker", present=lambda: True, exports=_docker),
    "podman": Source(program="skopeo", present=_has_containers_storage, exports=_podman),
    "containerd": Source(program="ctr", present=_has_containerd, exports=_containerd),
}


async def export(name: str, file: Path, *, source: str = "") -> tuple[str, Path]:
    """Write the image as an archive; returns whose it was and the file.  Raises ``ImageFault`` with what each tool said."""
    if source and source not in SOURCES:
        raise ImageFault(f"cannot load {name} from {source}: known are {', '.join(SOURCES)}")
    asked = [source] if source else list(SOURCES)
    said: list[str] = []
    for tool in asked:
        row = SOURCES[tool]
        if shutil.which(row.program) is None or not (source or row.present()):
            said.append(f"{tool} is not here")
            continue
        why = ""
        for argv in row.exports(name, file):
            why = await _run(argv)
            if not why:
                return tool, file
            file.unlink(missing_ok=True)
        said.append(f"{tool} says: {why}")
    raise ImageFault(f"cannot load {name}: no such file, and {'; '.join(said)}")


async def _run(argv: Sequence[str]) -> str:
    """What the tool complains of; "" if it did it."""
    try:
        done = await spawn.run(argv, limit_seconds=_SECONDS)
    except spawn.SpawnFault as error:
        return str(error)
    return " ".join(complaint(done.error_text).split()) if done.returncode else ""
