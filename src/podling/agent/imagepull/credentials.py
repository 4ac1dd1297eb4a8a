"""Registry credentials out of pull secrets (pure).

(Source: concepts/containers/images, "Interpretation of config.json"; tasks/configure-pod-container/pull-image-private-registry.)
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from podling.api.types import core_v1
from podling.runtime.interface import Credentials

_FIELDS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


class SecretKey(msgspec.Struct, frozen=True, kw_only=True):
    """The Secret that credentials come from, and a hash of the credentials themselves."""

    uid: str
    namespace: str
    name: str
    hash: str

    @property
    def place(self) -> tuple[str, str, str]:
        return self.uid, self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Known:
    """Credentials of a Pod, and where they are from."""

    credentials: Credentials
    secret: SecretKey


def matching(secrets: Iterable[core_v1.Secret], repository: str) -> list[Known]:
    """What the secrets hold for ``repository`` (``registry/path``), the most specific first."""
    found: list[tuple[str, Known]] = []
    for secret in secrets:
        for server, entry in _entries(secret).items():
            pattern = _pattern(server)
            if _covers(pattern, repository) and (made := _credentials(entry)) is not None:
                found.append((pattern, Known(made, _key(secret, made))))
    found.sort(key=lambda item: -len(item[0]))
    return [known for _, known in found]


def _key(secret: core_v1.Secret, credentials: Credentials) -> SecretKey:
    meta = secret.metadata
    return SecretKey(
        uid=meta.uid or "",
        namespace=meta.namespace or "",
        name=meta.name or "",
        hash=hashlib.sha256(msgspec.json.encode(credentials)).hexdigest(),
    )


def _entries(secret: core_v1.Secret) -> Mapping[str, Any]:
    """Server -> entry; nothing of a secret that is none of the two types, or damaged."""
    field = _FIELDS.get(secret.type or "")
    text = (secret.data or {}).get(field or "")
    if text is None:
        return {}
    try:
        document = msgspec.json.decode(base64.b64decode(text))
    except (binascii.Error, msgspec.DecodeError):
        return {}
    if not isinstance(document, dict):
        return {}
    entries = document.get("auths") if field == ".dockerconfigjson" else document
    return entries if isinstance(entries, dict) else {}


def _pattern(server: str) -> str:
    """``https://index.docker.io/v1/`` -> ``docker.io``."""
    name = server.split("://", 1)[-1].rstrip("/").removesuffix("/v1").removesuffix("/v2")
    return "docker.io" if name in ("index.docker.io", "registry-1.docker.io") else name


def _covers(pattern: str, repository: str) -> bool:
    """Hosts may hold wildcards, label by label; a path covers what is below it."""
    host, _, path = pattern.partition("/")
    own_host, _, own_path = repository.partition("/")
    labels, own_labels = host.split("."), own_host.split(".")
    if len(labels) != len(own_labels):
        return False
    if not all(fnmatch.fnmatchcase(own, label) for own, label in zip(own_labels, labels, strict=True)):
        return False
    return not path or own_path == path or own_path.startswith(f"{path}/")


def _credentials(entry: Any) -> Credentials | None:
    if not isinstance(entry, dict):
        return None
    if token := entry.get("registrytoken"):
        return Credentials(token=str(token))
    name, password = entry.get("username"), entry.get("password")
    if entry.get("auth"):
        try:
            name, _, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
    return Credentials(username=str(name), password=str(password or "")) if name else None
