"""IntOrString: a number, or text that is a percentage or a name.

On the wire and in the types it is plainly `int | str`; here is what Kubernetes does with it (k8s.io/apimachinery/pkg/util/intstr).
"""

from __future__ import annotations

import re

_PERCENT = re.compile(r"([+-]?\d+)%")


def scaled(value: int | str, total: int, *, round_up: bool) -> int:
    """The number, or that percentage of `total`. Raises ValueError for any other text."""
    if isinstance(value, int):
        return value
    match = _PERCENT.fullmatch(value)
    if match is None:
        raise ValueError(
            f"invalid value for IntOrString: invalid type: string is not a percentage: {value!r}"
        )
    share = int(match[1]) * total
    return -(-share // 100) if round_up else share // 100


def parse(text: str) -> int | str:
    """A number where the text is one, else the text."""
    try:
        return int(text)
    except ValueError:
        return text
