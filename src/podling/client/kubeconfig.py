"""kubectl's configuration files: which ones count, what they say together, how to reach the cluster they name.

The rules are client-go's (`tools/clientcmd`): `--kubeconfig FILE` means that file alone; else KUBECONFIG is a list of files of which missing
ones are passed over; else `~/.kube/config`. Of several files the first that sets a name or a value wins. Relative paths are meant from the
file that they stand in. Writing is in `kubeconfig_edit`.

Credentials by exec plugin, auth provider, user name and password are refused by name: Podling's own clusters use certificates and tokens.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigFault
from .http import ServerAddress

Document = dict[str, Any]
SECTIONS = ("clusters", "contexts", "users")
_REFUSED = {
    "exec": "credential plugins",
    "auth-provider": "auth providers",
    "username": "user name and password",
    "as": "impersonation",
}


@dataclass(frozen=True, slots=True)
class Paths:
    """The files that count, in order. `explicit`: one file named by the user, which must then exist to be read."""

    files: tuple[Path, ...]
    explicit: bool = False

    @property
    def default(self) -> Path:
        """Where new entries go: the first file that exists, else the last one (client-go's GetDefaultFilename)."""
        for file in self.files:
            if file.exists():
                return file
        return self.files[-1]


def search_paths(environ: Mapping[str, str], home: Path, *, explicit: Path | None = None) -> Paths:
    """The files that kubectl would use in this environment."""
    if explicit is not None:
        return Paths((explicit,), explicit=True)
    named = [part for part in environ.get("KUBECONFIG", "").split(":") if part]
    if named:
        return Paths(tuple(Path(part) for part in dict.fromkeys(named)))
    return Paths((home / ".kube" / "config",))


@dataclass(frozen=True, slots=True)
class Access:
    """One context, resolved."""

    context: str
    address: ServerAddress
    namespace: str = "default"


@dataclass(slots=True)
class Merged:
    """What several files say together. Each entry knows the folder that its relative paths are meant from."""

    current_context: str = ""
    entries: dict[str, dict[str, tuple[Document, Path]]] = field(
        default_factory=lambda: {section: {} for section in SECTIONS}
    )

    def add(self, document: Document, file: Path) -> None:
        self.current_context = self.current_context or document.get("current-context") or ""
        for section in SECTIONS:
            for entry in document.get(section) or ():
                body = entry.get(section[:-1]) or {}
                self.entries[section].setdefault(entry.get("name", ""), (body, file.parent))


def load(paths: Paths, *, context: str = "") -> Access:
    """How to reach the cluster of `context`, or of the current context. Raises ConfigFault."""
    merged = read_all(paths)
    name = context or merged.current_context
    where = ", ".join(str(file) for file in paths.files)
    if not name:
        raise ConfigFault(f"cannot choose a cluster: no current context in {where}")
    if name not in merged.entries["contexts"]:
        raise ConfigFault(f"cannot use context {name!r}: it is not in {where}")
    body, _ = merged.entries["contexts"][name]
    cluster = _named(merged, "clusters", body.get("cluster", ""), name)
    user = _named(merged, "users", body.get("user", ""), name) if body.get("user") else ({}, Path())
    return Access(name, _address(name, cluster, user), body.get("namespace") or "default")


def read_all(paths: Paths) -> Merged:
    """All files that exist, merged. Raises ConfigFault for one that cannot be read or understood."""
    merged = Merged()
    for file in paths.files:
        document = read(file)
        if document is None and paths.explicit:
            raise ConfigFault(f"cannot read {file}: there is no such file")
        merged.add(document or {}, file)
    return merged


def read(file: Path) -> Document | None:
    """One file as it stands; None when there is none. Raises ConfigFault."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigFault(f"cannot read {file}: {error.strerror}") from error
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ConfigFault(f"cannot read {file}: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict) or not all(
        isinstance(document.get(section) or [], list) for section in SECTIONS
    ):
        raise ConfigFault(f"cannot read {file}: it is no kubeconfig")
    return document


def _named(merged: Merged, section: str, name: str, context: str) -> tuple[Document, Path]:
    try:
        return merged.entries[section][name]
    except KeyError:
        raise ConfigFault(
            f"cannot use context {context!r}: it names {section[:-1]} {name!r}, which is not there"
        ) from None


def _address(context: str, cluster: tuple[Document, Path], user: tuple[Document, Path]) -> ServerAddress:
    server, folder = cluster
    who, user_folder = user
    for name, what in _REFUSED.items():
        if who.get(name):
            raise ConfigFault(f"cannot use context {context!r}: {what} are not supported")
    if server.get("proxy-url"):
        raise ConfigFault(f"cannot use context {context!r}: proxies are not supported")
    if not server.get("server"):
        raise ConfigFault(f"cannot use context {context!r}: its cluster has no server")
    token_file = who.get("tokenFile")
    return ServerAddress(
        url=server["server"],
        ca=_material(server, "certificate-authority", folder),
        insecure=bool(server.get("insecure-skip-tls-verify")),
        server_name=server.get("tls-server-name") or "",
        certificate=_material(who, "client-certificate", user_folder),
        key=_material(who, "client-key", user_folder),
        token=who.get("token") or "",
        token_file=user_folder / token_file if token_file else None,
    )


def _material(body: Document, name: str, folder: Path) -> bytes:
    """PEM text that stands inline as `NAME-data` (which wins) or in the file `NAME`."""
    if inline := body.get(f"{name}-data"):
        try:
            return base64.b64decode(inline, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigFault(f"cannot read {name}-data: {error}") from error
    if not body.get(name):
        return b""
    file = folder / str(body[name])
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigFault(f"cannot read {file}: {error.strerror}") from error
