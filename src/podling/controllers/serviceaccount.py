"""Every namespace has a ServiceAccount named `default`, which its Pods run as unless they say otherwise.

Made again when it is deleted; what is in it is nobody's business but its owner's.
"""

from __future__ import annotations

import contextlib

from podling.api import kinds
from podling.api.errors import AlreadyExists
from podling.api.types import core_v1, meta_v1

from .reconcile import DONE, Context, Controller, Key, Outcome, Watch, namespace_key, own_key
from .termination import accepts_content, ignoring_termination

NAME = "serviceaccount-controller"
ACCOUNT = "default"


def missing(namespace: core_v1.Namespace | None, account: core_v1.ServiceAccount | None) -> bool:
    """Whether the account is to be made."""
    return namespace is not None and accepts_content(namespace) and account is None


def controller(context: Context) -> Controller:
    accounts = context.clients(NAME).resource(core_v1.ServiceAccount)
    watches = (
        Watch(kind=kinds.NAMESPACE, keys=own_key),
        Watch(kind=kinds.SERVICE_ACCOUNT, keys=namespace_key, field_selector=f"metadata.name={ACCOUNT}"),
    )
    known_namespaces, known_accounts = (watch.informer(context.informers) for watch in watches)

    async def reconcile(key: Key) -> Outcome:
        if missing(known_namespaces.get("", key.name), known_accounts.get(key.name, ACCOUNT)):
            wanted = core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name=ACCOUNT, namespace=key.name))
            with contextlib.suppress(AlreadyExists), ignoring_termination():
                await accounts.create(wanted)
        return DONE

    return Controller(name=NAME, watches=watches, reconcile=reconcile)
