"""When a run starts, measures and ends: everything on window boundaries. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phoenix.api.experiment import Experiment, Timing
from phoenix.apimachinery.conditions import parse_timestamp

LEAD_S = 1.0
"""Head start given to the source, seconds: its process starts in milliseconds, its object travels a little longer."""
GRACE_S = 1.0
"""How long after a window's end its points may still reach the meter in time, seconds."""
PATIENCE_S = 8.0
"""How long after the last window's grace its samples may still come in, seconds; then the analysis says what lacks."""
HOST_PATIENCE_S = 300.0
"""The same for hosts that are cut off from the API meanwhile: as long as it takes to call them lost, seconds."""
CUT_OFF_AFTER_S = PATIENCE_S + 3.0
"""A host unheard so long after the end is cut off: another that lives has had its heartbeat, seconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timeline:
    """UTC times on window boundaries: first tick, first measured window, end of the last one."""

    start_at: datetime
    measure_from: datetime
    measure_to: datetime


def unix_nano(time: datetime) -> int:
    """Nanoseconds since the epoch, exact to the microsecond."""
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000


def window_nano(timing: Timing) -> int:
    """Length of a sample window in nanoseconds."""
    return round(timing.window_s * 1e9)


def _boundary(time: datetime, window_ns: int) -> datetime:
    """The first window boundary at or after `time`."""
    nanos = math.ceil(unix_nano(time) / window_ns) * window_ns
    return _EPOCH + timedelta(microseconds=nanos // 1000)


def plan_timeline(now: datetime, timing: Timing) -> Timeline:
    """The timeline of a run whose processes are all ready at `now`."""
    window_ns = window_nano(timing)
    start_at = _boundary(now + timedelta(seconds=LEAD_S), window_ns)
    measure_from = _boundary(start_at + timedelta(seconds=timing.warmup.seconds), window_ns)
    measure_to = _boundary(measure_from + timedelta(seconds=timing.duration.seconds), window_ns)
    return Timeline(start_at, measure_from, measure_to)


def timeline_from(start: datetime, timing: Timing) -> Timeline:
    """The timeline of a run about a time that is told: measured from the first boundary at or after `start`."""
    window_ns = window_nano(timing)
    measure_from = _boundary(start, window_ns)
    measure_to = _boundary(measure_from + timedelta(seconds=timing.duration.seconds), window_ns)
    return Timeline(measure_from, measure_from, measure_to)


def timeline_of(experiment: Experiment) -> Timeline | None:
    """The timeline the status remembers; None before there is one."""
    status = experiment.status
    if not (status.started_at and status.measure_from and status.measure_to):
        return None
    return Timeline(*(parse_timestamp(text) for text in (status.started_at, status.measure_from, status.measure_to)))


def last_boundary(experiment: Experiment, now: datetime) -> int | None:
    """The end of the last whole window, Unix nanoseconds; None before one was measured."""
    timeline, window_ns = timeline_of(experiment), window_nano(experiment.spec.timing)
    if timeline is None or now < timeline.measure_from:
        return None
    end = unix_nano(now) // window_ns * window_ns
    return end if end > unix_nano(timeline.measure_from) else None


def progress(timeline: Timeline, now: datetime) -> float:
    """How much of the measured time is over, 0 to 1."""
    total = (timeline.measure_to - timeline.measure_from).total_seconds()
    done = (now - timeline.measure_from).total_seconds()
    return round(min(1.0, max(0.0, done / total)), 3)
