"""What a watched run looks like now, as text. Pure: from the experiment, its events and the time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from phoenix.api.experiment import Experiment, ExperimentPhase, VariantRole
from phoenix.api.results import VariantResult
from phoenix.apimachinery.conditions import ConditionStatus, find_condition
from phoenix.cli.figures import change, count, time_of
from phoenix.cli.report import Section, criteria, figures, headline, section_lines
from phoenix.cli.style import Style

LIVE_FIGURES = ("active series", "streams (OTLP)", "samples", "bytes (OTLP)", "CPU")
_EVENTS_KEPT = 5
_ROUTINE = frozenset({"KPIComputed"})


@dataclass(slots=True)
class Board:
    """The latest of everything; routine events are not kept."""

    experiment: Experiment
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))

    def note_event(self, event: dict[str, Any]) -> bool:
        """Keep an event; whether it is worth a line."""
        if event.get("reason") in _ROUTINE:
            return False
        self.events.append(event)
        return True

    @property
    def finished(self) -> bool:
        """Whether the run has ended and what follows from it was decided."""
        status = self.experiment.status
        if status.phase == ExperimentPhase.STOPPED:
            return self.experiment.spec.suspend  # lifted: the next run is about to begin
        if status.phase == ExperimentPhase.COMPLETED:
            return find_condition(status.conditions, "Promoted") is not None
        return status.phase.finished

    def progress(self, now: datetime) -> tuple[float, str]:
        """Share done, and what is waited for in words: `measuring, 16 s left`."""
        status = self.experiment.status
        begin, end = time_of(status.measure_from), time_of(status.measure_to)
        match status.phase:
            case ExperimentPhase.RUNNING if begin and end:
                left = max(0.0, (end - now).total_seconds())
                share = (now - begin).total_seconds() / max(0.001, (end - begin).total_seconds())
                return min(
                    1.0, max(0.0, share)
                ), f"measuring, {left:.0f} s left" if left else "waiting for the last window"
            case ExperimentPhase.WARMING_UP if begin:
                return 0.0, f"warming up, measuring in {max(0.0, (begin - now).total_seconds()):.0f} s"
            case ExperimentPhase.ANALYZING:
                return 1.0, "judging, and ending its processes"
            case _:
                return status.progress, self.why_waiting()

    def why_waiting(self) -> str:
        """What keeps a run that does not measure; empty where nothing is known."""
        status = self.experiment.status
        if self.experiment.spec.suspend and status.phase == ExperimentPhase.PENDING:
            return f"suspended: `phoenixctl start {self.experiment.ref}` starts it"
        for type_ in ("Accepted", "Deployed"):
            condition = find_condition(status.conditions, type_)
            if condition is not None and condition.status == ConditionStatus.FALSE and not status.phase.finished:
                return condition.message
        return ""

    def sides(self) -> tuple[VariantResult | None, list[VariantResult]]:
        """The baseline's results (None: none yet) and the candidates'."""
        results = self.experiment.status.results
        names = {variant.name: variant.role for variant in self.experiment.spec.variants}
        found = results.variants if results else []
        base = next((item for item in found if names.get(item.name) == VariantRole.BASELINE), None)
        return base, [item for item in found if item is not base]

    def body(self, width: int, style: Style) -> list[str]:
        """Figures, criteria and the last events."""
        base, candidates = self.sides()
        if base is None:
            sections = [Section("", lines=["no figures yet"])]
        else:
            sections = [Section("", figures(base, candidates, LIVE_FIGURES))]
            if any(item.criteria for item in candidates):
                sections.append(Section("", criteria(candidates)))
        shown = [*section_lines(sections, width, style), ""]
        return shown + [self.event_line(event, style)[: width + 20 * style.enabled] for event in self.events]

    def event_line(self, event: dict[str, Any], style: Style) -> str:
        """`13:22:01  Normal  VariantReady  …`."""
        at = str(event.get("lastTimestamp") or "")[11:19]
        return f"{style.dim(at)}  {style.word(str(event.get('reason', '')))}  {event.get('message', '')}"

    def one_line(self, now: datetime) -> str:
        """The whole run in a line, for logs."""
        status = self.experiment.status
        _, words = self.progress(now)
        parts = [f"{status.phase}" + (f": {words}" if words else "")]
        base, candidates = self.sides()
        if base is not None and base.active_series is not None:
            parts.append(f"active series: {base.name} {count(base.active_series)}")
        for item in candidates:
            before = base.active_series if base else None
            if item.active_series is None:
                continue
            parts.append(f"{item.name} {count(item.active_series)} ({change(before, item.active_series)})")
            if item.criteria:
                passed = sum(one.passed is True for one in item.criteria)
                parts.append(f"criteria {passed} of {len(item.criteria)}")
        return ", ".join(parts)

    def summary(self, width: int, style: Style) -> list[str]:
        """The end of a run: verdict, figures, criteria, bills in a line each."""
        base, candidates = self.sides()
        sections = [Section("", lines=headline(self.experiment))]
        if base is not None:
            sections.append(Section("", figures(base, candidates)))
        if any(item.criteria for item in candidates):
            sections.append(Section("", criteria(candidates)))
        bills = [
            f"{item.name} saves {bill.saving:,.2f} of {bill.baseline:,.2f} {bill.currency} a month by {bill.price_book}"
            for item in candidates
            for bill in item.cost
        ]
        if bills:
            sections.append(Section("", lines=bills))
        return [*section_lines(sections, width, style)]
