"""A meter of what runs elsewhere: window by window it asks a Prometheus and reports what it is told.

A window is asked for `lag` after its end. A Prometheus that does not answer is asked again for `PATIENCE_S`; what it
did not answer by then is reported with its problem, which makes the run Invalid. Windows in the past are asked for at
once, one after another. Owned by one task; the Prometheus has at most `Access.concurrency` questions at a time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from phoenix.aio.backoff import Backoff
from phoenix.aio.tasks import cancel_and_wait, wait_for_event
from phoenix.meter import observing
from phoenix.meter.attributing import attribute
from phoenix.meter.http import Readiness
from phoenix.meter.observation import Observation
from phoenix.meter.observing import Questions, Span
from phoenix.meter.queries import MAX_SERIES, group
from phoenix.meter.variant import Stamp
from phoenix.prometheus.client import Access, PrometheusClient, range_adjustment_ms, worded_for
from phoenix.prometheus.errors import PrometheusError, QueryRefused, Unreachable
from phoenix.promql.syntax import Matcher
from phoenix.samples.model import ContributionRow, OutputSample
from phoenix.samples.reporter import SampleSink

_LOG = logging.getLogger("phoenix.meter")
PATIENCE_S = 30.0
_TIMEOUT_S = 20.0
_REACH_S = 5.0
_MS, _S = 1_000_000, 1_000_000_000
_CONTRIBUTIONS_EVERY_S = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a window of one variant is."""

    variant: str
    matchers: tuple[Matcher, ...]
    span: Span
    start_ns: int
    end_ns: int


async def _unless(stop: asyncio.Event, asking: Coroutine[None, None, T]) -> T | None:
    """What is asked for; None where `stop` comes first: who is to end does not wait for somebody else's answers."""
    task, stopped = asyncio.ensure_future(asking), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        await cancel_and_wait(task, stopped)


