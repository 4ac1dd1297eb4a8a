"""Secrets: what is written as text in `stringData` is kept in `data`."""

from __future__ import annotations

import binascii

from podling.api.kinds import Kind
from podling.api.types import core_v1

from .addresses import Addresses
from .strategy import Context, Strategy


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return SecretStrategy(kind)


class SecretStrategy(Strategy):
    def prepare_create(self, body: core_v1.Secret, context: Context) -> None:
        super().prepare_create(body, context)
        _merge(body)

    def prepare_update(self, body: core_v1.Secret, old: core_v1.Secret, context: Context) -> None:
        _merge(body)
        if not body.type:
            body.type = old.type
        super().prepare_update(body, old, context)


def _merge(secret: core_v1.Secret) -> None:
    if secret.string_data:
        encoded = {
            key: binascii.b2a_base64(text.encode(), newline=False).decode()
            for key, text in secret.string_data.items()
        }
        secret.data = {**(secret.data or {}), **encoded}
    secret.string_data = None
