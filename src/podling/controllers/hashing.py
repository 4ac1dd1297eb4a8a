"""Short names for templates and revisions: the same content has the same name, in any process and on any day (pure)."""

from __future__ import annotations

from typing import Any

import msgspec

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and nothing that looks like another: no bad words in names."""


def short_hash(content: Any, collisions: int | None) -> str:
    """FNV-1a over canonical JSON, its digits spelt in safe letters. `collisions` gives the next name when one is taken."""
    data = msgspec.json.encode(content, order="deterministic")
    if collisions is not None:
        data += collisions.to_bytes(8, "little")
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(value))
