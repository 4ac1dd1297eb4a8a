"""Fills Secrets of the type `kubernetes.io/service-account-token`, and takes them away with their account.

Who makes such a Secret names an account in an annotation and gets a token for it that lasts, beside the certificates and the namespace. The
token is asked for at the API, bound to the Secret and for as long as the API gives: it dies with Secret or account. (Upstream's controller
signs by itself with the server's key, without an end; that needs the key here and says no more.) No Secret is made for an account that
nobody asked one for (KEP-2799), so that there are none for a cleaner to find.
"""

from __future__ import annotations

import binascii
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from podling.api import codec, kinds
from podling.api.errors import Conflict, NotFound
from podling.api.types import authentication_v1, core_v1
from podling.client.client import Client

from .reconcile import DONE, Context, Controller, Key, Outcome, Watch, own_key

NAME = "serviceaccount-token-controller"
TYPE = "kubernetes.io/service-account-token"
ACCOUNT, ACCOUNT_UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
CA, NAMESPACE, TOKEN = "ca.crt", "namespace", "token"
LONGEST = 1 << 32
"""Seconds: 136 years, the longest that the API takes."""


def account_of(secret: core_v1.Secret) -> str:
    """The name of the account that the Secret is for."""
    return (secret.metadata.annotations or {}).get(ACCOUNT, "")


def belongs(secret: core_v1.Secret, account: core_v1.ServiceAccount | None) -> bool:
    """Whether the account is the one that the Secret means, and not another one of that name."""
    uid = (secret.metadata.annotations or {}).get(ACCOUNT_UID)
    return account is not None and uid in (None, "", account.metadata.uid)


@dataclass(frozen=True, slots=True)
class Lack:
    """What a token Secret has to get."""

    data: dict[str, str]
    token: bool


def lack(secret: core_v1.Secret, root_ca: str) -> Lack:
    data = secret.data or {}
    missing: dict[str, str] = {}
    if root_ca and data.get(CA) != _base64(root_ca):
        missing[CA] = _base64(root_ca)
    if not data.get(NAMESPACE):
        missing[NAMESPACE] = _base64(secret.metadata.namespace or "")
    return Lack(missing, not data.get(TOKEN))


def _base64(text: str) -> str:
    return binascii.b2a_base64(text.encode(), newline=False).decode()


class TokenSecrets:
    def __init__(self, context: Context) -> None:
        self.watches = (
            Watch(kind=kinds.SECRET, keys=own_key, field_selector=f"type={TYPE}"),
            Watch(kind=kinds.SERVICE_ACCOUNT, keys=self._keys_of_account),
        )
        self._known, self._accounts = (watch.informer(context.informers) for watch in self.watches)
        client: Client = context.clients(NAME)
        self._secrets = client.resource(core_v1.Secret)
        self._account_reads = client.resource(core_v1.ServiceAccount)
        self._root_ca = context.settings.root_ca

    def _keys_of_account(self, account: core_v1.ServiceAccount) -> Iterable[Key]:
        for secret in self._known.list(account.metadata.namespace or ""):
            if account_of(secret) == account.metadata.name:
                yield from own_key(secret)

    async def reconcile(self, key: Key) -> Outcome:
        secret = self._known.get(key.namespace, key.name)
        if secret is None:
            await self._drop_references(key)
        elif secret.metadata.deletion_timestamp is None:
            account = await self._account(secret)
            if account is None:
                with contextlib.suppress(NotFound, Conflict):
                    await self._secrets.delete(key.name, namespace=key.namespace, uid=secret.metadata.uid)
            else:
                await self._fill(secret, account)
        return DONE

    async def _account(self, secret: core_v1.Secret) -> core_v1.ServiceAccount | None:
        """The account, asked for at the server if it is not known: informers lag."""
        namespace, name = secret.metadata.namespace or "", account_of(secret)
        account: core_v1.ServiceAccount | None = self._accounts.get(namespace, name)
        if belongs(secret, account):
            return account
        try:
            account = await self._account_reads.get(name, namespace=namespace)
        except NotFound:
            return None
        return account if belongs(secret, account) else None

    async def _fill(self, secret: core_v1.Secret, account: core_v1.ServiceAccount) -> None:
        found = lack(secret, self._root_ca)
        if not found.data and not found.token:
            return
        with contextlib.suppress(NotFound):
            if found.token:
                found.data[TOKEN] = _base64(await self._token(secret, account))
            changed = codec.struct_clone(secret)
            changed.data = {**(changed.data or {}), **found.data}
            own = {ACCOUNT: account.metadata.name or "", ACCOUNT_UID: account.metadata.uid or ""}
            changed.metadata.annotations = {**(changed.metadata.annotations or {}), **own}
            await self._secrets.update(changed)

    async def _token(self, secret: core_v1.Secret, account: core_v1.ServiceAccount) -> str:
        bound = authentication_v1.BoundObjectReference(
            api_version="v1", kind="Secret", name=secret.metadata.name, uid=secret.metadata.uid
        )
        request = authentication_v1.TokenRequest(
            spec=authentication_v1.TokenRequestSpec(expiration_seconds=LONGEST, bound_object_ref=bound)
        )
        answer = await self._account_reads.create_subresource(
            account.metadata.name or "", "token", request, namespace=account.metadata.namespace
        )
        given = codec.struct_decode(authentication_v1.TokenRequest, answer)
        return (given.status.token if given.status else None) or ""

    async def _drop_references(self, key: Key) -> None:
        """An account does not go on naming a token Secret that is gone."""
        for account in self._accounts.list(key.namespace):
            kept = [each for each in account.secrets or () if each.name != key.name]
            if len(kept) != len(account.secrets or ()):
                changed = codec.struct_clone(account)
                changed.secrets = kept or None
                with contextlib.suppress(NotFound):
                    await self._account_reads.update(changed)


def controller(context: Context) -> Controller:
    secrets = TokenSecrets(context)
    return Controller(name=NAME, watches=secrets.watches, reconcile=secrets.reconcile)
