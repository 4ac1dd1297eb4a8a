"""What the API serves and will not for ever: which warning goes with every answer about it.

(Source: reference/using-api/deprecation-guide; k8s.io/apiserver `pkg/endpoints/deprecation`, its words.)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """``since`` and ``removed``: releases ("" = none is named); ``instead``: version and kind of what takes its place."""

    shown: str
    since: str
    removed: str = ""
    instead: str = ""

    @property
    def warning(self) -> str:
        told = f"{self.shown} is deprecated in v{self.since}+"
        told += f", unavailable in v{self.removed}+" if self.removed else ""
        return told + (f"; use {self.instead}" if self.instead else "")


DEPRECATED = {
    ("", "v1", "componentstatuses"): Deprecation(shown="v1 ComponentStatus", since="1.19"),
    ("", "v1", "endpoints"): Deprecation(
        shown="v1 Endpoints", since="1.33", instead="discovery.k8s.io/v1 EndpointSlice"
    ),
}
"""By group, version and resource."""


def warning(group: str, version: str, resource: str) -> str:
    """For the Warning header; "" where nothing is to be said."""
    found = DEPRECATED.get((group, version, resource))
    return found.warning if found is not None else ""
