"""Writing our context into kubectl's files, and taking it out again, without losing anything that was there.

A file is changed under kubectl's own lock (`FILE.lock`, made exclusively), written whole to a temporary name beside it, synced and
renamed, readable by its owner only. Everything that is not ours stays, in its order; comments do not survive, as with kubectl. A link is
followed, so that a linked file stays where it is.

Where things go is client-go's `ModifyConfig`: an entry that exists is changed in the file it stands in, new ones and the current context
go to the default file.
"""

from __future__ import annotations

import base64
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from .errors import ConfigFault
from .kubeconfig import SECTIONS, Document, Paths, read

LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A cluster of ours: cluster, user and context of the same `name`. `ca`, `certificate` and `key` are PEM."""

    name: str
    server: str
    ca: bytes
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    namespace: str = ""

    def bodies(self) -> dict[str, Document]:
        """What goes under each section's name."""
        user: Document = {}
        if self.certificate:
            user["client-certificate-data"] = _base64(self.certificate)
            user["client-key-data"] = _base64(self.key)
        if self.token:
            user["token"] = self.token
        context: Document = {"cluster": self.name, "user": self.name}
        if self.namespace:
            context["namespace"] = self.namespace
        cluster = {"certificate-authority-data": _base64(self.ca), "server": self.server}
        return {"clusters": cluster, "contexts": context, "users": user}


def render(entry: Entry) -> bytes:
    """A kubeconfig with this entry alone, as its current context."""
    document: Document = {"apiVersion": "v1", "kind": "Config"}
    for section, body in entry.bodies().items():
        document[section] = [{"name": entry.name, section[:-1]: body}]
    return _dump({**document, "current-context": entry.name, "preferences": {}})


def merge(entry: Entry, *, paths: Paths, switch: bool) -> Path:
    """Add or replace the entry; with `switch` make it the current context. Returns the file kubectl will find it in.

    Raises ConfigFault, and then nothing was changed in the file that failed.
    """
    default = paths.default
    home = _file_with(paths, "contexts", entry.name) or default
    for file in dict.fromkeys((*paths.files, default)):
        mine = {
            section for section in SECTIONS if (_file_with(paths, section, entry.name) or default) == file
        }
        turn = switch and file == default
        if not mine and not turn:
            continue
        with _locked(file):
            document = read(file) or {}
            document.setdefault("apiVersion", "v1")
            document.setdefault("kind", "Config")
            for section, body in entry.bodies().items():
                if section in mine:
                    _put(document, section, entry.name, body)
            if turn:
                document["current-context"] = entry.name
            _write(file, document)
    return home


def remove(name: str, *, paths: Paths, ca: bytes) -> tuple[Path, ...]:
    """Take cluster, user and context of that name out of every file, and the current context if it is this one.

    A file whose cluster of that name has another authority than ``ca`` means a namesake: it is left alone.  Returns the files that were changed; none when there was nothing. Raises ConfigFault.
    """
    changed = []
    for file in paths.files:
        found = read(file)
        if not _mentions(found, name) or _is_namesake(found, name, ca):
            continue
        with _locked(file):
            document = read(file) or {}
            for section in SECTIONS:
                if section in document:
                    document[section] = [e for e in document[section] or () if e.get("name") != name]
            if document.get("current-context") == name:
                document["current-context"] = ""
            _write(file, document)
        changed.append(file)
    return tuple(changed)


def _file_with(paths: Paths, section: str, name: str) -> Path | None:
    """The first file that has such an entry."""
    for file in paths.files:
        if any(entry.get("name") == name for entry in (read(file) or {}).get(section) or ()):
            return file
    return None


def _mentions(document: Document | None, name: str) -> bool:
    if not document:
        return False
    return document.get("current-context") == name or any(
        entry.get("name") == name for section in SECTIONS for entry in document.get(section) or ()
    )


def _is_namesake(document: Document | None, name: str, ca: bytes) -> bool:
    for entry in (document or {}).get("clusters") or ():
        if entry.get("name") == name:
            held = (entry.get("cluster") or {}).get("certificate-authority-data")
            return held is not None and held != _base64(ca)
    return False


def _put(document: Document, section: str, name: str, body: Document) -> None:
    entries = document.get(section) or []
    document[section] = entries
    for entry in entries:
        if entry.get("name") == name:
            entry[section[:-1]] = body
            return
    entries.append({"name": name, section[:-1]: body})


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold kubectl's lock on the file. kubectl itself gives up at once; we wait for one that is just writing."""
    lock = file.with_name(file.name + ".lock")
    deadline = time.monotonic() + LOCK_SECONDS
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        while not _taken(lock):
            if time.monotonic() > deadline:
                raise ConfigFault(
                    f"cannot write {file}: another program holds {lock}; remove that file if none is running"
                )
            time.sleep(0.02)
    except OSError as error:
        raise ConfigFault(f"cannot write {file}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _taken(lock: Path) -> bool:
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def _write(file: Path, document: Document) -> None:
    target = file.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(_dump(document))
            stream.flush()
            _keep_owner(target, descriptor)
            os.fsync(descriptor)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigFault(f"cannot write {file}: {error.strerror}") from error


def _keep_owner(target: Path, descriptor: int) -> None:
    """A file written with sudo stays its user's; a new one belongs to the folder's owner."""
    if os.geteuid() != 0:
        return
    stat = (target if target.exists() else target.parent).stat()
    os.fchown(descriptor, stat.st_uid, stat.st_gid)


def _dump(document: Document) -> bytes:
    text = yaml.dump(document, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
    return text.encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
