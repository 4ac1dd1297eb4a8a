"""How long to wait before trying again (pure: time and chance come in as arguments).

`Backoff` is the rule: exponential from `first` up to `cap`, with optional jitter. `Streak` is the memory of
one thing that keeps failing under that rule: it counts failures and forgets them after a quiet period, which
is what CrashLoopBackOff needs (10 s doubling to 300 s, forgotten after 10 min; kubelet `backOffPeriod`,
`MaxContainerBackOff`). Waiting itself is left to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Rule of delays, in seconds. Defaults are client-go's for a controller (5 ms doubling to 1000 s)."""

    first: float = 0.005
    """Delay after the first failure."""
    cap: float = 1000.0
    """No delay is longer than this, jitter not counted."""
    factor: float = 2.0
    """Each further failure multiplies the delay by this."""
    jitter: float = 0.0
    """A delay d becomes d .. d * (1 + jitter), evenly distributed."""
    reset_after: float | None = None
    """A `Streak` without failure for this long starts anew; None: only `reset()` does."""

    def __post_init__(self) -> None:
        if not (0 <= self.first <= self.cap and self.factor >= 1 and self.jitter >= 0):
            raise ValueError(
                f"cannot use backoff: {self!r} needs 0 <= first <= cap, factor >= 1, jitter >= 0"
            )

    def delay(self, failures: int, random: Random | None = None) -> float:
        """Seconds to wait after the `failures`-th failure in a row (1 is the first). Jitter needs `random`."""
        if failures <= 0:
            return 0.0
        plain = self._plain(failures - 1)
        if not self.jitter or random is None:
            return plain
        return plain * (1.0 + self.jitter * random.random())

    def _plain(self, doublings: int) -> float:
        try:
            return min(self.cap, self.first * self.factor**doublings)
        except OverflowError:
            return self.cap


@dataclass(slots=True)
class Streak:
    """Failures in a row of one thing. `now` is any monotonic time in seconds, always the same kind."""

    backoff: Backoff
    failures: int = 0
    last: float | None = None
    """Time of the latest failure."""

    def fail(self, now: float, random: Random | None = None) -> float:
        """Record a failure; returns the seconds to wait before the next try."""
        if self._quiet(now):
            self.failures = 0
        self.failures += 1
        self.last = now
        return self.backoff.delay(self.failures, random)

    def remaining(self, now: float) -> float:
        """Seconds of the current delay (without jitter) that are still to be waited; 0 when due."""
        if self.last is None:
            return 0.0
        return max(0.0, self.last + self.backoff.delay(self.failures) - now)

    def reset(self) -> None:
        """Forget all failures, as after a success."""
        self.failures = 0
        self.last = None

    def _quiet(self, now: float) -> bool:
        after = self.backoff.reset_after
        return after is not None and self.last is not None and now - self.last >= after
