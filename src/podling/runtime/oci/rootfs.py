"""A container's root file system: its image's layers below, a writable folder of its own on top, joined by overlayfs.

``volatile`` spares the flush at unmount: the writable part is of no use after a reboot, so nothing is lost by it.
Blocking; called on worker threads, which have a working folder of their own (layers are named relative to it, since
all options must fit in one page).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from podling.runtime import linux, removal
from podling.runtime.images import Rootfs
from podling.runtime.interface import CreateFault

_PAGE = 4096


def mount(merged: Path, writable: Path, image: Rootfs, *, owner: int = 0) -> None:
    """Mount ``image`` on the folder ``merged``; what is written lands in ``writable/upper``, which is ``owner``'s.

    Raises ``CreateFault``.
    """
    upper, work = writable / "upper", writable / "work"
    for folder in (writable, upper, work):
        folder.mkdir(mode=0o755)
    if owner:
        os.chown(upper, owner, owner)
    options = f"lowerdir={':'.join(image.lower)},upperdir={_escaped(upper)},workdir={_escaped(work)},volatile"
    if not image.lower:
        raise CreateFault("cannot mount the image: it has no layers")
    if len(options) >= _PAGE:
        raise CreateFault(
            f"cannot mount the image: {len(image.lower)} layers are more than one mount call can name"
        )
    os.chdir(image.layers_dir)
    try:
        linux.mount("overlay", str(merged), "overlay", 0, options)
    except OSError as error:
        raise CreateFault(f"cannot mount the image: {error.strerror}") from error
    finally:
        os.chdir("/")


def mount_read_only(target: Path, image: Rootfs) -> None:
    """Mount an image's content at ``target`` (an image volume)."""
    os.chdir(image.layers_dir)
    try:
        if len(image.lower) == 1:
            linux.mount(image.lower[0], str(target), flags=linux.MS_BIND)
            linux.mount("", str(target), flags=linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY)
        else:
            linux.mount(
                "overlay", str(target), "overlay", linux.MS_RDONLY, f"lowerdir={':'.join(image.lower)}"
            )
    except OSError as error:
        raise CreateFault(f"cannot mount the image volume: {error.strerror}") from error
    finally:
        os.chdir("/")


def remove(folder: Path, writable: Path) -> None:
    """Unmount and delete everything of a container's folders.  Idempotent."""
    for place in (folder, writable):
        with contextlib.suppress(FileNotFoundError):
            removal.remove(place)


def _escaped(path: Path) -> str:
    """Overlayfs reads commas and colons in option values as separators."""
    return str(path).replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")
