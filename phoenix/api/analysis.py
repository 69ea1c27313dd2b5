"""How an Experiment is judged and priced: criteria, signals, rules and dashboards, and the bills."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from itertools import combinations
from typing import Self

from pydantic import Field, model_validator

from phoenix.api.patterns import DNS_LABEL
from phoenix.apimachinery.model import ONE_FIELD, SET, Model, map_by

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class CriterionMetric(StrEnum):
    """What can be judged, each of a candidate against the baseline."""

    CARDINALITY_REDUCTION = "cardinalityReduction"  # ratio of active series saved, may be below 0
    SAMPLE_REDUCTION = "sampleReduction"  # ratio of samples saved
    BYTE_REDUCTION = "byteReduction"  # ratio of bytes saved
    SIGNAL_LOSS = "signalLoss"  # ratio of signal values lost or outside their tolerance, 0 to 1
    CRITICAL_COVERAGE = "criticalCoverage"  # ratio of critical (matcher, window) pairs kept, 0 to 1
    CPU_INCREASE = "cpuIncrease"  # ratio: 0.1 is ten per cent more
    MEMORY_INCREASE = "memoryIncrease"  # ratio
    QUERY_LOSS = "queryLoss"  # ratio of answers of rules and dashboards lost or changed, 0 to 1
    FALSE_RESETS = "falseResets"  # number of times that counters fell which did not in the baseline
    STALENESS_GAPS = "stalenessGaps"  # number of times that streams paused for a window which did not in the baseline


_WITHIN = {
    CriterionMetric.CARDINALITY_REDUCTION: (-math.inf, 1.0),
    CriterionMetric.SAMPLE_REDUCTION: (-math.inf, 1.0),
    CriterionMetric.BYTE_REDUCTION: (-math.inf, 1.0),
    CriterionMetric.SIGNAL_LOSS: (0.0, 1.0),
    CriterionMetric.CRITICAL_COVERAGE: (0.0, 1.0),
    CriterionMetric.CPU_INCREASE: (-1.0, math.inf),
    CriterionMetric.MEMORY_INCREASE: (-1.0, math.inf),
    CriterionMetric.QUERY_LOSS: (0.0, 1.0),
    CriterionMetric.FALSE_RESETS: (0.0, math.inf),
    CriterionMetric.STALENESS_GAPS: (0.0, math.inf),
}
"""What a figure can be: a bound beyond it always passes, or never."""
_DAMAGE = (
    CriterionMetric.SIGNAL_LOSS, CriterionMetric.QUERY_LOSS, CriterionMetric.FALSE_RESETS,
    CriterionMetric.STALENESS_GAPS,
)  # fmt: skip
"""Of which less is better, and none is the least there is."""


class Criterion(Model):
    """A bound a candidate must keep."""

    metric: CriterionMetric = Field(description="what is judged")
    min: float | None = Field(default=None, description="smallest value that passes")
    max: float | None = Field(default=None, description="largest value that passes")
    tolerance: float = Field(default=0.0, ge=0, description="how far beyond a bound is Inconclusive, not a failure")
    critical: bool = Field(default=True, description="false: reported, but it decides nothing")

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.min is None and self.max is None:
            msg = "give min, max or both"
            raise ValueError(msg)
        if self.min is not None and self.max is not None and self.min > self.max:
            msg = f"min {self.min:g} is above max {self.max:g}: nothing passes; change one of them"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _bounds_that_tell(self) -> Self:
        if self.metric in _DAMAGE and self.min is not None:
            msg = f"min {self.min:g}: {self.metric} is damage done, of which less is better: give max, such as max: 0"
            raise ValueError(msg)
        if self.metric is CriterionMetric.CRITICAL_COVERAGE and self.max is not None:
            msg = f"max {self.max:g}: {self.metric} is what was kept, of which more is better: give min, such as min: 1"
            raise ValueError(msg)
        least, most = _WITHIN[self.metric]
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is None or least <= bound <= most:
                continue
            if bound > most:
                msg = f"{name} {bound:g}: {self.metric} is a ratio, at most 1: {bound:g} % is {bound / 100:g}"
            else:
                msg = f"{name} {bound:g}: {self.metric} is never below {least:g}"
            raise ValueError(msg)
        return self


class Signal(Model):
    """An answer that must survive: PromQL over Prometheus names, in the subset of docs/judging.md."""

    name: str = Field(pattern=DNS_LABEL, max_length=63, description="name, a DNS label")
    query: str = Field(min_length=1, description="PromQL over Prometheus names")
    tolerance: float = Field(default=0.01, ge=0, description="largest relative error of a value, ratio")


class CriticalMatch(Model):
    """Series that must stay live: those whose labels all have these values."""

    name: str = Field(pattern=DNS_LABEL, max_length=63, description="name, a DNS label")
    match: dict[str, str] = Field(
        min_length=1,
        description="Prometheus label names and values; __name__ is the metric",
        json_schema_extra=ONE_FIELD,
    )

    @model_validator(mode="after")
    def _prometheus_names(self) -> Self:
        for label in self.match:
            if not _LABEL_NAME.fullmatch(label):
                right = re.sub(r"^(?=[0-9])|[^a-zA-Z0-9_]", "_", label)
                msg = f"match: {label!r} is no Prometheus label name: write {right or 'one'}"
                raise ValueError(msg)
        return self


class QueryEngine(StrEnum):
    """What answers signals, rules and dashboards. Auto: Prometheus where a query needs it and every host has one."""

    AUTO = "Auto"
    EMBEDDED = "Embedded"
    PROMETHEUS = "Prometheus"


class QueryFile(Model):
    """A file of queries people rely on, inline as in a ConfigMap."""

    name: str = Field(pattern=DNS_LABEL, max_length=60, description="name, a DNS label; its queries are NAME/…")
    content: str = Field(min_length=1, max_length=1 << 20, description="the file's text")


class Analysis(Model):
    """What must hold for a candidate to be promoted."""

    criteria: list[Criterion] = Field(
        default_factory=lambda: [
            Criterion(metric=CriterionMetric.CARDINALITY_REDUCTION, min=0.1),
            Criterion(metric=CriterionMetric.SIGNAL_LOSS, max=0.01),
        ],
        description="bounds every candidate is judged by",
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="of intervals (CPU, memory), ratio")
    min_windows: int = Field(default=3, ge=1, description="complete windows below which a run is Inconclusive")
    early_stop: bool = Field(default=False, description="true: end a run whose verdict cannot change any more")
    query_engine: QueryEngine = Field(
        default=QueryEngine.AUTO,
        description="what answers queries: Embedded (a subset of PromQL), Prometheus (all of it, by a real one the "
        "hosts have), or Auto: Prometheus only where a query is outside the subset",
    )
    signals: list[Signal] = Field(
        default_factory=list, description="answers that must survive", json_schema_extra=map_by("name")
    )
    critical: list[CriticalMatch] = Field(
        default_factory=list, description="series that must stay live", json_schema_extra=map_by("name")
    )
    rules: list[QueryFile] = Field(
        default_factory=list,
        max_length=50,
        description="Prometheus rule files (YAML): every recording and alerting rule must answer alike",
        json_schema_extra=map_by("name"),
    )
    dashboards: list[QueryFile] = Field(
        default_factory=list,
        max_length=50,
        description="Grafana dashboards (JSON): every query of every panel must answer alike",
        json_schema_extra=map_by("name"),
    )

    @model_validator(mode="after")
    def _criteria_together(self) -> Self:
        for (first, one), (second, other) in combinations(enumerate(self.criteria), 2):
            if one.metric is not other.metric:
                continue
            if (one.min, one.max) == (other.min, other.max):
                msg = f"criteria[{second}] has the bounds of criteria[{first}] for {one.metric}: leave one of them out"
                raise ValueError(msg)
            least = max((each.min for each in (one, other) if each.min is not None), default=-math.inf)
            most = min((each.max for each in (one, other) if each.max is not None), default=math.inf)
            if least > most:
                msg = (
                    f"criteria[{first}] and criteria[{second}] contradict each other: no {one.metric} is at least "
                    f"{least:g} and at most {most:g}"
                )
                raise ValueError(msg)
        return self


class CostSpec(Model):
    """How to price what was measured."""

    price_books: list[str] = Field(
        default_factory=list, description="names of PriceBooks; each gives a bill", json_schema_extra=SET
    )
    hosts: int = Field(default=1, ge=1, description="assumed fleet: this run's input times this number")
    core_month: float = Field(default=0.0, ge=0, description="what a CPU core costs a month; nets collectors' CPU")
    gib_month: float = Field(default=0.0, ge=0, description="what a GiB of memory costs a month; nets collectors'")
