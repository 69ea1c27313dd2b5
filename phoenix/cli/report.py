"""An experiment's results as sections of text: every figure, both sides, and the sums behind the money. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from phoenix.api.experiment import Experiment, VariantRole
from phoenix.api.results import CostResult, CriterionResult, ExperimentResults, Interval, VariantResult, Verdict
from phoenix.apimachinery.conditions import find_condition
from phoenix.cli.advice import rejected
from phoenix.cli.figures import UNKNOWN, change, count, money, number, ratio, seconds, size
from phoenix.cli.grid import Grid
from phoenix.cli.style import Style

_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, then a table, then lines."""

    title: str
    grid: Grid | None = None
    lines: Sequence[str] = field(default=())


def section_lines(sections: Sequence[Section], width: int, style: Style) -> Iterator[str]:
    """Sections as lines, an empty one between them."""
    for at, section in enumerate(sections):
        if at:
            yield ""
        if section.title:
            yield style.bold(section.title)
        indent = "  " if section.title else ""
        if section.grid is not None:
            yield from (indent + line for line in section.grid.lines(width - len(indent), style))
        for line in section.lines:
            yield from wrapped((indent + line).rstrip(), width)


def wrapped(text: str, width: int) -> list[str]:
    """Prose within the width, later lines indented below the first; words are never cut."""
    if len(text) <= width:
        return [text]
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def report(experiment: Experiment) -> list[Section]:
    """Everything found; the verdict first."""
    sections = [Section("", lines=headline(experiment))]
    results = experiment.status.results
    if results is None or not results.variants:
        return [*sections, Section("", lines=["no figures yet: nothing has been measured"])]
    base, candidates = _sides(experiment, results)
    sections.append(input_section(results))
    sections.append(Section("FIGURES", figures(base, candidates), [*estimates(candidates)]))
    if any(candidate.criteria for candidate in candidates):
        sections.append(Section("CRITERIA", criteria(candidates)))
    if results.ranking:
        sections.append(Section("RANKING", ranking(results)))
    sections += _signals(candidates)
    sections += _queries(candidates)
    sections += _costs(candidates)
    sections += _contributors([*([base] if base else []), *candidates])
    if results.problems:
        sections.append(Section("PROBLEMS", lines=results.problems))
    return sections


def headline(experiment: Experiment) -> list[str]:
    """Name, run, phase and verdict with its reason."""
    status = experiment.status
    lines = [f"{experiment.ref}   run {status.run}   {status.phase}" + _progress(experiment)]
    if status.verdict is not None:
        causes = rejected(experiment) if status.verdict is Verdict.REJECT else []
        why = f": {status.verdict_reason}" if status.verdict_reason and not causes else ""
        lines += [f"verdict: {status.verdict}{why}", *causes]
    elif status.phase.finished:
        complete = find_condition(status.conditions, "Complete")
        why = complete.message if complete else status.verdict_reason
        lines.append("no verdict" + (f": {why}" if why else ""))
    if status.ending is not None:
        lines.append(f"ending: {status.ending.message or status.ending.reason}")
    promotion = status.promotion
    if promotion is not None:
        done = "rolled back" if promotion.rolled_back_at else "promoted"
        lines.append(f"{done}: {promotion.variant} to pipelinedeployment/{promotion.deployment}")
        lines.append(f"  pipeline {promotion.pipeline_hash}, the one that was judged")
    return lines


def _progress(experiment: Experiment) -> str:
    return f" {experiment.status.progress:.0%}" if experiment.status.phase == "Running" else ""


def _sides(experiment: Experiment, results: ExperimentResults) -> tuple[VariantResult | None, list[VariantResult]]:
    roles = {variant.name: variant.role for variant in experiment.spec.variants}
    base = next((item for item in results.variants if roles.get(item.name) == VariantRole.BASELINE), None)
    return base, [item for item in results.variants if item is not base]


def input_section(results: ExperimentResults) -> Section:
    """Whether every variant had the same."""
    found = results.input
    parity = {True: "the same for every variant", False: "UNEQUAL", None: "not known yet"}[found.parity]
    points = ", ".join(f"{name} {count(value)}" for name, value in found.points.items())
    lines = [f"{parity}: {points or 'no points yet'} points; {found.windows} of {found.expected_windows} windows"]
    if found.missed_points:
        lines.append(f"the source missed {count(found.missed_points)} points it should have sent")
    return Section("INPUT", lines=lines)


