"""What the engine counts about itself, under the real collector's names (`otelcol_*`, without type suffixes).

Counters live in plain numbers of the event loop's thread; a page is rendered only when asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

import psutil

_HELP = {
    "otelcol_receiver_accepted_metric_points": "Number of metric points successfully pushed into the pipeline.",
    "otelcol_receiver_refused_metric_points": "Number of metric points that could not be pushed into the pipeline.",
    "otelcol_scraper_scraped_metric_points": "Number of metric points successfully scraped.",
    "otelcol_scraper_errored_metric_points": "Number of metric points that were unable to be scraped.",
    "otelcol_processor_incoming_items": "Number of items passed to the processor.",
    "otelcol_processor_outgoing_items": "Number of items emitted from the processor.",
    "otelcol_processor_memory_limiter_accepted_metric_points": "Number of metric points pushed on.",
    "otelcol_processor_memory_limiter_refused_metric_points": "Number of metric points rejected for want of memory.",
    "otelcol_exporter_sent_metric_points": "Number of metric points successfully sent to destination.",
    "otelcol_exporter_send_failed_metric_points": "Number of metric points in failed attempts to send to destination.",
    "otelcol_exporter_enqueue_failed_metric_points": "Number of metric points failed to be added to the sending queue.",
    "otelcol_exporter_queue_size": "Current size of the retry queue (in requests).",
    "phoenix_engine_planned_points": "Number of metric points that went through processors by plan.",
    "otelcol_exporter_queue_capacity": "Fixed capacity of the retry queue (in requests).",
}


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _series(name: str, labels: Mapping[str, str]) -> str:
    if not labels:
        return name
    return name + "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items())) + "}"


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, amount: int) -> None:
        """Add `amount` (0 or more)."""
        self.value += amount


class Telemetry:
    """All counters and gauges of one engine."""

    def __init__(self) -> None:
        self._counters: dict[str, dict[str, Counter]] = {}
        self._gauges: dict[str, dict[str, Callable[[], float]]] = {}
        self._process = psutil.Process(os.getpid())
        self._started = time.monotonic()

    def counter(self, name: str, /, **labels: str) -> Counter:
        """The counter with this name and these labels, made when first asked for."""
        return self._counters.setdefault(name, {}).setdefault(_series(name, labels), Counter())

    def gauge(self, name: str, read: Callable[[], float], /, **labels: str) -> None:
        """Register a gauge that is read whenever a page is rendered."""
        self._gauges.setdefault(name, {})[_series(name, labels)] = read

    def render(self) -> bytes:
        """The page in Prometheus text format 0.0.4."""
        lines: list[str] = []
        for name, counters in sorted(self._counters.items()):
            lines += [f"# HELP {name} {_HELP.get(name, name)}", f"# TYPE {name} counter"]
            lines += [f"{series} {counter.value}" for series, counter in counters.items()]
        for name, gauges in sorted(self._gauges.items()):
            lines += [f"# HELP {name} {_HELP.get(name, name)}", f"# TYPE {name} gauge"]
            lines += [f"{series} {read():g}" for series, read in gauges.items()]
        with self._process.oneshot():
            times, memory = self._process.cpu_times(), self._process.memory_info()
        for name, kind, help_text, value in (
            (
                "otelcol_process_cpu_seconds",
                "counter",
                "Total CPU user and system time in seconds",
                times.user + times.system,
            ),
            ("otelcol_process_memory_rss", "gauge", "Total physical memory (resident set size), bytes", memory.rss),
            ("otelcol_process_uptime", "counter", "Uptime of the process, seconds", time.monotonic() - self._started),
        ):
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", f"{name} {value:.6f}"]
        return ("\n".join(lines) + "\n").encode()
