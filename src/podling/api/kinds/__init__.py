"""THE table of kinds: every built-in kind of Kubernetes v1.37, one row for each version, and those of its metrics server.

Whatever differs between kinds without needing code is read from here: routing, discovery, storage keys, field selectors, generation.
A new kind is a generated type and a row in the file of its group. Discovery lists groups and versions in the order of `ALL`.

Rows of kinds that several groups or versions share bear the group or version in their name (`EVENT_EVENTS_V1`,
`HORIZONTAL_POD_AUTOSCALER_V1`), except the preferred one.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from .access import *  # noqa: F403 -- the rows' names are the modules' whole content
from .core import *  # noqa: F403
from .extension import *  # noqa: F403
from .metrics import *  # noqa: F403
from .network import *  # noqa: F403
from .placement import *  # noqa: F403
from .row import *  # noqa: F403
from .row import GroupVersionKind, Kind
from .storage import *  # noqa: F403
from .workloads import *  # noqa: F403


class UnknownKind(KeyError):
    """No row says anything of that kind or resource."""

    def __str__(self) -> str:
        return str(self.args[0])


_GROUPS = (
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "resource.k8s.io",
    "storagemigration.k8s.io",
    "lifecycle.k8s.io",
    "metrics.k8s.io",
)
"""Groups by falling priority, as upstream's aggregator ranks them; kubectl settles ambiguous short names in this order."""

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


def version_rank(version: str) -> tuple[int, int, int]:
    """Sorts versions by falling preference as Kubernetes does: stable, then beta, then alpha, each newest first."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (3, 0, 0)
    major, stage, minor = match.groups()
    return ({None: 0, "beta": 1, "alpha": 2}[stage], -int(major), -int(minor or 0))


def _order(row: Kind) -> tuple[int, tuple[int, int, int], str]:
    return (_GROUPS.index(row.group), version_rank(row.version), row.plural)


ALL: Final[tuple[Kind, ...]] = tuple(
    sorted((value for value in list(globals().values()) if isinstance(value, Kind)), key=_order)
)
"""Every row named in this module, in the order of discovery."""

_BY_GVK: Final = {row.gvk: row for row in ALL}
_BY_RESOURCE: Final = {(row.group, row.version, row.plural): row for row in ALL if row.verbs}
_BY_TYPE: Final = {row.type: row for row in ALL}


def by_gvk(group: str, version: str, kind: str) -> Kind:
    """The row of a kind. Raises UnknownKind."""
    try:
        return _BY_GVK[GroupVersionKind(group, version, kind)]
    except KeyError as error:
        where = f"{group}/{version}" if group else version
        raise UnknownKind(f'no kind "{kind}" is registered for version "{where}"') from error


def by_api_version(api_version: str, kind: str) -> Kind:
    """The row of a kind by the two fields that head every object. Raises UnknownKind."""
    group, _, version = api_version.rpartition("/")
    return by_gvk(group, version, kind)


def by_resource(group: str, version: str, plural: str) -> Kind:
    """The row that serves a resource. Raises UnknownKind."""
    try:
        return _BY_RESOURCE[group, version, plural]
    except KeyError as error:
        where = f"{group}/{version}" if group else version
        raise UnknownKind(f'no resource "{plural}" is served in "{where}"') from error


def of(struct_type: type[msgspec.Struct]) -> Kind:
    """The row behind a generated type. Raises UnknownKind."""
    name = f"{struct_type.__module__.rpartition('.')[2]}:{struct_type.__name__}"
    try:
        return _BY_TYPE[name]
    except KeyError as error:
        raise UnknownKind(f"{struct_type.__module__}.{struct_type.__name__} is no kind of its own") from error


def storage_kind(row: Kind) -> Kind:
    """The version that objects of this kind are stored in; the row itself for nearly all."""
    if row.storage_version in ("", row.api_version):
        return row
    return by_api_version(row.storage_version, row.kind)