_ROWS: tuple[tuple[str, Callable[[VariantResult], float | int | None], Callable[..., str]], ...] = (
    ("active series", lambda item: item.active_series, count),
    ("streams (OTLP)", lambda item: item.streams, count),
    ("data points", lambda item: item.points, count),
    ("samples", lambda item: item.samples, count),
    ("bytes (OTLP)", lambda item: item.bytes, size),
    ("duplicates", lambda item: item.duplicates, count),
    ("counter resets", lambda item: item.counter_resets, count),
    ("gaps", lambda item: item.gaps, count),
    ("late points", lambda item: item.late_points, count),
    ("CPU", lambda item: item.cpu_seconds, seconds),
    ("memory (USS)", lambda item: item.uss_bytes, size),
)


_WHERE_ANY = ("counter resets", "gaps")
"""Rows that are shown where there is something in them."""


def figures(
    base: VariantResult | None, candidates: Sequence[VariantResult], only: Collection[str] | None = None
) -> Grid:
    """What left each variant, and how far each candidate is from the baseline; `only` some of the rows."""
    header = ["FIGURE", base.name.upper() if base else "BASELINE"]
    for candidate in candidates:
        header += [candidate.name.upper(), "CHANGE"]
    grid = Grid(header, right=range(1, len(header)))
    for title, read, show in _ROWS:
        if only is not None and title not in only:
            continue
        before = read(base) if base else None
        if title in _WHERE_ANY and not before and not any(read(candidate) for candidate in candidates):
            continue
        cells = [title, show(before)]
        for candidate in candidates:
            cells += [show(read(candidate)), change(before, read(candidate))]
        grid.add(*cells)
    return grid


def estimates(candidates: Sequence[VariantResult]) -> Iterator[str]:
    """CPU and memory with their intervals, or why they do not count."""
    for candidate in candidates:
        found = candidate.vs_baseline
        if found is None:
            continue
        for what, interval in (("CPU", found.cpu_increase), ("memory", found.memory_increase)):
            if interval is not None:
                yield f"{candidate.name}: {what} {_interval(interval)}"
        if found.not_comparable:
            yield f"{candidate.name}: CPU and memory do not count: {found.not_comparable}"


def _interval(found: Interval) -> str:
    return f"{found.value:+.1%}, with confidence between {found.low:+.1%} and {found.high:+.1%}".replace("%", " %")


def criteria(candidates: Sequence[VariantResult]) -> Grid:
    """Each bound, each value, passed or not."""
    several = len(candidates) > 1
    header = [*(["CANDIDATE"] if several else []), "CRITERION", "BOUND", "VALUE", "RESULT", "WHY"]
    grid = Grid(header, right=(3,) if several else (2,), keep=(0, 1, 2, 3))
    for candidate in candidates:
        for item in candidate.criteria:
            cells = [item.metric, bound(item), number(item.value), outcome(item), item.reason]
            grid.add(*([candidate.name] if several else []), *cells)
    return grid


def ranking(results: ExperimentResults) -> Grid:
    """Several candidates, the best first; those that did not pass have no rank."""
    grid = Grid(("RANK", "CANDIDATE", "VERDICT", "A MONTH", "SERIES SAVED", "TIED WITH"), right=(0, 3, 4))
    for item in results.ranking:
        cost = UNKNOWN if item.monthly_cost is None else money(item.monthly_cost, item.currency)
        place = "" if item.rank is None else str(item.rank)
        grid.add(
            place,
            item.name,
            str(item.verdict or ""),
            cost,
            ratio(item.cardinality_reduction),
            ", ".join(item.tied_with),
        )
    return grid


def bound(item: CriterionResult) -> str:
    """`>= 0.5`."""
    parts = [f">= {number(item.min)}"] if item.min is not None else []
    return " and ".join(parts + ([f"<= {number(item.max)}"] if item.max is not None else []))


def outcome(item: CriterionResult) -> str:
    """`pass`, `FAIL` or `unknown`."""
    return {True: "pass", False: "FAIL", None: "unknown"}[item.passed]


