"""Brings an experiment's samples to the judge. Remembers samples it has read, so that each is fetched once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from controllers.experiment.queryengine import judged_analysis
from controllers.experiment.sources import points_per_tick
from controllers.experiment.timeline import CUT_OFF_AFTER_S, GRACE_S, timeline_of, unix_nano, window_nano
from phoenix.analysis.judge import analyze
from phoenix.analysis.model import AnalysisInput, AnalysisOutcome, JudgedVariant
from phoenix.api.experiment import Experiment
from phoenix.api.pricebook import PriceBookSpec
from phoenix.apimachinery.meta import ObjectKey
from phoenix.client.interface import Client
from phoenix.samples.model import Sample, SampleKind

NONE_LOST: Mapping[str, str] = MappingProxyType({})
SETTLING_WINDOWS = 8
"""Samples of the newest windows are fetched again: a reporter that was cut off sends late."""
SHORTEST_PACE_S, LONGEST_PACE_S = 0.5, 30.0
"""Bounds of the time between two live analyses, seconds; between them it is the length of a window."""


@dataclass(slots=True)
class _Cache:
    uid: str
    run: int
    judged_at: datetime | None = None
    cut_off: bool = False
    heard_again: datetime | None = None
    told: int = 0
    told_at: datetime | None = None
    samples: dict[tuple[str, str, str, int, str], Sample] = field(default_factory=dict)


class Measuring:
    """Live and final analyses. Its memory may be lost at any time: it is read again."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._caches: dict[ObjectKey, _Cache] = {}

    def forget(self, key: ObjectKey) -> None:
        """The run is over or gone."""
        self._caches.pop(key, None)

    def next_in_s(self, experiment: Experiment, now: datetime) -> float:
        """Seconds until another live analysis can tell something new: one a window, whoever wakes us in between."""
        judged_at = self._cache(experiment).judged_at
        if judged_at is None:
            return 0.0
        pace_s = max(SHORTEST_PACE_S, min(LONGEST_PACE_S, experiment.spec.timing.window_s))
        age_s = (now - judged_at).total_seconds()
        return max(0.0, pace_s - age_s) if age_s >= 0 else 0.0

    def heard_again(self, experiment: Experiment, unheard: Collection[str], now: datetime) -> datetime | None:
        """When every host that was cut off at the run's end was heard again; None: none was, or one still is.

        Args:
            unheard: hosts without a heartbeat since the end.
            now: tells those whose heartbeat is still to come from those that are cut off.
        """
        cache, timeline = self._cache(experiment), timeline_of(experiment)
        assert timeline is not None  # measured runs have one
        if unheard:
            cache.cut_off |= (now - timeline.measure_to).total_seconds() > GRACE_S + CUT_OFF_AFTER_S
            cache.heard_again = None
        elif cache.cut_off and cache.heard_again is None:
            cache.heard_again = now
        return cache.heard_again

    def told_at(self, experiment: Experiment) -> datetime | None:
        """When the last look that found another window was made; None: none did, as far as is remembered."""
        return self._cache(experiment).told_at

    def all_told(self, experiment: Experiment, now: datetime) -> bool:
        """Whether every window of every variant was reported, if only with its problem."""
        timeline, cache = timeline_of(experiment), self._cache(experiment)
        assert timeline is not None  # measured runs have one
        first, end = unix_nano(timeline.measure_from), unix_nano(timeline.measure_to)
        told = {
            (sample.variant, sample.window_start)
            for sample in cache.samples.values()
            if sample.kind is SampleKind.OUTPUT and first <= sample.window_start < end
        }
        if len(told) > cache.told:
            cache.told, cache.told_at = len(told), now
        windows = (end - first) // window_nano(experiment.spec.timing)
        return len(told) >= windows * len(experiment.spec.variants)

    async def outcome(
        self,
        experiment: Experiment,
        *,
        now: datetime,
        final: bool,
        measure_to: int | None = None,
        lost: Mapping[str, str] = NONE_LOST,
    ) -> AnalysisOutcome:
        """Judge what there is.

        Args:
            experiment: with a timeline in its status.
            now: for computedAt and progress.
            final: every sample there will be is here.
            measure_to: Unix nanoseconds at which to end instead, for a run stopped early.
            lost: hosts of the run that are lost, and why they count as such.
        """
        timeline = timeline_of(experiment)
        assert timeline is not None  # measured runs have one
        spec, status = experiment.spec, experiment.status
        pins = {pinned.name: pinned for pinned in status.variants}
        books = status.resolved.get("priceBooks")
        assert isinstance(books, dict)  # written by Resolution.to_status
        question = AnalysisInput(
            run=status.run,
            variants=[
                JudgedVariant(name=variant.name, role=variant.role, engine=pins[variant.name].engine)
                for variant in spec.variants
            ],
            hosts=status.hosts,
            lost_hosts=dict(lost),
            analysis=judged_analysis(experiment),
            cost=spec.cost,
            price_books={name: PriceBookSpec.from_stored(book) for name, book in books.items()},
            samples=await self._samples(experiment, everything=final),
            measure_from=unix_nano(timeline.measure_from),
            measure_to=measure_to if measure_to is not None else unix_nano(timeline.measure_to),
            window_ns=window_nano(spec.timing),
            # Real senders, recorded or not, have no ticks of ours.
            ticks_per_window=2 if spec.source.otlp is None and spec.source.replay is None else None,
            points_per_tick=points_per_tick(experiment),
            scrape_targets=len(spec.source.prometheus.targets) if spec.source.prometheus else 0,
            observed=spec.source.observed is not None,
            final=final,
            stopped=final and measure_to is not None and not lost,
            now=unix_nano(now),
        )
        self._cache(experiment).judged_at = now
        # NB: in a thread, as numpy over hundreds of windows can pass 10 ms; it only reads `question`.
        return await asyncio.to_thread(analyze, question)

    def _cache(self, experiment: Experiment) -> _Cache:
        key, run, uid = experiment.key, experiment.status.run, experiment.metadata.uid
        cache = self._caches.get(key)
        if cache is None or cache.run != run or cache.uid != uid:
            cache = self._caches[key] = _Cache(uid, run)
        return cache

    async def _samples(self, experiment: Experiment, *, everything: bool) -> list[Sample]:
        """All samples of the run known here. `everything`: also those that came later than the settling windows."""
        cache = self._cache(experiment)
        told = {variant.name: 0 for variant in experiment.spec.variants}
        for sample in cache.samples.values():
            if sample.kind is SampleKind.OUTPUT:
                told[sample.variant] = max(told.get(sample.variant, 0), sample.window_start)
        # By the outputs, and the variant furthest behind: where a Prometheus answers, they are windows behind the rest.
        since = max(0, min(told.values(), default=0) - SETTLING_WINDOWS * window_nano(experiment.spec.timing))
        fetched = await self._client.list_samples(
            experiment.metadata.namespace,
            experiment.metadata.name,
            run=experiment.status.run,
            since=0 if everything else since,
        )
        for sample in fetched:
            cache.samples[(sample.kind, sample.host, sample.variant, sample.window_start, sample.instance)] = sample
        return list(cache.samples.values())
