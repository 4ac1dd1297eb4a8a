"""What the server fills in where a user said nothing, kind by kind; pure functions on the typed body.

One module per module of `podling.api.types`, each with a table `DEFAULTS` of kind name -> function.  Modules are
imported when the first object of their group arrives, so that a small cluster never loads the types of large groups.
The values are those of the API reference; "absent" and an explicit zero are the same wherever Go cannot tell them
apart (probes), and differ where the reference has a pointer (replicas: 0 stays 0).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from podling.api import kinds
from podling.api.kinds import Kind

Default = Callable[[Any], None]

_MODULES = {
    "admissionregistration_v1",
    "apiextensions_v1",
    "apiregistration_v1",
    "apps_v1",
    "autoscaling_v1",
    "autoscaling_v2",
    "batch_v1",
    "core_v1",
    "discovery_v1",
    "flowcontrol_v1",
    "networking_v1",
    "rbac_v1",
    "resource_v1",
    "resource_v1beta1",
    "scheduling_v1",
    "storage_v1",
}


def _nothing(_: Any) -> None:
    """Kinds without defaults."""


def of(kind: Kind) -> Default:
    """The function that completes a body of this kind in place; versions that differ in name only share it."""
    named = kinds.storage_kind(kind) if kind.convert == "same" else kind
    module, _, name = named.type.partition(":")
    if module not in _MODULES:
        return _nothing
    table: dict[str, Default] = importlib.import_module(f"{__name__}.{module}").DEFAULTS
    return table.get(name, _nothing)
