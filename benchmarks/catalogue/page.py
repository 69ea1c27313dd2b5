"""docs/catalogue.md: the templates as their resources describe them, with what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from benchmarks.catalogue.inputs import HOSTS, PROGRAMS, TICKS
from benchmarks.catalogue.measuring import ALWAYS, Measured
from phoenix.api.pipeline import PipelineTemplate

_HEAD = f"""\
# Catalogue

The pipeline templates that come with Phoenix, as `resources/catalog/` has them. This page is made by `make catalogue`:
each template runs in the embedded engine on each input, what leaves is counted by the meter that experiments have, and
what is lost is judged by their judge. `tests/integration/pipelines/test_catalogue_figures.py` holds the figures to
counts taken apart from both, and this page to the figures.

Use one with `templateRef: {{name: NAME}}`; any other name listed with it means the same template. `phoenixctl explain
pipelinetemplate` says what its fields are, `phoenixctl validate -f` whether your parameters fit.

Inputs: **M1-S**, **M2-S** and **M3-S** are the load models of HTTP microservices, of a fleet of hosts with their
processes, and of Kubernetes pods, at size S ([load profiles](../resources/catalog/)); **processes** are
{sum(item[2] for item in PROGRAMS)} processes on each of {len(HOSTS)} hosts with 12 series each, as the process scraper
with all metrics has them; **host** is one host with 16 cores, 9 disks and partitions, 6 mounts and 8 interfaces.
{TICKS} ticks a second apart, the first half of them warm-up. A template that does nothing to an input has no row.

Reductions are those of series, of samples and of bytes (OTLP, uncompressed). Signal loss is the part of the answers to
the input's questions (rates and totals by service, host, direction or state) that are missing or off by more than 1 %.
"""


@dataclass(frozen=True)
class Row:
    """One template on one input, as the page shows it."""

    template: str
    input: str
    text: str

    @classmethod
    def of(cls, measured: Measured) -> Self:
        """The row of a measurement."""
        result, versus = measured.result, measured.result.vs_baseline
        verdict = "rejected" if str(measured.verdict) == "Reject" else ""
        assert versus is not None
        cells = (
            measured.template, measured.input, f"{measured.baseline.active_series:,}", f"{result.active_series:,}",
            _percent(versus.cardinality_reduction), _percent(versus.sample_reduction),
            _percent(versus.byte_reduction), _percent(versus.signal_loss),
            f"{verdict}, {result.duplicates:,} duplicates" if result.duplicates else verdict,
        )  # fmt: skip
        return cls(measured.template, measured.input, f"| {' | '.join(cells)} |")


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio * 100:.1f} %"


def page(templates: Iterable[PipelineTemplate], rows: Sequence[Row]) -> str:
    """The whole page."""
    lines = [_HEAD, "## Measured", ""]
    lines += ["| template | input | series before | after | series | samples | bytes | signal loss | |"]
    lines += ["|---|---|--:|--:|--:|--:|--:|--:|---|", *(row.text for row in rows), ""]
    measured = {row.template for row in rows}
    lines += [
        "Rejected are the negative controls, and what takes away a question asked here: `usage-allowlist` keeps only",
        "what is listed, and `histogram-count-sum` changes names.",
        "",
        "## Templates",
        "",
    ]
    for template in sorted(templates, key=lambda item: item.metadata.name):
        lines += _template(template, measured)
    return "\n".join(lines).rstrip() + "\n"


def _template(template: PipelineTemplate, measured: set[str]) -> list[str]:
    spec, name = template.spec, template.metadata.name
    lines = [f"### {name}", "", _line(spec.description), "", f"- Cuts: {_line(spec.reduces)}"]
    lines.append(f"- Loses: {_line(spec.loses)}")
    if spec.aliases:
        lines.append(f"- Also called: {', '.join(f'`{alias}`' for alias in spec.aliases)}")
    if spec.requires:
        lines.append(f"- Needs engine Otelcol with {', '.join(f'`{item}`' for item in spec.requires)}")
    if name not in measured:
        lines.append(_unmeasured(template))
    if name in ALWAYS:
        given = "; ".join(f"`{key}`: {', '.join(value)}" for key, value in ALWAYS[name].items())
        lines.append(f"- Measured with {given}")
    if spec.parameters:
        lines += ["", "| parameter | type | default | |", "|---|---|---|---|"]
        lines += [
            f"| `{item.name}` | {item.type} | {_value(item.default)} | {_line(item.description)} |"
            for item in spec.parameters
        ]
    return [*lines, ""]


def _unmeasured(template: PipelineTemplate) -> str:
    if any("interval" in name for name in template.spec.config["processors"]):
        return "- Not measured here: it goes by the clock, and inputs here have times of their own"
    return "- Not measured here: the embedded engine does not run it, or no input has what it cuts"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _value(value: object) -> str:
    if value is None:
        return "required"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`".replace("|", "\\|")
