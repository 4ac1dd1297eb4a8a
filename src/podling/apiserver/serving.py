"""Which kinds are served: those that the level knows, stable versions always, alpha and beta ones when they are asked for.

Asking is done as with upstream's `--runtime-config` (k8s.io/apiserver/pkg/server/resourceconfig): pairs of `api/all`, `api/ga`, `api/beta`,
`api/alpha`, `group/version` or `group/version/resource` and "true" or "false", of which the more special wins. `""` counts as "true".
"""

from __future__ import annotations

from collections.abc import Mapping

from podling.api import kinds
from podling.api.kinds import Kind
from podling.api.levels import LATEST, Level

_TRUTH = {"": True, "true": True, "1": True, "false": False, "0": False}


class BadRuntimeConfig(ValueError):
    """A pair that says nothing about any kind there is."""


def served(runtime_config: Mapping[str, str], *, level: Level = LATEST) -> tuple[Kind, ...]:
    """Rows of the kinds to serve, in the order of discovery. Raises BadRuntimeConfig."""
    rows = [row for row in kinds.ALL if not row.type or level.knows_type(row.type.replace(":", "."))]
    wishes = {key: _truth(key, value) for key, value in runtime_config.items()}
    known = {name for row in rows for name in _names(row)}
    for key in wishes:
        if key not in known:
            raise BadRuntimeConfig(f'cannot use runtime config "{key}": no such group, version or resource')
    return tuple(row for row in rows if _is_served(row, wishes))


def _truth(key: str, value: str) -> bool:
    try:
        return _TRUTH[value.lower()]
    except KeyError as error:
        raise BadRuntimeConfig(f'cannot use runtime config "{key}={value}": must be true or false') from error


def _names(row: Kind) -> tuple[str, str, str, str]:
    """What a kind goes by, the most special first."""
    group_version = row.api_version if row.group else f"api/{row.version}"
    stage = "alpha" if "alpha" in row.version else "beta" if "beta" in row.version else "ga"
    return f"{group_version}/{row.plural}", group_version, f"api/{stage}", "api/all"


def _is_served(row: Kind, wishes: Mapping[str, bool]) -> bool:
    for name in _names(row):
        if name in wishes:
            return wishes[name]
    return row.served_by_default
