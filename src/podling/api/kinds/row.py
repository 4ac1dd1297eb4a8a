"""What one row of the table of kinds says.

A `Kind` is one version of one Kubernetes kind: where it stands in the API (group, version, plural, scope, verbs), where its objects lie in
the store, and the few behaviours that differ from kind to kind without any code of their own. Rows are plain data and cheap: the Struct
type behind a row is imported when `.struct` is first asked for.

Built-in rows are made by `builtin(...)`, which fills in what Kubernetes derives from the name; rows of custom resources are made with the
`Kind` constructor itself and have `type=""`.
"""

from __future__ import annotations

import builtins
import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

__all__ = [
    "CREATE",
    "READ",
    "READ_WRITE",
    "SUBRESOURCES",
    "GroupVersionKind",
    "Kind",
    "NameRule",
    "Subresource",
    "builtin",
]

NameRule = Literal["subdomain", "label", "dns1035-label", "path-segment", "ip", "any"]

READ = ("get", "list", "watch")
READ_WRITE = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CREATE = ("create",)


class GroupVersionKind(NamedTuple):
    group: str
    version: str
    kind: str


@dataclass(frozen=True, eq=False)
class Kind:
    """One version of one kind. Rows are compared by identity."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    type: str = ""
    """`core_v1:Pod`: module under `podling.api.types` and class; empty for custom resources, whose bodies are dicts."""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = READ_WRITE
    """Verbs on the resource itself. None at all: the kind is only ever the body of a subresource (Scale, Eviction, TokenRequest)."""
    subresources: tuple[str, ...] = ()
    """Names of entries of `SUBRESOURCES`."""
    selectable: tuple[str, ...] = ()
    """Field selectors besides `metadata.name` and `metadata.namespace`."""
    prefix: str = ""
    """Where objects lie under `/registry/`; shared by all versions of a kind. Empty: never stored."""
    storage_version: str = ""
    """apiVersion that objects are stored in; equal to `api_version` for all but the kinds that have several versions."""
    convert: str = ""
    """Module under `podling.api.convert` that turns this version into the stored one and back."""
    history: bool = True
    """False: the store keeps no log of the kind's changes (Lease, Event: endless churn that nobody reads back)."""
    generation: bool = False
    """`metadata.generation` starts at 1 and rises whenever something besides metadata and status changes."""
    create_on_update: bool = False
    """An update of an object that is not there creates it."""
    unconditional_update: bool = True
    """An update without resourceVersion is taken as the last word; otherwise it is refused."""
    name_rule: NameRule = "subdomain"
    """What a name must look like; see `podling.api.names`."""
    served_by_default: bool = True
    """False for alpha and beta versions, which are served only when asked for."""

    @cached_property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def gvk(self) -> GroupVersionKind:
        return GroupVersionKind(self.group, self.version, self.kind)

    @cached_property
    def list_kind(self) -> str:
        return f"{self.kind}List"

    @cached_property
    def resource(self) -> str:
        """Group-qualified plural as it stands in messages: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def qualified_kind(self) -> str:
        """Group-qualified kind as it stands in messages: `Pod`, `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @cached_property
    def struct(self) -> builtins.type[msgspec.Struct]:
        """The generated type; importing it happens here. Raises LookupError for custom resources, which have none."""
        if not self.type:
            raise LookupError(f"cannot give a type for {self.qualified_kind}: custom resources have none")
        module, _, name = self.type.partition(":")
        found: builtins.type[msgspec.Struct] = getattr(
            importlib.import_module(f"podling.api.types.{module}"), name
        )
        return found

    @cached_property
    def is_stored(self) -> bool:
        return bool(self.prefix)

    def key(self, namespace: str | None, name: str) -> str:
        """The store's key of one object: `/registry/pods/default/web`."""
        return f"{self.key_prefix(namespace)}{name}"

    def key_prefix(self, namespace: str | None = None) -> str:
        """The store's prefix of all objects, or of those in one namespace; ends in a slash."""
        if self.namespaced and namespace:
            return f"/registry/{self.prefix}/{namespace}/"
        return f"/registry/{self.prefix}/"

    def url(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The path under which the API serves it: `/apis/apps/v1/namespaces/default/deployments/web/scale`."""
        parts = ["/apis" if self.group else "/api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)

    def __repr__(self) -> str:
        return f"<{self.api_version} {self.kind}>"


@dataclass(frozen=True, slots=True)
class Subresource:
    """How a subresource shows in discovery. `kind` names its body where that is another kind than the parent's own."""

    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


_CHANGE = ("get", "patch", "update")
_PROXY = ("create", "delete", "get", "patch", "update")

SUBRESOURCES: dict[str, Subresource] = {
    "approval": Subresource(_CHANGE),
    "attach": Subresource(("create", "get"), kind="PodAttachOptions"),
    "binding": Subresource(CREATE, kind="Binding"),
    "ephemeralcontainers": Subresource(_CHANGE),
    "eviction": Subresource(CREATE, kind="Eviction", group="policy", version="v1"),
    "exec": Subresource(("create", "get"), kind="PodExecOptions"),
    "finalize": Subresource(("update",)),
    "log": Subresource(("get",)),
    "portforward": Subresource(("create", "get"), kind="PodPortForwardOptions"),
    "proxy": Subresource(_PROXY, kind="{kind}ProxyOptions"),
    "resize": Subresource(_CHANGE),
    "scale": Subresource(_CHANGE, kind="Scale", group="autoscaling", version="v1"),
    "status": Subresource(_CHANGE),
    "token": Subresource(CREATE, kind="TokenRequest", group="authentication.k8s.io", version="v1"),
}


_MODULES = {"": "core", "internal.apiserver.k8s.io": "apiserverinternal"}
"""Groups whose generated module is not named after the group's first label."""


def builtin(
    group_version: str,
    name: str,
    plural: str,
    *,
    namespaced: bool = True,
    short: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    verbs: tuple[str, ...] = READ_WRITE,
    subresources: tuple[str, ...] = (),
    selectable: tuple[str, ...] = (),
    prefix: str | None = None,
    storage_version: str = "",
    convert: str = "",
    history: bool = True,
    generation: bool = False,
    create_on_update: bool = False,
    unconditional_update: bool = True,
    name_rule: NameRule = "subdomain",
    singular: str = "",
) -> Kind:
    """A built-in row. Objects lie under their plural unless `prefix` says otherwise; kinds that can be neither listed nor updated lie nowhere."""
    group, _, version = group_version.rpartition("/")
    module = f"{_MODULES.get(group) or group.partition('.')[0]}_{version}"
    return Kind(
        group=group,
        version=version,
        kind=name,
        plural=plural,
        singular=singular or name.lower(),
        namespaced=namespaced,
        type=f"{module}:{name}",
        short_names=short,
        categories=categories,
        verbs=verbs,
        subresources=subresources,
        selectable=selectable,
        prefix=(plural if "update" in verbs else "") if prefix is None else prefix,
        storage_version=storage_version or group_version,
        convert=convert,
        history=history,
        generation=generation,
        create_on_update=create_on_update,
        unconditional_update=unconditional_update,
        name_rule=name_rule,
        served_by_default="alpha" not in version and "beta" not in version,
    )
