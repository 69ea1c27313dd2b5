"""Accounting of one variant: payloads in, one OutputSample a window out.

A point belongs to the window of its own time stamp. It is *late* when it arrives after its window's end plus grace, or
after the window was closed; late points are in no window's figures, they are counted in the next sample to be reported.
So are points so far in the future that too many windows would be open. Owned by one thread.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phoenix.meter import continuity
from phoenix.meter.config import Config
from phoenix.meter.contributions import Contributions, Frozen
from phoenix.meter.critical import Critical
from phoenix.meter.registry import Ids, Registry
from phoenix.meter.resets import Resets
from phoenix.meter.signals import Signals
from phoenix.meter.window import Ledger, Window
from phoenix.otlp.scan import Scan, Scanner
from phoenix.promql.vectors import Range
from phoenix.samples.model import OutputSample

_MAX_OPEN_WINDOWS = 64
_MAX_OPEN_POINTS = 20_000_000
_MAX_GAP = 5_000
_GZIP_SAMPLE_BYTES = 64 << 10


class Overloaded(Exception):
    """Too much waits to be counted; nothing of the payload was taken. Try again later."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every sample of a process carries."""

    run: int
    host: str
    instance: str


@dataclass(slots=True)
class Totals:
    """Since the start."""

    requests: int = 0
    points: int = 0
    bytes: int = 0
    late_points: int = 0
    malformed: int = 0
    windows: int = 0
    streams: int = 0
    active_series: int = 0


