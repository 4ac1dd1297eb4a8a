"""Versions that objects are stored in, and their migration (internal.apiserver.k8s.io, storagemigration.k8s.io)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podling.api.types.meta_v1 import GroupResource

from .layout import AGE, NAME, UNSET, Cells, Column, Layout, age, name, some_of

if TYPE_CHECKING:
    from podling.api.types.apiserverinternal_v1alpha1 import StorageVersion
    from podling.api.types.storagemigration_v1 import StorageVersionMigration

_SHOWN = 3


def _storage_version(obj: StorageVersion, now: float) -> Cells:
    status = obj.status
    servers = (status.storage_versions if status else None) or ()
    versions = [f"{server.api_server_id}={server.encoding_version}" for server in servers]
    return [
        name(obj),
        (status.common_encoding_version if status else None) or UNSET,
        some_of(versions, len(versions), _SHOWN) or UNSET,
        age(obj, now),
    ]


STORAGE_VERSIONS = Layout(
    (
        NAME,
        Column("CommonEncodingVersion", "The version that all servers write."),
        Column("StorageVersions", "What each server writes."),
        AGE,
    ),
    _storage_version,
)


def _migration(obj: StorageVersionMigration, now: float) -> Cells:
    resource = obj.spec.resource if obj.spec else GroupResource()
    true = [
        item.type for item in (obj.status.conditions if obj.status else None) or () if item.status == "True"
    ]
    states = [type for type in true if type in ("Running", "Failed", "Succeeded")]
    return [
        name(obj),
        f"{resource.resource}.{resource.group}" if resource.group else resource.resource,
        states[-1] if states else "Unknown",
    ]


STORAGE_VERSION_MIGRATIONS = Layout(
    (
        Column("Name", NAME.description),
        Column("Resource", "What is written anew."),
        Column("Status", "How the migration stands."),
    ),
    _migration,
)
