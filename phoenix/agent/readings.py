"""Numbers about a process: what the kernel says of it, what it says of itself, what a load will amount to.

Blocking reads: call them off the loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil
from prometheus_client.parser import text_string_to_metric_families

from phoenix.agent.records import Identity
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.process import ProcessResources
from phoenix.loadmodel.expected import expected_active_series, expected_streams

_FAILED = ("otelcol_exporter_send_failed_metric_points", "otelcol_exporter_enqueue_failed_metric_points")


@dataclass(frozen=True, slots=True)
class OwnCounters:
    """What a collector counts itself; None: it does not say."""

    received_points: int | None = None
    refused_points: int | None = None
    sent_points: int | None = None
    send_failed_points: int | None = None
    queue_length: int | None = None


def resources(identity: Identity) -> ProcessResources | None:
    """CPU by the process clock and memory of that very process; None when it is gone."""
    try:
        process = psutil.Process(identity.pid)
        cpu = process.cpu_times()
        memory = process.memory_full_info()
    except psutil.Error:
        return None
    if not identity.runs():  # NB: asked last: the numbers above are of this process, not of one that got its pid
        return None
    return ProcessResources(cpu_seconds=cpu.user + cpu.system, rss_bytes=memory.rss, uss_bytes=memory.uss)


def own_counters(text: str) -> OwnCounters:
    """Sums over all components of the otelcol_* counters in a Prometheus text, with or without the _total suffix."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("otelcol_"):
                name = sample.name.removesuffix("_total")
                sums[name] = sums.get(name, 0.0) + sample.value
    failed = [sums[name] for name in _FAILED if name in sums]
    return OwnCounters(
        received_points=_whole(sums.get("otelcol_receiver_accepted_metric_points")),
        refused_points=_whole(sums.get("otelcol_receiver_refused_metric_points")),
        sent_points=_whole(sums.get("otelcol_exporter_sent_metric_points")),
        send_failed_points=_whole(sum(failed) if failed else None),
        queue_length=_whole(sums.get("otelcol_exporter_queue_size")),
    )


def expected(obj: LoadGenerator) -> tuple[int, int]:
    """Streams and active series the load will have. Raises ValueError: the profile is wrong, with every fault."""
    otlp, scale = obj.spec.profile.otlp.to_wire(), obj.spec.scale
    return expected_streams(otlp, scale=scale), expected_active_series(otlp, scale=scale)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
