"""Input samples from a source's account of what it sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from phoenix.otlp.sentwindows import SentWindow
from phoenix.samples.model import InputSample


def input_samples(windows: Iterable[SentWindow], *, run: int, host: str, instance: str) -> list[InputSample]:
    """Stamp closed windows as samples; `instance` differs for each start of the sending process."""
    return [
        InputSample(
            run=run,
            host=host,
            variant=window.target,
            window_start=window.start_unix_nano,
            window_end=window.end_unix_nano,
            instance=instance,
            ticks=window.ticks,
            planned_points=window.planned_points,
            sent_points=window.sent_points,
            acked_points=window.acked_points,
            requests=window.requests,
            failed_requests=window.failed_requests,
            sent_first=window.sent_first,
            bytes=window.payload_bytes,
            digest=window.digest,
        )
        for window in windows
    ]
