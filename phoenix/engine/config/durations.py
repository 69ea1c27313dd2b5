"""Go durations: `300ms`, `1h15m`, `-1.5s`; a bare number is nanoseconds, as in the collector."""

from __future__ import annotations

import re
from fractions import Fraction

_PART = re.compile(r"(\d+\.?\d*|\.\d+)([a-zA-Zµμ]*)")
_NANOS = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000,
    "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
}  # fmt: skip


def parse_duration_ns(text: str) -> int:
    """Nanoseconds of a Go duration; may be negative.

    Raises:
        ValueError: in the words of Go's ParseDuration.
    """
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return 0
    total, at = Fraction(0), 0
    while at < len(body):
        part = _PART.match(body, at)
        if part is None:
            break
        if not part[2]:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if part[2] not in _NANOS:
            raise ValueError(f'time: unknown unit "{part[2]}" in duration "{text}"')
        total += Fraction(part[1].rstrip(".") or "0") * _NANOS[part[2]]
        at = part.end()
    if not body or at != len(body):
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * int(total)
