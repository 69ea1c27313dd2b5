"""Samples joined by window: who measured what, where, when; and which windows are complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from phoenix.analysis.model import AnalysisInput
from phoenix.samples.model import InputSample, OutputSample, ProcessSample

_S = TypeVar("_S", InputSample, OutputSample, ProcessSample)

Place = tuple[str, str]
"""Host and variant."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Samples of one run, by place (host, variant) and window start.

    A window reported twice by one instance counts once. `instances` holds every instance seen in measured windows, by
    kind of sample, so that a restart shows. `complete` are the measured windows for which source and meter reported
    every variant on every host, in order.
    """

    input: dict[Place, dict[int, InputSample]]
    output: dict[Place, dict[int, OutputSample]]
    process: dict[Place, dict[int, ProcessSample]]
    instances: dict[tuple[str, Place], set[str]]
    complete: tuple[int, ...]
    places: tuple[Place, ...] = field(default=())

    def of(self, variant: str) -> list[Place]:
        """The places of one variant, by host."""
        return [place for place in self.places if place[1] == variant]


def join(inputs: AnalysisInput) -> Joined:
    """Join the samples of the run; those of other runs, hosts and variants are left out."""
    places = tuple((host, variant.name) for host in sorted(inputs.hosts) for variant in inputs.variants)
    found_input: dict[Place, dict[int, InputSample]] = {place: {} for place in places}
    found_output: dict[Place, dict[int, OutputSample]] = {place: {} for place in places}
    found_process: dict[Place, dict[int, ProcessSample]] = {place: {} for place in places}
    instances: dict[tuple[str, Place], set[str]] = {}
    for sample in inputs.samples:
        place = (sample.host, sample.variant)
        if sample.run != inputs.run or place not in found_input:
            continue
        if inputs.measure_from <= sample.window_start < inputs.measure_to:
            instances.setdefault((sample.kind.value, place), set()).add(sample.instance)
        if isinstance(sample, InputSample):
            _keep(found_input[place], sample)
        elif isinstance(sample, OutputSample):
            _keep(found_output[place], sample)
        else:
            _keep(found_process[place], sample)
    complete = tuple(
        start
        for start in inputs.windows
        if all(_whole(inputs, found_input[place], found_output[place], start) for place in places)
    )
    return Joined(found_input, found_output, found_process, instances, complete, places)


def _whole(
    inputs: AnalysisInput, sent: Mapping[int, InputSample], left: Mapping[int, OutputSample], start: int
) -> bool:
    if start not in left:
        return False
    return not left[start].problem if inputs.observed else start in sent


def _keep(found: dict[int, _S], sample: _S) -> None:
    """Keep one sample a window: of several instances one that has its answers, else the greatest name.

    Any fixed choice of names does: such a run is Invalid anyway, but for a meter that asked a Prometheus once more.
    """
    known = found.get(sample.window_start)
    if known is None or _rank(sample) > _rank(known):
        found[sample.window_start] = sample


def _rank(sample: InputSample | OutputSample | ProcessSample) -> tuple[bool, str]:
    return not (isinstance(sample, OutputSample) and sample.problem), sample.instance


def listed(items: Iterable[str], limit: int = 5) -> str:
    """`a, b, c and 7 more`, for sentences."""
    words = list(items)
    more = len(words) - limit
    return ", ".join(words) if more <= 0 else f"{', '.join(words[:limit])} and {more} more"
