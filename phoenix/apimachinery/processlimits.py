"""What one ProcessEmitter may ask of a host, at scale 1 and at any other: a load must not take its host down.

Without models: the program that runs the processes holds itself to the same limits.
"""

from __future__ import annotations

from collections.abc import Iterator

MOST_PROCESSES, MOST_CPUS, MOST_MEMORY_BYTES, MOST_STARTS_PER_S = 500, 4.0, 1 << 30, 20.0


def excess(*, processes: int, cpus: float, memory_bytes: int, starts_per_s: float, at: str = "") -> Iterator[str]:
    """What of the sums of all groups is too much: `501 processes, more than 500`, with `at` before the comma."""
    for have, most, what in (
        (processes, MOST_PROCESSES, "processes"),
        (cpus, MOST_CPUS, "CPUs"),
        (memory_bytes, MOST_MEMORY_BYTES, "bytes of memory"),
        (starts_per_s, MOST_STARTS_PER_S, "starts a second"),
    ):
        if have > most:
            yield f"{have:g} {what}{at}, more than {most:g}"
