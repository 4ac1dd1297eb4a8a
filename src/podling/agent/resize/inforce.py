"""What a running container's status says of its resources: what it has been given, checked against the kernel (pure).

Where the kernel has what the words mean, the words are shown, so that rounding (a CPU request becomes shares) is not
seen; where it has something else, that is.  (Source: kubelet `convertContainerStatusResources`.)
"""

from __future__ import annotations

from podling.agent.podspec import resources
from podling.api import quantity
from podling.api.types import core_v1
from podling.runtime.interface import Resources


def shown(given: core_v1.ResourceRequirements, kernel: Resources | None) -> core_v1.ResourceRequirements:
    """``given`` with the CPU and memory that are in force; ``kernel`` is None where nobody enforces them."""
    requests, limits = dict(given.requests or {}), dict(given.limits or {})
    if kernel is not None:
        if "cpu" in requests and kernel.cpu_shares is not None:
            requests["cpu"] = _shares(requests["cpu"], kernel.cpu_shares)
        if "cpu" in limits and kernel.cpu_quota is not None:
            limits["cpu"] = _quota(limits["cpu"], kernel.cpu_quota, kernel.cpu_period or resources.PERIOD)
        if "memory" in limits and kernel.memory_limit is not None:
            limits["memory"] = _bytes(limits["memory"], kernel.memory_limit)
    return core_v1.ResourceRequirements(claims=given.claims, requests=requests or None, limits=limits or None)


def _shares(text: str, actual: int) -> str:
    if resources.shares(quantity.parse(text).milli_value()) == actual:
        return text
    return f"{-(-actual * 1000 // 1024)}m"


def _quota(text: str, actual: int, period: int) -> str:
    if resources.quota(quantity.parse(text).milli_value()) == actual * resources.PERIOD // period:
        return text
    return f"{actual * 1000 // period}m"


def _bytes(text: str, actual: int) -> str:
    page = 4096  # the kernel holds whole pages
    return text if quantity.parse(text).value() // page == actual // page else str(actual)
