"""Which taints of a node a Pod's tolerations cover (k8s.io/component-helpers/scheduling/corev1)."""

from __future__ import annotations

from collections.abc import Iterable

from podling.api.types.core_v1 import Taint, Toleration


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether one toleration covers one taint. An empty key with `Exists` covers all keys, an empty effect all effects."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator or "Equal":
        case "Exists":
            return True
        case "Equal":
            return (toleration.value or "") == (taint.value or "")
        case "Lt" | "Gt" as operator:
            return _compare(operator, toleration.value, taint.value)
        case _:
            return False


def _compare(operator: str, tolerated: str | None, actual: str | None) -> bool:
    """`Lt` and `Gt` compare whole numbers (KEP-5471); anything else is not tolerated."""
    try:
        bound, value = int(tolerated or ""), int(actual or "")
    except ValueError:
        return False
    return value < bound if operator == "Lt" else value > bound


def is_tolerated(taint: Taint, tolerations: Iterable[Toleration] | None) -> bool:
    return any(tolerates(toleration, taint) for toleration in tolerations or ())


def first_untolerated(
    taints: Iterable[Taint] | None,
    tolerations: Iterable[Toleration] | None,
    effects: Iterable[str] = ("NoSchedule", "NoExecute"),
) -> Taint | None:
    """The first taint with one of these effects that no toleration covers."""
    wanted = frozenset(effects)
    for taint in taints or ():
        if taint.effect in wanted and not is_tolerated(taint, tolerations):
            return taint
    return None