class Variant:
    """Everything that is known of one variant.

    Late points go by the arrival's clock and by what is closed; `now` is always an argument, in Unix nanoseconds.
    """

    def __init__(self, name: str, config: Config, stamp: Stamp) -> None:
        self.name = name
        self.totals = Totals()
        self._stamp = stamp
        self._length_ns, self._grace_ns = config.window_ns, config.grace_ns
        self._registry = Registry()
        self._scanner = Scanner(self._registry.intern)
        self._ledger = Ledger(self._registry)
        elsewhere = config.prometheus is not None
        self._signals = Signals(config.signals, config.queries, window_ns=config.window_ns, elsewhere=elsewhere)
        self._critical = [Critical(one.name, one.match, self._registry) for one in config.critical]
        self._contributions = Contributions()
        self._resets = Resets(self._registry)
        self._registry.observers += [self._resets, self._signals, *self._critical, self._contributions]
        self._open: dict[int, Window] = {}
        self._open_points = 0
        self._closed: int | None = None
        self._late_points = 0
        self._late_lag_ns = 0
        self._newest_late: int | None = None

    def accept(self, data: bytes, arrived_ns: int) -> int:
        """Count one uncompressed payload; returns its number of points.

        Raises:
            MalformedPayload: it cannot be read; nothing of it is counted.
            Overloaded: the open windows hold too many points.
        """
        if self._open_points > _MAX_OPEN_POINTS:
            raise Overloaded(f"variant {self.name}: {self._open_points} points wait for their windows to close")
        scan = self._scanner.scan(data)
        slots, times = scan.slots_and_times()
        self.totals.requests += 1
        if len(slots):
            self.totals.points += len(slots)
            self._place(scan, slots, times, arrived_ns)
        return len(slots)

    def _place(self, scan: Scan, slots: Ids, times: Ids, arrived_ns: int) -> None:
        size = scan.size_bytes - scan.own_bytes
        if self._registry.owns_bytes:
            size -= int(self._registry.slot_own_bytes.all[slots].sum())
        self.totals.bytes += size
        first = self._first_on_time(arrived_ns)
        low, high = int(times.min()) // self._length_ns, int(times.max()) // self._length_ns
        if low == high and low >= first and (window := self._window(low)) is not None:
            self._add(window, slots, times, size, arrived_ns - int(times.min()))  # nearly every request
            self._note_request(window, scan)
            self._signals.take(scan, low * self._length_ns, (low + 1) * self._length_ns)
            return
        windows = times // self._length_ns
        taken: list[int] = []
        rest = np.ones(len(times), np.bool_) if low >= first else windows >= first
        while rest.any() and (window := self._window(int(windows[rest].min()))) is not None:
            chosen = rest & (windows == window.index)
            rest &= ~chosen
            part = times[chosen]
            share = size * len(part) // len(times)
            self._add(window, slots[chosen], part, share, arrived_ns - int(part.min()))
            taken.append(window.index)
            self._note_request(window, scan, resets=len(taken) == 1)
        self._refuse(times, windows, taken, arrived_ns)
        for index in taken:
            self._signals.take(scan, index * self._length_ns, (index + 1) * self._length_ns)

    def _add(self, window: Window, slots: Ids, times: Ids, size: int, lag_ns: int) -> None:
        window.add(slots, times, size, lag_ns)
        self._open_points += len(slots)

    def _note_request(self, window: Window, scan: Scan, *, resets: bool = True) -> None:
        """What is told of a request as a whole, in the first of the windows it has points of."""
        if resets:
            self._resets.take(scan, window.index)
        if window.gzip_ratio is None:
            start = scan.octets[:_GZIP_SAMPLE_BYTES].tobytes()
            window.gzip_ratio = len(gzip.compress(start)) / len(start)

    def _refuse(self, times: Ids, windows: Ids, taken: list[int], arrived_ns: int) -> None:
        refused: npt.NDArray[np.bool_] = ~np.isin(windows, taken)
        number = int(np.count_nonzero(refused))
        if number:
            self._late_points += number
            self.totals.late_points += number
            self._late_lag_ns = max(self._late_lag_ns, arrived_ns - int(times[refused].min()))
            newest = int(times[refused].max())
            self._newest_late = newest if self._newest_late is None else max(self._newest_late, newest)

    def _first_on_time(self, arrived_ns: int) -> int:
        """Index of the oldest window that what arrives now may still belong to."""
        first = -((self._grace_ns - arrived_ns) // self._length_ns) - 1
        return first if self._closed is None else max(first, self._closed + 1)

    def _window(self, index: int) -> Window | None:
        window = self._open.get(index)
        if window is None and len(self._open) < _MAX_OPEN_WINDOWS:
            window = self._open[index] = Window(index)
        return window

    def due(self, now_ns: int | None = None) -> list[int]:
        """Indexes of open windows whose end plus grace is over, in order; of all open ones if `now_ns` is None."""
        return [
            index
            for index in sorted(self._open)
            if now_ns is None or (index + 1) * self._length_ns + self._grace_ns <= now_ns
        ]

    def close(self, now_ns: int | None = None, *, span: tuple[int, int] | None = None) -> list[OutputSample]:
        """Close the windows that are due, in order. Those between, and the rest of `span`, are reported with zeros.

        Args:
            now_ns: Unix nanoseconds; None: close all open ones.
            span: first and last window that any variant of the run closes now. Nothing came of this one in them, which
                is a figure: the others show that the meter was there to see it.
        """
        samples: list[OutputSample] = []
        for index in self.due(now_ns):
            samples += self._empty(span, index)
            samples.append(self._sample(self._open.pop(index)))
        return samples + (self._empty(span, span[1] + 1) if span is not None else [])

    def _empty(self, span: tuple[int, int] | None, stop: int) -> list[OutputSample]:
        if self._closed is not None:
            first = self._closed + 1
        elif span is not None:
            first = span[0]
        else:
            return []
        return [self._sample(Window(index)) for index in range(max(first, stop - _MAX_GAP), stop)]

    def _sample(self, window: Window) -> OutputSample:
        start, end = window.index * self._length_ns, (window.index + 1) * self._length_ns
        closed = self._ledger.close(window, self._length_ns)
        resets = self._resets.of(window.index)
        self._closed = window.index
        self._open_points -= window.points
        answers = self._signals.answer(start, end)
        lag_ns, self._late_lag_ns = max(window.max_lag_ns, self._late_lag_ns), 0
        late, self._late_points = self._late_points, 0
        newest_late, self._newest_late = self._newest_late, None
        streams, series = self._by_window(self._ledger.streams()), self._by_window(self._ledger.active_series())
        self._note(streams, series)
        return OutputSample(
            run=self._stamp.run,
            host=self._stamp.host,
            instance=self._stamp.instance,
            variant=self.name,
            window_start=start,
            window_end=end,
            points=closed.points,
            samples=closed.samples,
            bytes=window.bytes,
            requests=window.requests,
            duplicates=closed.duplicates.total(),
            counter_resets=resets.total(),
            gaps=closed.gaps.total(),
            continuity=continuity.rows(self._registry.family_names, resets, closed.gaps, closed.duplicates),
            metric_names=closed.metric_names,
            gzip_ratio=window.gzip_ratio,
            late_points=late,
            newest_late=newest_late,
            max_lag_s=lag_ns / 1e9,
            streams=closed.streams,
            active_series=closed.active_series,
            streams_by_last_window=streams,
            active_series_by_last_window=series,
            signals=answers.values,
            signal_problems=answers.problems,
            critical={critical.name: critical.live(closed.recorded_units) for critical in self._critical},
        )

    def _by_window(self, counts: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(index * self._length_ns, number) for index, number in counts]

    def _note(self, streams: list[tuple[int, int]], series: list[tuple[int, int]]) -> None:
        self.totals.windows += 1
        self.totals.streams = sum(number for _, number in streams)
        self.totals.active_series = sum(number for _, number in series)

    def take_points(self, window_start: int) -> Range | None:
        """What a Prometheus is to be fed of a closed window, once; None: nobody asks one."""
        points = self._signals.points
        return points.pop(window_start, None) if points is not None else None

    def freeze_contributions(self) -> list[Frozen]:
        """What `contributions.rank` needs, of the series in closed windows."""
        registry = self._registry
        return self._contributions.freeze(self._ledger.seen_units(), registry.unit_weight.all, registry.unit_parent.all)