def _signals(candidates: Sequence[VariantResult]) -> Iterator[Section]:
    for candidate in candidates:
        if not candidate.signals and not candidate.critical:
            continue
        grid = Grid(("SIGNAL", "VALUES", "LOST", "LARGEST ERROR"), right=(1, 2, 3))
        lines = []
        for item in candidate.signals:
            error = UNKNOWN if item.max_relative_error is None else f"{item.max_relative_error:.2g}"
            grid.add(item.name, count(item.values), count(item.lost), error)
            lines += [f"{item.name}: {item.reason}"] if item.reason else []
            for word, groups in (("missing", item.missing), ("extra", item.extra)):
                if groups:
                    more = f" and {len(groups) - _NAMES_SHOWN} more" if len(groups) > _NAMES_SHOWN else ""
                    shown = ", ".join(group or "the one without labels" for group in groups[:_NAMES_SHOWN])
                    lines.append(f"{item.name}: {word} {shown}{more}")
        lines += [f"critical {name}: {ratio(share)} covered" for name, share in candidate.critical.items()]
        title = "SIGNALS" if len(candidates) == 1 else f"SIGNALS OF {candidate.name}"
        yield Section(title, grid if candidate.signals else None, lines)


def _queries(candidates: Sequence[VariantResult]) -> Iterator[Section]:
    """Rules and dashboards: how many answer alike, and those that do not."""
    for candidate in candidates:
        if not candidate.queries:
            continue
        grid = Grid(("QUERY", "KIND", "VALUES", "LOST", "LARGEST ERROR"), right=(2, 3, 4))
        others = [item for item in candidate.queries if item.alike is not True]
        for item in others:
            error = UNKNOWN if item.max_relative_error is None else f"{item.max_relative_error:.2g}"
            grid.add(item.name, item.kind, count(item.values), count(item.lost), error)
        spans = [
            f"{item.name}: {span.variant} active {span.active_from} to {span.to}"
            + (f", firing from {span.firing_from}" if span.firing_from else "")
            + (f" ({span.labels})" if span.labels else "")
            for item in others
            for span in item.firing[:_NAMES_SHOWN]
        ]
        alike = len(candidate.queries) - len(others)
        title = "QUERIES" if len(candidates) == 1 else f"QUERIES OF {candidate.name}"
        lines = [f"{item.name}: {item.reason}" for item in others if item.reason]
        lines += [f"{alike} of {len(candidate.queries)} queries of rules and dashboards answer alike", *spans]
        yield Section(title, grid if others else None, lines)


def _costs(candidates: Sequence[VariantResult]) -> Iterator[Section]:
    for candidate in candidates:
        for bill in candidate.cost:
            of = f" OF {candidate.name}" if len(candidates) > 1 else ""
            yield Section(
                f"COST{of} a month by {bill.price_book} ({bill.confidence or 'no confidence given'})", *_bill(bill)
            )


def _bill(bill: CostResult) -> tuple[Grid, list[str]]:
    grid = Grid(("BASELINE", "CANDIDATE", "SAVING", "SHARE"), right=(0, 1, 2, 3))
    grid.add(
        money(bill.baseline, bill.currency),
        money(bill.candidate, bill.currency),
        money(bill.saving, bill.currency),
        ratio(bill.saving / bill.baseline) if bill.baseline else UNKNOWN,
    )
    inputs = Grid((), right=(1,))
    for name, value in bill.inputs.items():
        inputs.add(name, f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}")
    lines = []
    if bill.saving_low is not None and bill.saving_high is not None:
        span = f"{money(bill.saving_low, bill.currency)} to {money(bill.saving_high, bill.currency)}"
        lines.append(f"saving from {span}: how the vendor counts is uncertain")
    if bill.collector_cost is not None and bill.net_saving is not None:
        added = money(bill.collector_cost, bill.currency)
        lines.append(f"collectors cost {added} more: {money(bill.net_saving, bill.currency)} saved after that")
    lines += [f"taken to be so: {text}" for text in bill.assumptions]
    lines += ["", "made from:", *(f"  {line}" for line in inputs.lines(76))]
    return grid, [*lines, "", "formula:", *(f"  {part}" for part in bill.formula.split("; ") if part)]


def _contributors(variants: Sequence[VariantResult]) -> Iterator[Section]:
    for variant in variants:
        if not variant.top_contributors:
            continue
        grid = Grid(("METRIC", "LABEL", "SERIES", "VALUES"), right=(2, 3))
        for item in variant.top_contributors:
            grid.add(item.metric, item.label or "(all)", count(item.series), count(item.values))
        yield Section(f"WHAT COSTS MOST IN {variant.name}", grid)
