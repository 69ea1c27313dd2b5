"""Queries answered by a real Prometheus: fed each window's points of every variant, then asked at the window's end.

Each variant's series have two labels of ours, `phoenix_run` and `phoenix_variant`, which every selector of a query is
given too and no answer has: so one Prometheus holds all variants, and other runs, without their meeting. What a
recording rule records is written back before the queries that read it are asked, as in one rule group.
Bounded: some queries at once, `WINDOW_PATIENCE_S` a window and variant; what is not answered by then is a problem of
the sample, which makes the run Invalid: a silence of ours is no loss of the candidate's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from phoenix.meter.queries import MAX_SERIES, AskedQuery, group
from phoenix.prometheus import process
from phoenix.prometheus.client import Access, PrometheusClient, range_adjustment_ms, worded_for
from phoenix.prometheus.errors import PrometheusError, QueryRefused
from phoenix.prometheus.writing import Points, SeriesEncoder
from phoenix.promql.rewriting import put
from phoenix.promql.syntax import Matcher, selectors
from phoenix.promql.vectors import NAME, Labels, Range, Vector
from phoenix.samples.model import OutputSample

RUN, VARIANT = "phoenix_run", "phoenix_variant"
WINDOW_PATIENCE_S = 8.0
_MS = 1_000_000


class Answering:
    """Fills in a run's answers. `feed` and `answer` of one variant in the order of its windows."""

    def __init__(
        self, client: PrometheusClient, asked: Sequence[AskedQuery], *, run: str, version: str, window_ns: int
    ) -> None:
        self._client, self._run = client, run
        self._encoders: dict[str, SeriesEncoder] = {}
        self._stages = list(stages(asked))
        self._version = version
        self._lookback_ms = window_ns // _MS - range_adjustment_ms(version)

    async def complete(self, sample: OutputSample, points: Range) -> OutputSample:
        """A sample with the answers of its window; with a `problem` where there are none to be had."""
        values: dict[str, dict[str, float]] = {}
        refused: dict[str, str] = {}
        problem = ""
        try:
            async with asyncio.timeout(WINDOW_PATIENCE_S):
                await self._write(sample.variant, points)
                for stage in self._stages:
                    await self._stage(stage, sample, values, refused)
        except TimeoutError:
            problem = f"{self._client.url} did not answer all queries of a window within {WINDOW_PATIENCE_S:g}s"
        except PrometheusError as error:
            problem = f"queries cannot be answered: {error}"
        return sample.model_copy(
            update={
                "signals": sample.signals | values,
                "signal_problems": sample.signal_problems | refused,
                "problem": problem,
            }
        )

    async def _stage(
        self,
        stage: Sequence[AskedQuery],
        sample: OutputSample,
        values: dict[str, dict[str, float]],
        refused: dict[str, str],
    ) -> None:
        at_ms = sample.window_end // _MS - 1
        answers = await asyncio.gather(*(self._ask(query, sample.variant, at_ms) for query in stage))
        recorded: list[Points] = []
        for query, found in zip(stage, answers, strict=True):
            if isinstance(found, PrometheusError):
                raise found
            if isinstance(found, str):
                values[query.name], refused[query.name] = {}, found
                continue
            values[query.name] = {group(labels): value for labels, value in found.items()}
            if query.record:
                recorded += [
                    (Labels({**labels.map, **query.labels, NAME: query.record}), (at_ms,), (value,))
                    for labels, value in found.items()
                ]
        await self._write(sample.variant, recorded)

    async def _ask(self, query: AskedQuery, variant: str, at_ms: int) -> Vector | str | PrometheusError:
        """The answer without labels of ours; why there is none, where the query is at fault; or what kept it away."""
        ours = (Matcher(RUN, "=", self._run), Matcher(VARIANT, "=", variant))
        try:
            text = worded_for(self._version, put(query.expr, ours, self._lookback_ms))
            found = await self._client.query(text, at_ms)
        except QueryRefused as error:
            return str(error)
        except PrometheusError as error:  # NB: not raised here, where it would leave the other queries to nobody
            return error
        if len(found.labels) > MAX_SERIES:
            return f"{len(found.labels)} series, more than {MAX_SERIES}: aggregate it"
        return Vector([_without_ours(labels) for labels in found.labels], found.values)

    async def _write(self, variant: str, series: Range | Sequence[Points]) -> None:
        encoder = self._encoders.get(variant)
        if encoder is None:
            encoder = self._encoders[variant] = SeriesEncoder({RUN: self._run, VARIANT: variant})

        def encode() -> list[bytes]:
            return list(encoder.requests(_series_of(series) if isinstance(series, Range) else series))

        # NB: in a thread, as tens of thousands of series take a tenth of a second; one at a time, as windows are.
        for message in await asyncio.to_thread(encode):
            await self._client.write(message)


def _without_ours(labels: Labels) -> Labels:
    return Labels({name: value for name, value in labels.map.items() if name not in (RUN, VARIANT)})


def _series_of(points: Range) -> Iterator[Points]:
    starts, times, values = points.starts.tolist(), points.times.tolist(), points.values.tolist()
    for labels, first, end in zip(points.labels, starts, starts[1:], strict=False):
        yield labels, times[first:end], values[first:end]


def stages(asked: Sequence[AskedQuery]) -> Iterator[list[AskedQuery]]:
    """The queries in order, cut where one reads what an earlier one of the same stage records."""
    stage: list[AskedQuery] = []
    recorded: set[str] = set()
    for query in asked:
        names = {part.name for part in selectors(query.expr)}
        if recorded and ("" in names or names & recorded):
            yield stage
            stage, recorded = [], set()
        stage.append(query)
        if query.record:
            recorded.add(query.record)
    if stage:
        yield stage


@asynccontextmanager
async def answering(
    place: process.Place, asked: Sequence[AskedQuery], *, run: str, window_ns: int
) -> AsyncIterator[Answering]:
    """What answers a meter's queries, ready to. Raises PrometheusError: there is no such Prometheus."""
    async with (
        process.at(place, Path("prometheus")) as url,
        PrometheusClient(Access(url, timeout_s=WINDOW_PATIENCE_S)) as client,
    ):
        version = await client.version()
        yield Answering(client, asked, run=run, version=version, window_ns=window_ns)
