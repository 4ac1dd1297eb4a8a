"""Aggregated discovery (`apidiscovery.k8s.io/v2`), which OpenAPI does not define: all groups in one document."""

from __future__ import annotations

from msgspec import field

from . import meta_v1
from ._model import ApiType


class GroupVersionKind(ApiType, kw_only=True):
    """What a resource's answers are."""

    group: str = field(default_factory=str)
    version: str = field(default_factory=str)
    kind: str = field(default_factory=str)


class APISubresourceDiscovery(ApiType, kw_only=True):
    """One subresource."""

    subresource: str = field(default_factory=str)
    response_kind: GroupVersionKind | None = None
    accepted_types: list[GroupVersionKind] | None = None
    verbs: list[str] = field(default_factory=[].copy)


class APIResourceDiscovery(ApiType, kw_only=True):
    """One resource; `scope` is `Cluster` or `Namespaced`."""

    resource: str = field(default_factory=str)
    response_kind: GroupVersionKind | None = None
    scope: str = field(default_factory=str)
    singular_resource: str = field(default_factory=str)
    verbs: list[str] = field(default_factory=[].copy)
    short_names: list[str] | None = None
    categories: list[str] | None = None
    subresources: list[APISubresourceDiscovery] | None = None


class APIVersionDiscovery(ApiType, kw_only=True):
    """One version of a group; `freshness` is `Current` or `Stale`."""

    version: str = field(default_factory=str)
    resources: list[APIResourceDiscovery] | None = None
    freshness: str | None = None


class APIGroupDiscovery(ApiType, kw_only=True):
    """One group, named by its metadata; the preferred version comes first."""

    kind: str | None = None
    api_version: str | None = None
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    versions: list[APIVersionDiscovery] | None = None


class APIGroupDiscoveryList(ApiType, kw_only=True):
    """The document at `/api` and `/apis`."""

    kind: str = field(default_factory="APIGroupDiscoveryList".__str__)
    api_version: str = field(default_factory="apidiscovery.k8s.io/v2".__str__)
    metadata: meta_v1.ListMeta = field(default_factory=meta_v1.ListMeta)
    items: list[APIGroupDiscovery] = field(default_factory=[].copy)
