"""Metrics in Prometheus text at /metrics: the server's own, and those of whatever else runs in its process.

Controllers count in prometheus_client's default registry (`phoenix.runtime.metrics`), the server in one of its own, as
tests run several servers in one process.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from phoenix.apiserver.fanout import Fanout
from phoenix.store.interface import Store

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Requests(Collector):
    """Answered requests by verb, resource and code, and how long they took.

    Counted by hand, on one event loop: prometheus_client's own types lock and look through all buckets, which is dear
    for what every request does.
    """

    def __init__(self) -> None:
        self.answered: dict[tuple[str, str, int], int] = {}
        self.took: dict[tuple[str, str], _Times] = {}

    def collect(self) -> Iterator[Metric]:
        counter = CounterMetricFamily(
            "phoenix_apiserver_requests", "Requests answered.", labels=("verb", "resource", "code")
        )
        for (verb, resource, code), count in self.answered.items():
            counter.add_metric((verb, resource, str(code)), count)
        yield counter
        histogram = HistogramMetricFamily(
            "phoenix_apiserver_request_duration_seconds",
            "Time to answer, without watches.",
            labels=("verb", "resource"),
        )
        for labels, times in self.took.items():
            histogram.add_metric(labels, times.buckets(), times.sum_s)
        yield histogram


class _Times:
    """A histogram of seconds."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, by upper bound."""
        bounds = [*(str(bound) for bound in _BUCKETS_S), "+Inf"]
        return list(zip(bounds, accumulate(self.counts), strict=True))


class Metrics:
    """Counts requests; reads the rest from where it is kept when it is scraped."""

    def __init__(self, store: Store, fanout: Fanout, *others: Collector) -> None:
        self._registry = CollectorRegistry()
        self._requests = _Requests()
        for collector in (self._requests, _StateCollector(store, fanout), *others):
            self._registry.register(collector)

    def add(self, collector: Collector) -> None:
        """Show these figures too."""
        self._registry.register(collector)

    def observe(self, verb: str, resource: str, code: int, seconds: float, *, watch: bool) -> None:
        """Count one answered request. Verb, resource and code come from small sets, never from clients' words."""
        requests = self._requests
        key = (verb, resource, code)
        requests.answered[key] = requests.answered.get(key, 0) + 1
        if watch:
            return
        times = requests.took.get((verb, resource))
        if times is None:
            times = requests.took[verb, resource] = _Times()
        times.add(seconds)

    def response(self) -> web.Response:
        """/metrics."""
        return web.Response(
            body=generate_latest(self._registry) + generate_latest(REGISTRY),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )


class _StateCollector(Collector):
    def __init__(self, store: Store, fanout: Fanout) -> None:
        self._store = store
        self._fanout = fanout

    def collect(self) -> Iterator[Metric]:
        statistics = self._fanout.statistics
        yield GaugeMetricFamily("phoenix_store_revision", "Latest revision.", value=self._store.revision)
        yield GaugeMetricFamily("phoenix_apiserver_watchers", "Watches open now.", value=self._fanout.watchers)
        tasks = len(asyncio.all_tasks())  # read on the loop, whose tasks they are
        yield GaugeMetricFamily("phoenix_tasks", "Tasks of the server's event loop.", value=tasks)
        for name, text, value in (
            ("phoenix_apiserver_watch_events", "Changes taken in for watchers.", statistics.events),
            ("phoenix_apiserver_watch_deliveries", "Events written to watchers.", statistics.deliveries),
            ("phoenix_apiserver_watch_flushes", "Writes of one group's events.", statistics.flushes),
            ("phoenix_apiserver_watch_slow_closed", "Watchers cut off for reading too slowly.", statistics.slow_closed),
        ):
            yield CounterMetricFamily(name, text, value=value)
