"""The rules of Secrets."""

from __future__ import annotations

import binascii
from collections.abc import Iterator

import msgspec

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import each, immutable

MAX_SIZE = 1024 * 1024
ACCOUNT = "kubernetes.io/service-account.name"
_IMMUTABLE = "field is immutable when `immutable` is set"
_DATA = Path("data")
_JSON_KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}


def create(secret: core_v1.Secret) -> Iterator[FieldError]:
    data = secret.data or {}
    size = 0
    for key, value in data.items():
        yield from each(names.config_key, key, _DATA.key(key))
        size += len(value) * 3 // 4
    if size > MAX_SIZE:
        yield field.too_long(_DATA, MAX_SIZE)
    yield from _typed(secret, data)


def update(secret: core_v1.Secret, old: core_v1.Secret) -> Iterator[FieldError]:
    yield from immutable(secret.type, old.type, Path("type"))
    if old.immutable:
        if not secret.immutable:
            yield field.forbidden(Path("immutable"), _IMMUTABLE)
        if (secret.data or {}) != (old.data or {}):
            yield field.forbidden(_DATA, _IMMUTABLE)
    yield from create(secret)


def _typed(secret: core_v1.Secret, data: dict[str, str]) -> Iterator[FieldError]:
    """What the well-known types must hold."""
    if secret.type == "kubernetes.io/service-account-token":
        if not (secret.metadata.annotations or {}).get(ACCOUNT):
            yield field.required((Path("metadata") / "annotations").key(ACCOUNT))
    elif secret.type == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            yield field.required(_DATA.key("username"))
            yield field.required(_DATA.key("password"))
    elif secret.type == "kubernetes.io/ssh-auth":
        if not data.get("ssh-privatekey"):
            yield field.required(_DATA.key("ssh-privatekey"))
    elif secret.type == "kubernetes.io/tls":
        for key in ("tls.crt", "tls.key"):
            if key not in data:
                yield field.required(_DATA.key(key))
    elif secret.type in _JSON_KEYS:
        yield from _json(data, _JSON_KEYS[secret.type])


def _json(data: dict[str, str], key: str) -> Iterator[FieldError]:
    if key not in data:
        yield field.required(_DATA.key(key))
        return
    try:
        msgspec.json.decode(binascii.a2b_base64(data[key]))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        yield field.invalid(_DATA.key(key), "<secret contents redacted>", str(error))
