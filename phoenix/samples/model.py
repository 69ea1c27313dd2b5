"""Samples: what source, meter and agent measured, joined by window.

A window is [window_start, window_end) in Unix nanoseconds of *point time*, aligned to multiples of its length. A
sample is final for its window: sources report windows that ended, in order. Reporting one twice changes nothing: the
key is (run, kind, host, variant, window_start, instance).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from phoenix.apimachinery.model import Model


class SampleKind(StrEnum):
    """Who measured: the source, the meter, or the agent."""

    INPUT = "Input"
    OUTPUT = "Output"
    PROCESS = "Process"


class _Sample(Model):
    run: int = Field(ge=1, description="run of the experiment")
    host: str = Field(default="", description="host it was measured on")
    variant: str = Field(description="variant it is about")
    window_start: int = Field(description="Unix nanoseconds, point time")
    window_end: int = Field(description="Unix nanoseconds, point time, exclusive")
    instance: str = Field(description="differs for each start of the measuring (Process: the measured) process")


class InputSample(_Sample):
    """What the source sent to one variant in one window."""

    kind: Literal[SampleKind.INPUT] = SampleKind.INPUT
    ticks: int = Field(description="ticks sent")
    planned_points: int = Field(description="points the schedule asked for")
    sent_points: int = Field(description="points put on the wire")
    acked_points: int = Field(description="points acknowledged in full")
    requests: int = Field(description="requests sent")
    failed_requests: int = Field(default=0, description="requests refused, failed or partly rejected")
    sent_first: int = Field(description="requests for which this variant was first in turn")
    bytes: int = Field(description="payload bytes sent")
    scrapes: int | None = Field(
        default=None, description="scrapes of Prometheus targets, failed ones too; absent: the source does not scrape"
    )
    failed_scrapes: int = Field(default=0, description="scrapes that failed")
    failed_targets: str = Field(default="", description="targets whose scrapes failed, each with how many")
    digest: str = Field(description="xxh64 hex over the window's payload bytes in order; equal input, equal digest")


class ContributionRow(Model):
    """A metric (label empty) or one of its labels, and the series it accounts for."""

    metric: str = Field(description="Prometheus metric family")
    label: str = Field(default="", description="Prometheus label; empty: the metric as a whole")
    series: int = Field(description="label: series that would vanish were it dropped; metric: its active series")
    values: int | None = Field(default=None, description="distinct values of the label")


class ContinuityRow(Model):
    """A metric of which something broke in a window, and how often."""

    metric: str = Field(description="Prometheus metric family")
    counter_resets: int = Field(default=0, description="counters and histogram counts that fell")
    gaps: int = Field(default=0, description="streams that came again after a whole window without them")
    duplicates: int = Field(default=0, description="points whose identity and time were seen before")


class OutputSample(_Sample):
    """What left one variant in one window, counted where it is billed."""

    kind: Literal[SampleKind.OUTPUT] = SampleKind.OUTPUT
    points: int = Field(description="data points")
    samples: int = Field(description="Prometheus-type samples: histogram = bounds + 3, others 1")
    bytes: int = Field(description="uncompressed OTLP bytes less those of phoenix.* labels")
    requests: int = Field(description="export requests")
    duplicates: int = Field(description="points whose identity and time were seen before")
    counter_resets: int | None = Field(
        default=None, description="counters and histogram counts that fell, by Prometheus-type series"
    )
    gaps: int | None = Field(
        default=None, description="streams that came again after a whole window without them: staleness gaps"
    )
    continuity: list[ContinuityRow] = Field(
        default_factory=list, description="metrics with resets, gaps or duplicates, most first; at most 50"
    )
    metric_names: int | None = Field(default=None, description="distinct Prometheus metric families in this window")
    gzip_ratio: float | None = Field(
        default=None,
        description="gzip size over size of the first 64 KiB of the window's first request; absent: no request came",
    )
    late_points: int = Field(description="points that arrived after window_end + grace")
    newest_late: int | None = Field(
        default=None, description="Unix nanoseconds, point time of the newest of them; absent: none, or not known"
    )
    max_lag_s: float = Field(description="largest arrival time minus point time, seconds")
    streams: int = Field(description="distinct OTLP identities in this window")
    active_series: int = Field(description="distinct Prometheus-type series in this window")
    streams_by_last_window: list[tuple[int, int]] = Field(
        description="(window_start, streams last seen in it), as of this window: summing entries from a start on gives "
        "the exact union since that start"
    )
    active_series_by_last_window: list[tuple[int, int]] = Field(description="the same for active series")
    signals: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="signal name → group (`label=value,…`, sorted, empty: the one group) → value"
    )
    signal_problems: dict[str, str] = Field(
        default_factory=dict, description="signal name → why it has no value, such as a label or metric that is gone"
    )
    problem: str = Field(
        default="", description="why this window's figures cannot be trusted, such as a Prometheus that did not answer"
    )
    critical: dict[str, int] = Field(default_factory=dict, description="critical name → live series in this window")
    contributions: list[ContributionRow] = Field(
        default_factory=list, description="largest metrics and labels since the start; not in every window"
    )


class ProcessSample(_Sample):
    """CPU and memory of a variant's collector, read at the end of a window. Counters run from the process's start."""

    kind: Literal[SampleKind.PROCESS] = SampleKind.PROCESS
    read_at: int = Field(description="Unix nanoseconds when it was read")
    engine: str = Field(default="", description="engine of the collector")
    cpu_seconds: float = Field(description="CPU time of the process since its start, user + system")
    rss_bytes: int = Field(default=0, description="resident memory, bytes")
    uss_bytes: int = Field(default=0, description="unique memory, bytes")
    received_points: int | None = Field(default=None, description="otelcol_receiver_accepted_metric_points")
    refused_points: int | None = Field(default=None, description="otelcol_receiver_refused_metric_points")
    sent_points: int | None = Field(default=None, description="otelcol_exporter_sent_metric_points")
    send_failed_points: int | None = Field(default=None, description="send and enqueue failures")
    queue_length: int | None = Field(default=None, description="otelcol_exporter_queue_size")


Sample = Annotated[InputSample | OutputSample | ProcessSample, Field(discriminator="kind")]


class SampleBatch(Model):
    """Body of POST …/experiments/NAME/samples (answered 202) and of GET (filters: run, kind, since)."""

    samples: list[Sample] = Field(max_length=10_000, description="samples, any order")


SAMPLES = TypeAdapter(list[Sample])
"""Validates a bare list of samples."""
