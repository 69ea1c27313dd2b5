"""Can the measurement be trusted? What is lost inside the measuring path makes a run Invalid, never better or worse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from phoenix.analysis.model import AnalysisInput
from phoenix.analysis.reach import read_from
from phoenix.analysis.windows import Joined, Place, listed
from phoenix.api.results import InputResult
from phoenix.samples.model import InputSample, OutputSample, ProcessSample


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason not to trust what was measured, in a sentence with its numbers.

    `variant` empty: the whole run. `of_input`: the input itself is at fault, so that there is no parity.
    """

    variant: str
    text: str
    of_input: bool = False


def find_problems(inputs: AnalysisInput, joined: Joined) -> list[Problem]:
    """Every reason. Missing windows count only in a final analysis: in a live one they may still come.

    What went wrong in the warm-up counts as far back as a query reads: its answers would differ through no fault of the
    candidate's.
    """
    since = read_from(inputs)
    problems = [Problem("", f"host {name} was lost: {why}") for name, why in sorted(inputs.lost_hosts.items())]
    if inputs.observed:
        return [*problems, *_unobserved(inputs, joined)]
    for place in joined.places:
        problems += _missing(inputs, joined, place) if inputs.final else ()
        problems += _restarts(joined, place)
        problems += _input(inputs, joined, place)
        problems += _input_before(inputs, joined, place, since)
        problems += _meter(inputs, joined, place, since)
        problems += _collector(inputs, joined, place, since)
    for host in sorted(inputs.hosts):
        problems += _parity(inputs, joined, host, since)
        problems += _scrapes(inputs, joined, host)
        problems += _count(inputs, joined, host)
    return problems


def problems_of(inputs: AnalysisInput, candidate: str, problems: Sequence[Problem]) -> list[Problem]:
    """Those that touch the comparison of one candidate: its own, the baseline's, the run's."""
    return [problem for problem in problems if problem.variant in ("", candidate, inputs.baseline.name)]


def input_result(inputs: AnalysisInput, joined: Joined, problems: Sequence[Problem]) -> InputResult:
    """What went in over the complete windows. Parity is absent without data and false with any problem of the input."""
    due = (min(inputs.now, inputs.measure_to) - inputs.measure_from) // inputs.window_ns
    expected = len(inputs.windows) if inputs.final else max(0, due)
    at_fault = any(problem.of_input for problem in problems)
    if inputs.observed:
        return InputResult(windows=len(joined.complete), expected_windows=expected)
    if not joined.complete:
        return InputResult(windows=0, expected_windows=expected, parity=False if at_fault else None)
    points: dict[str, int] = {}
    sent: dict[str, int] = {}
    digest: dict[str, str] = {}
    missed = 0
    for variant in inputs.variants:
        samples = [joined.input[place][start] for place in joined.of(variant.name) for start in joined.complete]
        points[variant.name] = sum(sample.acked_points for sample in samples)
        sent[variant.name] = sum(sample.sent_points for sample in samples)
        digest[variant.name] = _digest_of(samples)
        missed = max(missed, sum(sample.planned_points - sample.sent_points for sample in samples))
    equal = points == sent and len(set(points.values())) == 1 and len(set(digest.values())) == 1
    return InputResult(
        points=points,
        sent=sent,
        digest=digest,
        parity=equal and not at_fault,
        missed_points=missed,
        windows=len(joined.complete),
        expected_windows=expected,
    )


def _digest_of(samples: Sequence[InputSample]) -> str:
    return hashlib.sha256("\n".join(sample.digest for sample in samples).encode()).hexdigest()[:16]


def _where(place: Place) -> str:
    host, variant = place
    return f"{variant} on {host}"


def _unobserved(inputs: AnalysisInput, joined: Joined) -> Iterator[Problem]:
    """Windows a Prometheus was not asked about, or did not answer. Being asked again by a new meter is no fault."""
    for place in joined.places:
        found = {start: sample for start, sample in joined.output[place].items() if start in inputs.windows}
        yield from _untold(place, list(found.values()))
        gone = [str(index) for index, start in enumerate(inputs.windows, 1) if start not in found]
        if inputs.final and (gone or not inputs.windows):
            text = f"the meter did not ask about {len(gone)} of {len(inputs.windows)} windows ({listed(gone)})"
            yield Problem(place[1], f"{_where(place)}: {text}")


def _untold(place: Place, samples: Sequence[OutputSample]) -> Iterator[Problem]:
    if untold := [sample for sample in samples if sample.problem]:
        text = f"{_where(place)}: {len(untold)} windows cannot be judged: {untold[0].problem}"
        yield Problem(place[1], text)


