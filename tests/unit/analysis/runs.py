"""Made runs: every figure is set by hand here, so that tests can say what must come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phoenix.analysis.model import AnalysisInput, JudgedVariant
from phoenix.api.analysis import Analysis, CostSpec, CriticalMatch, Signal
from phoenix.api.collector import Engine
from phoenix.api.experiment import VariantRole
from phoenix.api.pricebook import PriceBookSpec
from phoenix.samples.model import InputSample, OutputSample, ProcessSample, Sample

WINDOW = 2_000_000_000
START = 1_700_000_000 * 10**9
GROUPS = 100


class Run:
    """A run of `windows` windows that is sound in every respect until a test changes it."""

    def __init__(
        self,
        *,
        windows: int = 10,
        hosts: tuple[str, ...] = ("a",),
        candidates: tuple[str, ...] = ("cand",),
        warmup: int = 1,
    ) -> None:
        self.windows, self.hosts = windows, hosts
        self.names = ("base", *candidates)
        self.samples: list[Sample] = []
        self.analysis: dict[str, Any] = {
            "criteria": [{"metric": "cardinalityReduction", "min": 0.5}, {"metric": "signalLoss", "max": 0.01}]
        }
        self.signals = [Signal(name="requests", query="sum by (route) (rate(requests_total[4s]))")]
        self.critical = [CriticalMatch(name="checkout", match={"service_name": "checkout"})]
        self.fields: dict[str, Any] = {}
        series = {"base": 1000} | dict.fromkeys(candidates, 250)
        for host in hosts:
            for name in self.names:
                for index in range(-warmup, windows):
                    self.samples += self._window(host, name, index, series[name])

    def _window(self, host: str, name: str, index: int, series: int) -> list[Sample]:
        start = START + index * WINDOW
        common: dict[str, Any] = {
            "run": 1,
            "host": host,
            "variant": name,
            "window_start": start,
            "window_end": start + WINDOW,
        }
        cpu = 0.4 if name == "base" else 0.3
        return [
            InputSample(
                **common, instance="source-1", ticks=2, planned_points=2000, sent_points=2000, acked_points=2000,
                requests=4, sent_first=2, bytes=200_000, digest=f"{index:016x}",
            ),
            OutputSample(
                **common, instance="meter-1", points=series * 2, samples=series * 2, bytes=series * 100, requests=2,
                duplicates=0, late_points=0, max_lag_s=0.25, streams=series // 10, active_series=series,
                # 7 series of the warm-up are not seen again.
                streams_by_last_window=[(START - WINDOW, 1), (start, series // 10)],
                active_series_by_last_window=[(START - WINDOW, 7), (start, series)],
                signals={"requests": {f"route=/{group}": 10.0 + group for group in range(GROUPS)}},
                critical={"checkout": 5},
            ),
            ProcessSample(
                **common, instance="process-1", read_at=start + WINDOW, engine="Embedded",
                cpu_seconds=5.0 + cpu * (index + 1) + (0.004 if index % 2 else 0.0), uss_bytes=(80 - index % 3) * 10**6,
                send_failed_points=0, refused_points=0, queue_length=0,
            ),
        ]  # fmt: skip

    def of(self, kind: type[Any], variant: str, index: int | None = None) -> list[Any]:
        """Samples of one kind and variant, of one window or of all measured ones."""
        starts = range(self.windows) if index is None else (index,)
        wanted = {START + number * WINDOW for number in starts}
        return [s for s in self.samples if isinstance(s, kind) and s.variant == variant and s.window_start in wanted]

    def change(self, change: Callable[[Any], None], kind: type[Any], variant: str, index: int | None = None) -> Run:
        """Change samples in place."""
        found = self.of(kind, variant, index)
        assert found
        for sample in found:
            change(sample)
        return self

    def drop(self, kind: type[Any], variant: str, index: int | None = None) -> Run:
        """Take samples away."""
        gone = {id(sample) for sample in self.of(kind, variant, index)}
        self.samples = [sample for sample in self.samples if id(sample) not in gone]
        return self

    def input(self, **fields: Any) -> AnalysisInput:
        """The analysis input."""
        return AnalysisInput(
            **{
                "variants": [
                    JudgedVariant(
                        name=name,
                        role=VariantRole.BASELINE if name == "base" else VariantRole.CANDIDATE,
                        engine=Engine.EMBEDDED,
                    )
                    for name in self.names
                ],
                "hosts": list(self.hosts),
                "analysis": Analysis.from_wire(
                    {
                        "signals": [signal.to_wire() for signal in self.signals],
                        "critical": [critical.to_wire() for critical in self.critical],
                        **self.analysis,
                    }
                ),
                "samples": self.samples,
                "measure_from": START,
                "measure_to": START + self.windows * WINDOW,
                "window_ns": WINDOW,
                "final": True,
                "now": START + (self.windows + 2) * WINDOW,
                **self.fields,
                **fields,
            }
        )


BOOK = PriceBookSpec.from_wire(
    {
        "version": "1",
        "confidence": "illustrative",
        "meters": [{"unit": "activeSeries", "included": 100, "tiers": [{"price": 5, "per": 100}]}],
    }
)
COST = CostSpec(price_books=["book"], hosts=10)
