"""Shuffle sharding (pure): which queues a flow may use.

Each flow gets a hand of a few queues out of many, dealt by the hash of its name. Two flows rarely have all of their hands in common, so a
flow that floods its queues leaves others a way (k8s.io/apiserver/pkg/util/shufflesharding).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from math import ceil, log2

MAX_BITS = 60
"""How much of a hash may be used up in dealing; upstream's bound on `handSize` and `queues`."""


def entropy_bits(deck: int, hand: int) -> int:
    """How many bits dealing uses up."""
    return ceil(sum(log2(deck - dealt) for dealt in range(hand)))


def hash_of(schema: str, flow: str) -> int:
    """64 bits that name a flow."""
    digest = hashlib.sha256(f"{len(schema)},{len(flow)},{schema}{flow}".encode(errors="surrogateescape"))
    return int.from_bytes(digest.digest()[:8], "little")


@lru_cache(maxsize=4096)
def hand(schema: str, flow: str, deck: int, size: int) -> tuple[int, ...]:
    """`size` different numbers below `deck`, the same ones each time."""
    value = hash_of(schema, flow)
    dealt: list[int] = []
    for number in range(size):
        value, at = divmod(value, deck - number)
        for earlier in sorted(dealt):  # count over what has been dealt already
            at += at >= earlier
        dealt.append(at)
    return tuple(dealt)