def _missing(inputs: AnalysisInput, joined: Joined, place: Place) -> Iterator[Problem]:
    total = len(inputs.windows)
    if total == 0:
        yield Problem(place[1], f"{_where(place)}: no window was measured", of_input=True)
        return
    for who, found, of_input in (("source", joined.input[place], True), ("meter", joined.output[place], False)):
        gone = [str(index) for index, start in enumerate(inputs.windows, 1) if start not in found]
        if len(gone) == total:
            reported = "nothing of it was sent" if of_input else "nothing that left it came to the meter"
            yield Problem(place[1], f"{_where(place)}: no data: {reported} in {total} windows", of_input)
        elif gone:
            text = f"{_where(place)}: the {who} reported no data for {len(gone)} of {total} windows ({listed(gone)})"
            yield Problem(place[1], text, of_input)


def _restarts(joined: Joined, place: Place) -> Iterator[Problem]:
    for kind, who in (("Input", "source"), ("Output", "meter"), ("Process", "collector")):
        starts = len(joined.instances.get((kind, place), ()))
        if starts > 1:
            yield Problem(place[1], f"{_where(place)}: the {who} was restarted {starts - 1} times while measuring")


def _input(inputs: AnalysisInput, joined: Joined, place: Place) -> Iterator[Problem]:
    samples = [sample for start, sample in joined.input[place].items() if start in inputs.windows]
    planned = sum(sample.planned_points for sample in samples)
    sent = sum(sample.sent_points for sample in samples)
    acked = sum(sample.acked_points for sample in samples)
    requests, failed = (sum(getattr(sample, name) for sample in samples) for name in ("requests", "failed_requests"))
    if any(sample.planned_points != sample.sent_points for sample in samples):
        text = f"{_where(place)}: the source sent {sent} of {planned} planned points"
        yield Problem(place[1], f"{text}: it missed its rate", of_input=True)
    if any(sample.acked_points != sample.sent_points for sample in samples):
        text = f"{_where(place)}: {acked} of {sent} points sent were acknowledged"
        yield Problem(place[1], text, of_input=True)
    if failed:
        yield Problem(place[1], f"{_where(place)}: {failed} of {requests} requests failed", of_input=True)
    wanted = inputs.ticks_per_window
    if wanted is not None and (short := [sample for sample in samples if sample.ticks != wanted]):
        ticks = sum(sample.ticks for sample in samples)
        text = f"{_where(place)}: {ticks} of {wanted * len(samples)} ticks came, {len(short)} windows are not whole"
        yield Problem(place[1], text, of_input=True)


def _count(inputs: AnalysisInput, joined: Joined, host: str) -> Iterator[Problem]:
    """What a live source must have sent is known where Phoenix made what it observes."""
    if inputs.points_per_tick is None or inputs.ticks_per_window is None:
        return
    found = joined.input[host, inputs.baseline.name]
    wanted = inputs.points_per_tick * inputs.ticks_per_window
    counts = [found[start].planned_points for start in inputs.windows if start in found]
    if wrong := [count for count in counts if count != wanted]:
        text = f"{host}: the source had other than the {wanted} points a window that its profile amounts to in "
        yield Problem("", f"{text}{len(wrong)} of {len(counts)} windows; first {wrong[0]}", of_input=True)


def _input_before(inputs: AnalysisInput, joined: Joined, place: Place, since: int) -> Iterator[Problem]:
    """Points of the warm-up that were sent and did not arrive. Ticks nobody got are the same input: see `_parity`."""
    warming = _before(inputs, since)
    samples = [sample for start, sample in joined.input[place].items() if start in warming]
    lost = sum(sample.sent_points - sample.acked_points for sample in samples)
    failed = sum(sample.failed_requests for sample in samples)
    if lost or failed:
        text = f"{_where(place)}: {lost} points sent were not acknowledged, {failed} requests failed"
        yield Problem(place[1], text + _reached(inputs, since), of_input=True)