class Observer:
    """Asks about all variants of one run. It is ready once the Prometheus has answered, and then stays so."""

    def __init__(self, observation: Observation, stamp: Stamp, sink: SampleSink | None, readiness: Readiness) -> None:
        self._of, self._stamp, self._sink, self._readiness = observation, stamp, sink, readiness
        self._questions = Questions(observation.queries, observation.window_ns // 2 // _MS)
        self._attributed_s: dict[str, float] = {}
        self._patient = True
        self._version = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Report every window of the measured time, then wait for `stop`."""
        of = self._of
        await _unless(stop, self._reach())
        for start_ns in range(of.from_ns, of.to_ns - of.window_ns + 1, of.window_ns):
            due_s = (start_ns + of.window_ns + of.lag_ns - time.time_ns()) / _S
            if due_s > 0:
                await wait_for_event(stop, due_s)
            if stop.is_set():
                return
            samples = await _unless(stop, self._window(start_ns))
            if samples is None:
                return
            if self._sink is not None:
                self._sink.put(samples)
        _LOG.info("every window was asked for url=%s", of.url)
        await stop.wait()

    async def _reach(self) -> None:
        """Ask until there is an answer, for `PATIENCE_S`: a wrong address shows before the first window is due."""
        backoff, until_s = Backoff(0.5, 5.0), time.monotonic() + PATIENCE_S
        while not self._readiness.ready and time.monotonic() < until_s:
            try:
                async with PrometheusClient(
                    replace(await asyncio.to_thread(self.access), timeout_s=_REACH_S)
                ) as client:
                    self._heard(await client.version())
            except PrometheusError as error:
                self._readiness.lacks = str(error)
                _LOG.warning("asked again: %s", error)
                await asyncio.sleep(backoff.next_s())

    def _heard(self, version: str) -> None:
        self._version, self._readiness.ready = version, True

    async def _window(self, start_ns: int) -> list[OutputSample]:
        """The window's samples; when Prometheus keeps silent, with that as their problem."""
        backoff, until_s = Backoff(0.5, 5.0), time.monotonic() + PATIENCE_S
        while True:
            try:
                found = await self._told(start_ns)
            except PrometheusError as error:
                problem = str(error)
                if isinstance(error, QueryRefused) or not self._patient or time.monotonic() > until_s:
                    break
                _LOG.warning("asked again: %s", problem)
                await asyncio.sleep(backoff.next_s())
            else:
                self._patient = True
                return found
        # What kept silent for so long is not waited for again and again: each later window gets one try.
        self._patient = False
        end_ns = start_ns + self._of.window_ns
        return [self._sample(name, start_ns, end_ns, 0, 0, problem=problem) for name in self._of.selectors]

    async def _told(self, start_ns: int) -> list[OutputSample]:
        end_ns = start_ns + self._of.window_ns
        async with PrometheusClient(await asyncio.to_thread(self.access)) as client:
            self._heard(await client.version())
            span = Span(start_ns // _MS, end_ns // _MS, range_adjustment_ms(self._version))
            asked = [_Asked(name, matchers, span, start_ns, end_ns) for name, matchers in self._of.selectors.items()]
            return [await self._variant(client, one) for one in asked]

    def access(self) -> Access:
        """How the Prometheus is spoken to. Credentials go by its address: a manifest cannot send them elsewhere."""
        folder, place = Path(self._of.credentials), urlsplit(self._of.url).netloc
        token, ca = folder / f"{place}.token", folder / f"{place}.ca.crt"
        try:
            text = token.read_text().strip() if self._of.credentials and token.is_file() else ""
        except (OSError, ValueError) as error:
            msg = f"{token} cannot be read: {error}; it is to hold a token for {self._of.url}"
            raise Unreachable(msg) from error
        ca_file = str(ca) if self._of.credentials and ca.is_file() else ""
        return Access(self._of.url, token=text, ca_file=ca_file, timeout_s=_TIMEOUT_S)

    async def _variant(self, client: PrometheusClient, asked: _Asked) -> OutputSample:
        by_metric = await self._values(
            client, observing.series_by_metric(asked.matchers, asked.span), asked, "__name__"
        )
        whole = Span(self._of.from_ns // _MS, asked.span.end_ms, asked.span.adjust_ms)
        union = await self._number(client, observing.series(asked.matchers, whole), asked)
        points = 0
        for query in observing.samples_by_metric(asked.matchers, asked.span, by_metric):
            points += sum((await self._values(client, query, asked, observing.TOLD)).values())
        answers, problems = await self._answers(client, asked)
        sample = self._sample(asked.variant, asked.start_ns, asked.end_ns, sum(by_metric.values()), points)
        critical = {
            name: await self._number(client, observing.live(match, asked.matchers, asked.span), asked)
            for name, match in self._of.critical.items()
        }
        sample = sample.model_copy(
            update={
                "metric_names": len(observing.families(by_metric)),
                "active_series_by_last_window": [(self._of.from_ns, union)],
                "streams_by_last_window": [(self._of.from_ns, union)],
                "signals": answers,
                "signal_problems": problems,
                "critical": critical,
            }
        )
        if self._attribution_due(asked):
            sample = sample.model_copy(update={"contributions": await self._contributions(client, asked, whole)})
        return sample

    async def _contributions(self, client: PrometheusClient, asked: _Asked, whole: Span) -> list[ContributionRow]:
        """Who makes the series; none where Prometheus does not say: no figure that is judged rests on them."""
        try:
            return await attribute(client, asked.matchers, whole)
        except PrometheusError as error:
            _LOG.warning("what makes the series is not known variant=%s: %s", asked.variant, error)
            return []

    def _attribution_due(self, asked: _Asked) -> bool:
        now_s, last = time.monotonic(), asked.end_ns + self._of.window_ns > self._of.to_ns
        due = last or now_s - self._attributed_s.get(asked.variant, -_CONTRIBUTIONS_EVERY_S) >= _CONTRIBUTIONS_EVERY_S
        if due:
            self._attributed_s[asked.variant] = now_s
        return due

    async def _answers(
        self, client: PrometheusClient, asked: _Asked
    ) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
        lookback_ms = self._of.window_ns // _MS - asked.span.adjust_ms
        put = [
            (name, worded_for(self._version, text)) for name, text in self._questions.put(asked.matchers, lookback_ms)
        ]
        found = await asyncio.gather(*(self._answer(client, text, asked.span.at_ms) for _, text in put))
        values: dict[str, dict[str, float]] = {name: {} for name in self._questions.faults}
        problems = dict(self._questions.faults)
        for (name, _), answer in zip(put, found, strict=True):
            if isinstance(answer, PrometheusError):
                raise answer
            if isinstance(answer, str):
                values[name], problems[name] = {}, answer
            else:
                values[name] = answer
        return values, problems

    async def _answer(
        self, client: PrometheusClient, text: str, at_ms: int
    ) -> dict[str, float] | str | PrometheusError:
        try:
            vector, problem = observing.without(await client.query(text, at_ms), self._of.ignored)
        except QueryRefused as error:
            return str(error)
        except PrometheusError as error:  # NB: not raised here, where it would leave the other queries to nobody
            return error
        if len(vector.labels) > MAX_SERIES:
            return f"{len(vector.labels)} series, more than {MAX_SERIES}: aggregate it"
        return problem or {group(labels): value for labels, value in vector.items()}

    async def _values(self, client: PrometheusClient, query: str, asked: _Asked, label: str) -> Mapping[str, int]:
        found = await client.query(query, asked.span.at_ms)
        return {labels.map.get(label, ""): observing.whole(value) for labels, value in found.items()}

    async def _number(self, client: PrometheusClient, query: str, asked: _Asked) -> int:
        values: Iterable[float] = (await client.query(query, asked.span.at_ms)).values.tolist()
        return observing.whole(sum(values))

    def _sample(
        self, variant: str, start_ns: int, end_ns: int, series: int, points: int, *, problem: str = ""
    ) -> OutputSample:
        return OutputSample(
            run=self._stamp.run,
            host=self._stamp.host,
            instance=self._stamp.instance,
            variant=variant,
            window_start=start_ns,
            window_end=end_ns,
            points=points,
            samples=points,
            bytes=0,
            requests=0,
            duplicates=0,
            late_points=0,
            max_lag_s=0.0,
            streams=series,
            active_series=series,
            streams_by_last_window=[],
            active_series_by_last_window=[],
            problem=problem,
        )
