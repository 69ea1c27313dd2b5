"""Exponential backoff with jitter: how long to wait before trying again."""

from __future__ import annotations

import random


class Backoff:
    """Delays that double up to a cap, spread by jitter so that many who failed together do not return together.

    Args:
        initial_s: first delay, seconds, before jitter.
        max_s: largest delay, seconds; jitter never passes it.
        factor: growth a failure.
        jitter_ratio: each delay is drawn from [delay × (1 − jitter_ratio), delay].
        rng: source of chance; tests give a seeded one.
    """

    def __init__(
        self,
        initial_s: float = 0.2,
        max_s: float = 30.0,
        *,
        factor: float = 2.0,
        jitter_ratio: float = 0.2,
        rng: random.Random | None = None,
    ) -> None:
        if initial_s <= 0 or max_s < initial_s or factor < 1 or not 0 <= jitter_ratio <= 1:
            msg = "Backoff needs 0 < initial_s <= max_s, factor >= 1 and jitter_ratio within [0, 1]"
            raise ValueError(msg)
        self._initial_s, self._max_s, self._factor, self._jitter_ratio = initial_s, max_s, factor, jitter_ratio
        self._rng = rng or random.Random()
        self.failures = 0

    def next_s(self) -> float:
        """Count one more failure and give the delay after it, seconds."""
        delay_s = delay_for(self.failures, self._initial_s, self._max_s, self._factor)
        self.failures += 1
        return delay_s * (1 - self._jitter_ratio * self._rng.random())

    def reset(self) -> None:
        """It worked: start again from the first delay."""
        self.failures = 0


def delay_for(failures: int, initial_s: float, max_s: float, factor: float = 2.0) -> float:
    """The delay after `failures` earlier ones, seconds, without jitter; never overflows."""
    # NB: factor ** failures overflows a float after about a thousand failures, that is, after a night of them.
    return min(max_s, initial_s * factor ** min(failures, 64))