def _before(inputs: AnalysisInput, since: int) -> range:
    """Starts of the windows before the measured ones that hold points from `since` on.

    NB: ask whether a sample's start is in it, never go through it: a query may read back a year, a window is seconds.
    """
    count = -((since - inputs.measure_from) // inputs.window_ns)
    return range(inputs.measure_from - count * inputs.window_ns, inputs.measure_from, inputs.window_ns)


def _reached(inputs: AnalysisInput, since: int) -> str:
    far_s = (inputs.measure_from - since) / 1e9
    return (
        f" in the warm-up, where the queries still read: up to {far_s:g} s before the measured time; warm up for longer"
    )


def _parity(inputs: AnalysisInput, joined: Joined, host: str, since: int) -> Iterator[Problem]:
    base = joined.input[host, inputs.baseline.name]
    for candidate in inputs.candidates:
        other = joined.input[host, candidate.name]
        for windows, where in ((inputs.windows, ""), (_before(inputs, since), _reached(inputs, since))):
            shared = [start for start in sorted(base) if start in windows and start in other]
            unequal = [
                start
                for start in shared
                if base[start].digest != other[start].digest or base[start].acked_points != other[start].acked_points
            ]
            if unequal:
                first = unequal[0]
                text = (
                    f"{candidate.name} on {host}: input differs from the baseline's in {len(unequal)} of "
                    f"{len(shared)} windows; first {other[first].acked_points} points against "
                    f"{base[first].acked_points}, digest {other[first].digest} against {base[first].digest}"
                )
                yield Problem(candidate.name, text + where, of_input=True)


def _scrapes(inputs: AnalysisInput, joined: Joined, host: str) -> Iterator[Problem]:
    """A target that was down is missing from every variant alike, which no comparison would show."""
    if not inputs.scrape_targets or inputs.ticks_per_window is None:
        return
    found = joined.input[host, inputs.baseline.name]
    samples = [found[start] for start in inputs.windows if start in found]
    due = inputs.scrape_targets * inputs.ticks_per_window * len(samples)
    came = sum(sample.scrapes or 0 for sample in samples)
    if failed := sum(sample.failed_scrapes for sample in samples):
        first = next(sample.failed_targets for sample in samples if sample.failed_scrapes)
        yield Problem("", f"{host}: {failed} of {due} scrapes failed, in the first window of {first}", of_input=True)
    if came < due:
        yield Problem("", f"{host}: {came} of {due} scrapes came", of_input=True)


def _meter(inputs: AnalysisInput, joined: Joined, place: Place, since: int) -> Iterator[Problem]:
    # What was late for one window is in the sample of a later one, if the meter made one.
    samples = [sample for _, sample in sorted(joined.output[place].items()) if _late_matters(inputs, sample, since)]
    if late := sum(sample.late_points for sample in samples):
        warming = all((sample.newest_late or inputs.measure_from) < inputs.measure_from for sample in samples)
        where = _reached(inputs, since) if warming else ""
        yield Problem(place[1], f"{_where(place)}: {late} points came to the meter too late for their window{where}")
    measured = [sample for start, sample in joined.output[place].items() if start >= inputs.measure_from]
    yield from _untold(place, measured)
    # What was too late is told of above, or was so long ago that it does not matter; nor does its lag then.
    lag = max((sample.max_lag_s for sample in measured if not _late_long_ago(sample, since)), default=0.0)
    if lag > inputs.lag_limit_s:
        text = f"{_where(place)}: the meter lagged by {lag:.2f} s, more than {inputs.lag_limit_s:g} s"
        yield Problem(place[1], text)


def _late_matters(inputs: AnalysisInput, sample: OutputSample, since: int) -> bool:
    """Whether points were late that an answer reads; where their times are not known, those told while measuring."""
    if not sample.late_points:
        return False
    return sample.window_start >= inputs.measure_from if sample.newest_late is None else sample.newest_late >= since


def _late_long_ago(sample: OutputSample, since: int) -> bool:
    return sample.newest_late is not None and sample.newest_late < since


def _collector(inputs: AnalysisInput, joined: Joined, place: Place, since: int) -> Iterator[Problem]:
    found = joined.process[place]
    measured = [sample for start, sample in sorted(found.items()) if start in inputs.windows]
    if not measured:
        return
    # Without a reading from before, every failure since the start counts: it cannot be told to lie outside.
    warming = _before(inputs, since)
    before = found.get(warming.start - inputs.window_ns)
    starts = {before.instance if before is not None else ""}
    starts |= {sample.instance for start, sample in found.items() if start in warming}
    if starts - {"", measured[0].instance}:
        reached = _reached(inputs, since) if warming else ""
        yield Problem(place[1], f"{_where(place)}: the collector was restarted as measuring began{reached}")
        before = None
    for field, what in (
        ("send_failed_points", "points could not be sent to the meter"),
        ("refused_points", "points were refused by the collector's receiver"),
    ):
        if lost := _grown(before, measured[-1], field):
            early = warming and not _grown(found.get(warming[-1]), measured[-1], field)
            yield Problem(place[1], f"{_where(place)}: {lost} {what}{_reached(inputs, since) if early else ''}")


def _grown(before: ProcessSample | None, last: ProcessSample, field: str) -> int:
    """How much a counter grew; one that was never read is taken as 0: not every engine has every counter."""
    start = getattr(before, field) if before is not None else None
    return max(0, (getattr(last, field) or 0) - (start or 0))
