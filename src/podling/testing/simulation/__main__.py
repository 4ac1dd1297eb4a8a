"""`python -m podling.testing.simulation 7 100-199`: live through seeds; the story of each that breaks a law is told, of a single one always."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

from .run import run


def seeds(words: list[str]) -> Iterator[int]:
    for word in words:
        first, _, last = word.partition("-")
        yield from range(int(first), int(last or first) + 1)


def main(words: list[str]) -> int:
    chosen = [*seeds(words)]
    logging.disable(logging.CRITICAL)
    say, bad = sys.stdout.write, 0
    for seed in chosen:
        report = run(seed)
        if report.breaches or len(chosen) == 1:
            say("\n".join(report.story) + "\n")
            say(f"digest {report.digest}\n")
        if report.breaches:
            bad += 1
            say(f"{report}\n")
    say(f"{len(chosen)} seeds, {bad} of them broke a law\n")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
