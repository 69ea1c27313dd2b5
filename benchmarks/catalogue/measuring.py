"""One template on one input, metered and judged by what meters and judges experiments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.catalogue.inputs import START_NS, TICKS, Input
from benchmarks.catalogue.passing import through
from phoenix.analysis.judge import analyze
from phoenix.analysis.model import AnalysisInput, JudgedVariant
from phoenix.api.analysis import Analysis
from phoenix.api.experiment import VariantRole
from phoenix.api.pipeline import NameRef, PipelineSource, PipelineTemplate
from phoenix.api.results import VariantResult, Verdict
from phoenix.manifest.tree import load_tree
from phoenix.meter.config import Address, Config
from phoenix.meter.variant import Stamp, Variant
from phoenix.otlp.signalquery import parse_signal
from phoenix.pipelines.resolve import resolve
from phoenix.samples.model import InputSample, Sample

CATALOGUE = Path(__file__).resolve().parents[2] / "resources" / "catalog"
WINDOW_NS = 2 * 10**9
WARMUP_TICKS = 4
ALWAYS: dict[str, dict[str, Any]] = {
    "usage-allowlist": {
        "metrics": ["http.server.request.duration", "process.cpu.time", "process.memory.usage", "system.cpu.time"],
        "labels": ["http.route", "http.response.status_code", "state"],
    },
    "process-significant": {"keep": ["ffmpeg", "postgres", "chrome"]},
}
"""Values for parameters that have no default, or none that shows anything."""


def templates() -> dict[str, PipelineTemplate]:
    """What Phoenix ships, by name."""
    found = [PipelineTemplate.from_wire(item.wire) for item in load_tree(CATALOGUE) if item.kind is PipelineTemplate]
    return {template.metadata.name: template for template in found}


def resolved(template: PipelineTemplate, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Its configuration with parameters: those given, else those of `ALWAYS`."""
    name = template.metadata.name
    values = ALWAYS.get(name, {}) if parameters is None else parameters
    return resolve(PipelineSource(template_ref=NameRef(name=name), parameters=dict(values)), template).config


@dataclass(frozen=True)
class Measured:
    """What was found, the baseline's figures beside it."""

    template: str
    input: str
    baseline: VariantResult
    result: VariantResult

    @property
    def verdict(self) -> Verdict | None:
        """Of a judge that asks for no reduction at all, but for every answer."""
        return self.result.verdict


async def measure(template: PipelineTemplate, given: Input, parameters: Mapping[str, Any] | None = None) -> Measured:
    """Run, meter, judge. Raises PipelineError, phoenix.engine.ConfigError."""
    return judged(template.metadata.name, given, await through(resolved(template, parameters), given.ticks))


def judged(name: str, given: Input, left: Iterable[bytes]) -> Measured:
    """The judgement of payloads; those of the input are the baseline's."""
    samples: list[Sample] = [*_baseline(given), *_metered("candidate", given, left)]
    start = START_NS + WARMUP_TICKS * 10**9
    outcome = analyze(
        AnalysisInput(
            variants=[
                JudgedVariant(name="baseline", role=VariantRole.BASELINE),
                JudgedVariant(name="candidate", role=VariantRole.CANDIDATE),
            ],
            hosts=["a"],
            analysis=Analysis.from_wire(
                {
                    "criteria": [{"metric": "signalLoss", "max": 0.01}],
                    "minWindows": 1,  # nothing here is drawn by chance but values: one window tells as much as ten
                    "signals": [{"name": key, "query": query} for key, query in given.signals.items()],
                }
            ),
            samples=samples,
            measure_from=start,
            measure_to=START_NS + TICKS * 10**9,
            window_ns=WINDOW_NS,
            final=True,
            now=START_NS + 2 * TICKS * 10**9,
        )
    )
    baseline, result = outcome.results.variants
    return Measured(name, given.name, baseline, result)


@lru_cache(maxsize=8)
def _baseline(given: Input) -> list[Sample]:
    return _metered("baseline", given, (data for tick in given.ticks for data in tick))


def _metered(variant: str, given: Input, payloads: Iterable[bytes]) -> list[Sample]:
    config = Config(
        otlp=Address("", 0), health=Address("", 0), variants=(variant,), window_ns=WINDOW_NS, grace_ns=10**9,
        signals=tuple((name, parse_signal(query)) for name, query in given.signals.items()), critical=(), report=None,
    )  # fmt: skip
    meter = Variant(variant, config, Stamp(1, "a", "meter"))
    for data in payloads:
        meter.accept(data, START_NS)
    first, last = START_NS // WINDOW_NS, START_NS // WINDOW_NS + TICKS // 2 - 1
    outputs = meter.close(span=(first, last))
    return [*outputs, *(_input(variant, START_NS + index * WINDOW_NS) for index in range(TICKS // 2))]


def _input(variant: str, start: int) -> InputSample:
    return InputSample(
        run=1, host="a", variant=variant, window_start=start, window_end=start + WINDOW_NS, instance="source", ticks=2,
        planned_points=2, sent_points=2, acked_points=2, requests=2, sent_first=1, bytes=2, digest=f"{start:016x}",
    )  # fmt: skip
