"""What went to one target, by window of point time: the source's half of the proof that input was identical.

Counted by `phoenix.otlp.fanout`; becomes Input samples in `phoenix.samples.inputs`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import xxhash


@dataclass(frozen=True, slots=True)
class SentWindow:
    """One target, one window [start, end) of point time in Unix nanoseconds. Fields as in InputSample."""

    target: str
    start_unix_nano: int
    end_unix_nano: int
    ticks: int
    """ticks of which at least one request was tried"""
    planned_points: int
    sent_points: int
    acked_points: int
    requests: int
    """requests tried; one whose connection was refused has no sent points"""
    failed_requests: int
    missed_requests: int
    """never tried: the target was still busy with an earlier tick, or the source was late"""
    sent_first: int
    payload_bytes: int
    digest: str
    """xxh64, 16 hex digits, over the bytes put on the wire, in order"""


@dataclass(slots=True)
class _Open:
    ticks: set[int] = field(default_factory=set)
    outstanding: int = 0
    planned_points: int = 0
    sent_points: int = 0
    acked_points: int = 0
    requests: int = 0
    failed_requests: int = 0
    missed_requests: int = 0
    sent_first: int = 0
    payload_bytes: int = 0
    digest: xxhash.xxh64 = field(default_factory=xxhash.xxh64)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one payload at one target."""

    on_wire: bool
    acked_points: int
    failure: str = ""
    """empty: taken whole"""


class SentWindows:
    """The windows of one target. A request is planned, then tried and settled, or missed."""

    def __init__(self, target: str, window_ns: int) -> None:
        if window_ns <= 0:
            msg = f"window_ns must be above 0, is {window_ns}"
            raise ValueError(msg)
        self.target = target
        self._window_ns = window_ns
        self._open: dict[int, _Open] = {}
        self._closed_before = -(1 << 63)

    def planned(self, tick_unix_nano: int, points: int) -> None:
        """A payload is due; it counts as outstanding until settled or missed."""
        window = self._at(tick_unix_nano)
        window.planned_points += points
        window.outstanding += 1

    def missed(self, tick_unix_nano: int) -> None:
        """A planned payload will never be sent."""
        window = self._at(tick_unix_nano)
        window.outstanding -= 1
        window.missed_requests += 1

    def settled(self, tick_unix_nano: int, payload: bytes, points: int, *, first: bool, outcome: Outcome) -> None:
        """A planned payload was tried, with this outcome."""
        window = self._at(tick_unix_nano)
        window.outstanding -= 1
        window.requests += 1
        window.ticks.add(tick_unix_nano)  # NB: requests of several scrapes of one tick may come with another's between
        window.sent_first += first
        window.failed_requests += bool(outcome.failure)
        window.acked_points += outcome.acked_points
        if outcome.on_wire:
            window.sent_points += points
            window.payload_bytes += len(payload)
            window.digest.update(payload)

    def close(self, now_unix_nano: int) -> list[SentWindow]:
        """Take, in order, the windows that ended by `now` and have nothing outstanding; a later one waits for them.

        A window is given once; a payload planned for a window already given is counted in the oldest window still open.
        """
        closed: list[SentWindow] = []
        for start in sorted(self._open):
            window = self._open[start]
            if start + self._window_ns > now_unix_nano or window.outstanding:
                break
            closed.append(self._value(start, self._open.pop(start)))
            self._closed_before = start + self._window_ns
        return closed

    def _at(self, tick_unix_nano: int) -> _Open:
        start = max(tick_unix_nano - tick_unix_nano % self._window_ns, self._closed_before)
        return self._open.setdefault(start, _Open())

    def _value(self, start: int, window: _Open) -> SentWindow:
        return SentWindow(
            target=self.target,
            start_unix_nano=start,
            end_unix_nano=start + self._window_ns,
            ticks=len(window.ticks),
            planned_points=window.planned_points,
            sent_points=window.sent_points,
            acked_points=window.acked_points,
            requests=window.requests,
            failed_requests=window.failed_requests,
            missed_requests=window.missed_requests,
            sent_first=window.sent_first,
            payload_bytes=window.payload_bytes,
            digest=window.digest.hexdigest(),
        )
