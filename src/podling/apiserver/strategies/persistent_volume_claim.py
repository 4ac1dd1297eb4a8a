"""PersistentVolumeClaims: a new one is Pending, and names its data source in both fields, as old and new clients read it."""

from __future__ import annotations

from podling.api.kinds import Kind
from podling.api.types import core_v1

from .addresses import Addresses
from .returned import ReturnedStrategy
from .strategy import Context


def make(kind: Kind, addresses: Addresses) -> PersistentVolumeClaimStrategy:
    return PersistentVolumeClaimStrategy(kind)


class PersistentVolumeClaimStrategy(ReturnedStrategy):
    def prepare_create(self, body: core_v1.PersistentVolumeClaim, context: Context) -> None:
        super().prepare_create(body, context)
        body.status = core_v1.PersistentVolumeClaimStatus(phase="Pending")
        if body.spec is not None:
            _name_source_twice(body.spec)


def _name_source_twice(spec: core_v1.PersistentVolumeClaimSpec) -> None:
    plain, ref = spec.data_source, spec.data_source_ref
    if plain is not None and ref is None:
        spec.data_source_ref = core_v1.TypedObjectReference(
            api_group=plain.api_group, kind=plain.kind, name=plain.name
        )
    elif ref is not None and plain is None and not ref.namespace:
        spec.data_source = core_v1.TypedLocalObjectReference(
            api_group=ref.api_group, kind=ref.kind, name=ref.name
        )
