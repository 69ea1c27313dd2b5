"""Input samples from a source's account of what it sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from phoenix.otlp.sentwindows import SentWindow
from phoenix.samples.model import InputSample

_TARGETS_SHOWN = 5


@dataclass(slots=True)
class Scrapes:
    """Scrapes of one window: all of them, and those that failed by target."""

    count: int = 0
    failed: dict[str, int] = field(default_factory=dict)

    def add(self, target: str, *, failed: bool) -> None:
        """Count one."""
        self.count += 1
        if failed:
            self.failed[target] = self.failed.get(target, 0) + 1

    def named(self) -> str:
        """`127.0.0.1:9100 (2), …`; empty where none failed."""
        shown = [f"{target} ({count})" for target, count in sorted(self.failed.items())]
        more = f" and {len(shown) - _TARGETS_SHOWN} more" if len(shown) > _TARGETS_SHOWN else ""
        return ", ".join(shown[:_TARGETS_SHOWN]) + more


_NONE: Mapping[int, Scrapes] = MappingProxyType({})


def input_samples(
    windows: Iterable[SentWindow],
    *,
    run: int,
    host: str,
    instance: str,
    scrapes: Mapping[int, Scrapes] = _NONE,
) -> list[InputSample]:
    """Stamp closed windows as samples.

    Args:
        instance: differs for each start of the sending process.
        scrapes: by start of window, of a source that scrapes.
    """
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
            scrapes=scrapes[window.start_unix_nano].count if window.start_unix_nano in scrapes else None,
            failed_scrapes=sum(scrapes.get(window.start_unix_nano, Scrapes()).failed.values()),
            failed_targets=scrapes.get(window.start_unix_nano, Scrapes()).named(),
        )
        for window in windows
    ]
