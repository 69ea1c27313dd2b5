"""Metrics in Prometheus text at /metrics: the server's own, and those of whatever else runs in its process.

Controllers count in prometheus_client's default registry (`phoenix.runtime.metrics`), the server in one of its own, as
tests run several servers in one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from phoenix.apiserver.fanout import Fanout
from phoenix.store.interface import Store

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts requests; reads the rest from where it is kept when it is scraped."""

    def __init__(self, store: Store, fanout: Fanout) -> None:
        self._registry = CollectorRegistry()
        labels = ("verb", "resource", "code")
        self._requests = Counter("phoenix_apiserver_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram(
            "phoenix_apiserver_request_duration_seconds",
            "Time to answer, without watches.",
            ("verb", "resource"),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._observers: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._registry.register(_StateCollector(store, fanout))

    def observe(self, verb: str, resource: str, code: int, seconds: float, *, watch: bool) -> None:
        """Count one answered request. Verb, resource and code come from small sets, never from clients' words."""
        key = (verb, resource, code)
        observer = self._observers.get(key)
        if observer is None:
            counter = self._requests.labels(verb, resource, str(code))
            histogram = self._seconds.labels(verb, resource)
            observer = self._observers[key] = (counter.inc, histogram.observe)
        observer[0]()
        if not watch:
            observer[1](seconds)

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
        for name, text, value in (
            ("phoenix_apiserver_watch_events", "Changes taken in for watchers.", statistics.events),
            ("phoenix_apiserver_watch_deliveries", "Events written to watchers.", statistics.deliveries),
            ("phoenix_apiserver_watch_flushes", "Writes of one group's events.", statistics.flushes),
            ("phoenix_apiserver_watch_slow_closed", "Watchers cut off for reading too slowly.", statistics.slow_closed),
        ):
            yield CounterMetricFamily(name, text, value=value)
