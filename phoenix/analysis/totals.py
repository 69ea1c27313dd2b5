"""What left one variant, and what it took to make it, over the complete windows and all hosts.

Counts of several hosts are added: resource attributes name the host, or the instance on it, so that no series of one
host is a series of another. Where a pipeline takes that identity away, the sum counts such a series once a host.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from phoenix.analysis.model import AnalysisInput
from phoenix.analysis.windows import Joined, Place
from phoenix.api.results import Contributor
from phoenix.samples.model import OutputSample, ProcessSample

TOP_CONTRIBUTORS = 10


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over windows and hosts; `streams` and `active_series` are exact unions over the windows."""

    streams: int
    active_series: int
    points: int
    samples: int
    bytes: int
    duplicates: int
    late_points: int


def totals_of(inputs: AnalysisInput, joined: Joined, variant: str) -> Totals | None:
    """Totals of one variant; None without a complete window: no data is no zero."""
    if not joined.complete:
        return None
    last = joined.complete[-1]
    places = joined.of(variant)
    ends = [joined.output[place][last] for place in places]
    windows = [joined.output[place][start] for place in places for start in joined.complete]
    return Totals(
        streams=sum(union_since(end.streams_by_last_window, inputs.measure_from) for end in ends),
        active_series=sum(union_since(end.active_series_by_last_window, inputs.measure_from) for end in ends),
        points=sum(sample.points for sample in windows),
        samples=sum(sample.samples for sample in windows),
        bytes=sum(sample.bytes for sample in windows),
        duplicates=sum(sample.duplicates for sample in windows),
        late_points=sum(sample.late_points for sample in windows),
    )


def union_since(by_last_window: Iterable[tuple[int, int]], start: int) -> int:
    """Identities seen at or after `start`: each is counted in the last window it was seen in."""
    return sum(count for window, count in by_last_window if window >= start)


def cpu_seconds(inputs: AnalysisInput, joined: Joined, variant: str) -> float | None:
    """CPU over the measured time, all hosts, by the process clock.

    From the reading before the first measured window, or the first within, to the last. None where a host has not two
    readings of one process.
    """
    total = 0.0
    for place in joined.of(variant):
        readings = _readings(inputs, joined, place)
        if len(readings) < 2 or readings[0].instance != readings[-1].instance:
            return None
        total += readings[-1].cpu_seconds - readings[0].cpu_seconds
    return total


def uss_bytes(inputs: AnalysisInput, joined: Joined, variant: str) -> int | None:
    """Median of unique memory over the measured windows, added over hosts; None where a host has no reading."""
    total = 0
    for place in joined.of(variant):
        found = [sample.uss_bytes for start, sample in joined.process[place].items() if start in inputs.windows]
        if not any(found):
            return None
        total += round(median(found))
    return total


def _readings(inputs: AnalysisInput, joined: Joined, place: Place) -> list[ProcessSample]:
    """Readings from the one before the first measured window on, in order."""
    start, end = inputs.measure_from - inputs.window_ns, inputs.measure_to
    return [sample for at, sample in sorted(joined.process[place].items()) if start <= at < end]


def cpu_pairs(inputs: AnalysisInput, joined: Joined, candidate: str) -> list[tuple[float, float]]:
    """CPU seconds per second of baseline and candidate, for each host and window both were read before and after."""
    pairs: list[tuple[float, float]] = []
    for host in sorted(inputs.hosts):
        base = _cpu_rates(inputs, joined, (host, inputs.baseline.name))
        cand = _cpu_rates(inputs, joined, (host, candidate))
        pairs += [(base[start], cand[start]) for start in inputs.windows if start in base and start in cand]
    return pairs


def _cpu_rates(inputs: AnalysisInput, joined: Joined, place: Place) -> dict[int, float]:
    rates: dict[int, float] = {}
    readings = _readings(inputs, joined, place)
    for before, after in pairwise(readings):
        seconds = (after.read_at - before.read_at) / 1e9
        adjacent = after.window_start - before.window_start == inputs.window_ns
        if adjacent and seconds > 0 and before.instance == after.instance:
            rates[after.window_start] = (after.cpu_seconds - before.cpu_seconds) / seconds
    return rates


def memory_pairs(inputs: AnalysisInput, joined: Joined, candidate: str) -> list[tuple[float, float]]:
    """Unique memory in bytes of baseline and candidate, for each host and window both were read in."""
    pairs: list[tuple[float, float]] = []
    for host in sorted(inputs.hosts):
        base, cand = joined.process[host, inputs.baseline.name], joined.process[host, candidate]
        pairs += [
            (float(base[start].uss_bytes), float(cand[start].uss_bytes))
            for start in inputs.windows
            if start in base and start in cand and base[start].uss_bytes and cand[start].uss_bytes
        ]
    return pairs


def top_contributors(inputs: AnalysisInput, joined: Joined, variant: str) -> list[Contributor]:
    """The metrics and labels that cost most, from each host's latest sample that names any; series are added."""
    series: dict[tuple[str, str], int] = {}
    values: dict[tuple[str, str], int | None] = {}
    for place in joined.of(variant):
        latest = _latest_with_contributions(inputs, joined.output[place])
        for row in latest.contributions if latest is not None else ():
            key = (row.metric, row.label)
            series[key] = series.get(key, 0) + row.series
            values[key] = max(values.get(key) or 0, row.values) if row.values is not None else values.get(key)
    ranked = sorted(series, key=lambda key: (-series[key], key))[:TOP_CONTRIBUTORS]
    return [
        Contributor(metric=metric, label=label, series=series[metric, label], values=values[metric, label])
        for metric, label in ranked
    ]


def _latest_with_contributions(inputs: AnalysisInput, found: dict[int, OutputSample]) -> OutputSample | None:
    starts = [start for start, sample in found.items() if sample.contributions and start < inputs.measure_to]
    return found[max(starts)] if starts else None
