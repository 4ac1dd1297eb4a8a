"""Namespaces: they stay Terminating until their own finalizers, in the spec, are gone.

`spec.finalizers` is written by creation and by the `finalize` subresource, never by an update.
"""

from __future__ import annotations

from podling.api.kinds import Kind
from podling.api.types import core_v1

from .addresses import Addresses
from .strategy import Context, Strategy

FINALIZER = "kubernetes"
NAME_LABEL = "kubernetes.io/metadata.name"


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return NamespaceStrategy(kind)


class NamespaceStrategy(Strategy):
    returns_deleted = True

    def reset(self, body: core_v1.Namespace, old: core_v1.Namespace | None) -> None:
        if old is None:
            body.status = core_v1.NamespaceStatus(phase="Active")
        else:
            body.spec, body.status = old.spec, old.status

    def prepare_create(self, body: core_v1.Namespace, context: Context) -> None:
        super().prepare_create(body, context)
        spec = body.spec = body.spec or core_v1.NamespaceSpec()
        finalizers = spec.finalizers or []
        spec.finalizers = finalizers if FINALIZER in finalizers else [*finalizers, FINALIZER]
        self._label(body)

    def prepare_update(self, body: core_v1.Namespace, old: core_v1.Namespace, context: Context) -> None:
        super().prepare_update(body, old, context)
        self._label(body)

    def may_vanish(self, body: core_v1.Namespace) -> bool:
        return not (body.spec is not None and body.spec.finalizers)

    def _label(self, body: core_v1.Namespace) -> None:
        body.metadata.labels = {**(body.metadata.labels or {}), NAME_LABEL: body.metadata.name or ""}
