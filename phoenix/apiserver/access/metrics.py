"""Access in figures, read where they are kept when /metrics is scraped."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from phoenix.apiserver.access.gate import Access


class AccessCollector(Collector):
    """Figures of one server's access control."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        access = self._access
        limiter, audit = access.limiter, access.audit
        in_flight = GaugeMetricFamily(
            "phoenix_apiserver_in_flight", "Requests being answered now, without watches.", labels=("kind",)
        )
        in_flight.add_metric(("read",), limiter.reads)
        in_flight.add_metric(("write",), limiter.writes)
        yield in_flight
        refused = CounterMetricFamily(
            "phoenix_apiserver_limited", "Requests refused with 429, by limit.", labels=("limit",)
        )
        for limit, count in limiter.refused.items():
            refused.add_metric((limit,), count)
        yield refused
        for name, text, value in (
            ("phoenix_apiserver_unauthorized", "Requests of nobody known, refused with 401.", access.unauthorized),
            ("phoenix_apiserver_forbidden", "Requests that roles do not allow, refused with 403.", access.denied),
            ("phoenix_apiserver_audit_written", "Writes recorded in the audit log.", audit.written),
            ("phoenix_apiserver_audit_dropped", "Writes that could not be recorded.", audit.dropped),
        ):
            yield CounterMetricFamily(name, text, value=value)
        yield GaugeMetricFamily(
            "phoenix_apiserver_audit_waiting", "Records that wait for the file.", value=audit.waiting
        )
        yield GaugeMetricFamily(
            "phoenix_apiserver_audit_broken", "1 while the audit log cannot be written.", value=bool(audit.broken)
        )
