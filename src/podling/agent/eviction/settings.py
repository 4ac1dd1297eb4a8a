"""How a node guards itself."""

from __future__ import annotations

from dataclasses import dataclass

from .thresholds import Amount, Threshold

DEFAULT = (
    Threshold("memory.available", Amount(value=100 << 20, part=0.1)),
    Threshold("nodefs.available", Amount(value=100 << 20)),
    Threshold("nodefs.inodesFree", Amount(part=0.01)),
)
"""Memory as the kubelet's default, but never more than a tenth of a small node's.  A node of ours shares its disk with
everything else on the machine, which is often nearly full: so it does not ask for the kubelet's 10 % of it (kind turns its
thresholds for disks off altogether)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionSettings:
    """The kubelet's fields of these names.

    thresholds          hard and soft ones.
    max_grace           seconds that a Pod has when a soft threshold is met (evictionMaxPodGracePeriod).
    transition_seconds  how long a condition is shown after it was seen (evictionPressureTransitionPeriod).
    period_seconds      between two looks at the node.
    """

    thresholds: tuple[Threshold, ...] = DEFAULT
    max_grace: int = 0
    transition_seconds: float = 300.0
    period_seconds: float = 10.0
