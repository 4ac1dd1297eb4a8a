"""The downward API: fields and resources of a Pod as text, for variables and files.

(Source: concepts/workloads/pods/downward-api; kubelet `pkg/fieldpath`, `pkg/api/v1/resource`.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podling.agent.errors import ConfigFault
from podling.api import gotext, quantity
from podling.api.types import core_v1

_SUBSCRIPT = re.compile(r"(metadata\.(?:labels|annotations))\['(.*)'\]")
_MILLI = ("cpu",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a Pod may ask about its node and itself beyond its own object.  ``allocatable`` in API quantities."""

    pod_ips: Sequence[str] = ()
    host_ips: Sequence[str] = ()
    allocatable: Mapping[str, str]


def field(pod: core_v1.Pod, path: str, facts: Facts) -> str:
    """The field at ``path``, e.g. ``metadata.labels['app']``.  Raises ``ConfigFault``."""
    meta, spec = pod.metadata, pod.spec or core_v1.PodSpec()
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript is not None:
        source = meta.labels if subscript[1] == "metadata.labels" else meta.annotations
        return (source or {}).get(subscript[2], "")
    known = {
        "metadata.name": meta.name,
        "metadata.namespace": meta.namespace,
        "metadata.uid": meta.uid,
        "metadata.labels": _lines(meta.labels),
        "metadata.annotations": _lines(meta.annotations),
        "spec.nodeName": spec.node_name,
        "spec.serviceAccountName": spec.service_account_name,
        "status.podIP": facts.pod_ips[0] if facts.pod_ips else "",
        "status.podIPs": ",".join(facts.pod_ips),
        "status.hostIP": facts.host_ips[0] if facts.host_ips else "",
        "status.hostIPs": ",".join(facts.host_ips),
    }
    if path not in known:
        raise ConfigFault(f"unsupported fieldPath: {path}")
    return known[path] or ""


def resource(pod: core_v1.Pod, selector: core_v1.ResourceFieldSelector, container: str, facts: Facts) -> str:
    """A request or limit of a container, in units of the divisor, rounded up; a missing limit is the node's allocatable."""
    wanted = selector.container_name or container
    spec = pod.spec or core_v1.PodSpec()
    found = next((c for c in [*spec.containers, *(spec.init_containers or [])] if c.name == wanted), None)
    if found is None:
        raise ConfigFault(f"container {wanted} not found")
    kind, _, name = selector.resource.partition(".")
    if kind not in ("limits", "requests") or not name:
        raise ConfigFault(f"unsupported container resource : {selector.resource}")
    given = found.resources or core_v1.ResourceRequirements()
    amounts = (given.limits if kind == "limits" else given.requests) or {}
    default = facts.allocatable.get(name, "0") if kind == "limits" else "0"
    amount = quantity.parse(amounts.get(name) or default)
    divisor = quantity.parse(selector.divisor or "1")
    if divisor.is_zero:
        divisor = quantity.parse("1")
    if name in _MILLI:
        return str(-(-amount.milli_value() // divisor.milli_value()))
    return str(-(-amount.value() // divisor.value()))


def _lines(values: Mapping[str, str] | None) -> str:
    return "\n".join(f"{key}={gotext.quote(value)}" for key, value in sorted((values or {}).items()))
