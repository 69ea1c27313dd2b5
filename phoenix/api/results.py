"""What an experiment found: results a person can check, figure by figure."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from phoenix.apimachinery.model import Model, map_by


class Verdict(StrEnum):
    """About a candidate. Invalid: the measurement cannot be trusted. Inconclusive: the evidence is thin."""

    PROMOTE = "Promote"
    REJECT = "Reject"
    INCONCLUSIVE = "Inconclusive"
    INVALID = "Invalid"


class Interval(Model):
    """An estimate with its confidence interval."""

    value: float = Field(description="point estimate")
    low: float = Field(description="lower bound")
    high: float = Field(description="upper bound")


class InputResult(Model):
    """Whether every variant had the same input."""

    points: dict[str, int] = Field(default_factory=dict, description="data points acknowledged, by variant")
    sent: dict[str, int] = Field(default_factory=dict, description="data points sent, by variant")
    digest: dict[str, str] = Field(default_factory=dict, description="digest over all payloads, by variant")
    parity: bool | None = Field(default=None, description="true: equal; absent: no data yet")
    missed_points: int = Field(default=0, description="points the source should have sent and did not")
    windows: int = Field(default=0, description="measured windows with complete data")
    expected_windows: int = Field(default=0, description="windows the run should have by now")


class SignalResult(Model):
    """How one signal's answers compare."""

    name: str = Field(description="name of the signal")
    values: int = Field(default=0, description="baseline values compared")
    max_relative_error: float | None = Field(default=None, description="largest relative error; absent: no pair")
    lost: int = Field(default=0, description="baseline values missing or outside the tolerance")
    missing: list[str] = Field(default_factory=list, description="groups the baseline has and the candidate lacks")
    extra: list[str] = Field(default_factory=list, description="groups only the candidate has")
    false_resets: int | None = Field(
        default=None, description="times that counters it reads fell which did not in the baseline; absent: not known"
    )
    gaps: int | None = Field(default=None, description="the same for streams that paused for a window")
    duplicates: int = Field(default=0, description="points it reads that came twice, more than in the baseline")
    reason: str = Field(default="", description="why values were lost, where it can be told")


class FiringSpan(Model):
    """A time an alert was active for one group of labels."""

    variant: str = Field(description="variant it was active in")
    labels: str = Field(default="", description="label=value,…; empty: the one group")
    active_from: str = Field(description="RFC 3339 UTC: first window it was active in")
    firing_from: str = Field(default="", description="RFC 3339 UTC: since when it fired; empty: it did not")
    to: str = Field(description="RFC 3339 UTC: end of the last window it was active in")


class QueryResult(Model):
    """One query of a rule file or a dashboard, compared at the end of each window."""

    name: str = Field(description="FILE/GROUP/RULE or FILE/PANEL/REF")
    kind: str = Field(description="Recording, Alert or Panel")
    query: str = Field(description="PromQL that was asked")
    stands_for: str = Field(default="", description="the query as written, where its selectors stand in for it")
    alike: bool | None = Field(default=None, description="absent: cannot be told (see reason)")
    values: int = Field(default=0, description="baseline values compared; of an alert: windows")
    lost: int = Field(default=0, description="of them missing, outside the tolerance, or (alert) told differently")
    max_relative_error: float | None = Field(default=None, description="largest relative error of a value present")
    missing: list[str] = Field(default_factory=list, description="series the baseline has and the candidate lacks")
    extra: list[str] = Field(default_factory=list, description="series only the candidate has")
    removed_labels: list[str] = Field(
        default_factory=list, description="labels the answer depends on that the candidate has no more"
    )
    firing: list[FiringSpan] = Field(default_factory=list, description="of an alert: its timeline where it differs")
    reason: str = Field(default="", description="why it is not alike, or cannot be told")


class CriterionResult(Model):
    """One bound, one value."""

    metric: str = Field(description="what was judged")
    passed: bool | None = Field(default=None, description="absent: cannot be told (see reason)")
    value: float | None = Field(default=None, description="value found")
    min: float | None = Field(default=None, description="bound")
    max: float | None = Field(default=None, description="bound")
    critical: bool = Field(default=True, description="false: it decides nothing")
    reason: str = Field(default="", description="NotComparable, NoData, or why it failed")


class CostResult(Model):
    """One bill. A person can redo the sums from `inputs` and the named price book."""

    price_book: str = Field(description="name@version")
    currency: str = Field(default="USD", description="ISO 4217")
    baseline: float = Field(description="a month, whole fleet")
    candidate: float = Field(description="a month, whole fleet")
    saving: float = Field(description="baseline minus candidate")
    saving_low: float | None = Field(default=None, description="least saving, where the vendor's count is uncertain")
    saving_high: float | None = Field(default=None, description="most saving, where the vendor's count is uncertain")
    collector_cost: float | None = Field(
        default=None, description="added a month by the candidate's CPU and memory; absent without rates or readings"
    )
    net_saving: float | None = Field(default=None, description="saving less collectorCost")
    confidence: str = Field(default="", description="of the price book")
    inputs: dict[str, float] = Field(default_factory=dict, description="what the sums were made from, units in names")
    assumptions: list[str] = Field(
        default_factory=list, description="what was taken to be so: that the run repeats, the fleet, billing windows"
    )
    formula: str = Field(default="", description="the sum in words")


class Comparison(Model):
    """A candidate against the baseline; absent figures are unknown, not zero."""

    cardinality_reduction: float | None = Field(default=None, description="ratio of active series saved")
    sample_reduction: float | None = Field(default=None, description="ratio of samples saved")
    byte_reduction: float | None = Field(default=None, description="ratio of bytes saved")
    signal_loss: float | None = Field(default=None, description="ratio of signal values lost, 0 to 1")
    critical_coverage: float | None = Field(default=None, description="ratio of critical pairs kept, 0 to 1")
    query_loss: float | None = Field(default=None, description="ratio of answers of rules and dashboards lost, 0 to 1")
    false_resets: int | None = Field(default=None, description="times that counters fell which did not in the baseline")
    staleness_gaps: int | None = Field(
        default=None, description="times that streams paused for a window which did not in the baseline"
    )
    cpu_increase: Interval | None = Field(default=None, description="ratio, with interval")
    memory_increase: Interval | None = Field(default=None, description="ratio, with interval")
    not_comparable: str = Field(default="", description="why CPU and memory do not count, where they do not")


class Contributor(Model):
    """A metric or label and what it costs."""

    metric: str = Field(description="Prometheus metric name (family)")
    label: str = Field(default="", description="label; empty: the metric as a whole")
    series: int = Field(description="active series it accounts for")
    values: int | None = Field(default=None, description="distinct values of the label")


class VariantResult(Model):
    """What left one variant over the measured windows; absent figures are unknown, not zero."""

    name: str = Field(description="name of the variant")
    streams: int | None = Field(default=None, description="distinct OTLP streams (union over windows)")
    active_series: int | None = Field(
        default=None, description="distinct series as a Prometheus-type backend counts them (union)"
    )
    points: int | None = Field(default=None, description="data points")
    samples: int | None = Field(default=None, description="Prometheus-type samples")
    bytes: int | None = Field(default=None, description="uncompressed OTLP bytes without phoenix.* labels")
    duplicates: int | None = Field(default=None, description="points with an identity and time already seen")
    counter_resets: int | None = Field(default=None, description="times that counters fell, real resets among them")
    gaps: int | None = Field(
        default=None, description="times that streams came again after a whole window without them"
    )
    late_points: int | None = Field(default=None, description="points that came after their window's grace")
    cpu_seconds: float | None = Field(default=None, description="CPU over the measured time, seconds")
    uss_bytes: int | None = Field(default=None, description="unique memory, median, bytes")
    verdict: Verdict | None = Field(default=None, description="about this candidate; absent for the baseline")
    reason: str = Field(default="", description="why, in a sentence a person can check")
    vs_baseline: Comparison | None = Field(default=None, description="absent for the baseline")
    signals: list[SignalResult] = Field(default_factory=list, description="signals compared with the baseline")
    queries: list[QueryResult] = Field(
        default_factory=list, description="rules and dashboards compared with the baseline, those not alike first"
    )
    critical: dict[str, float] = Field(default_factory=dict, description="coverage by critical matcher, 0 to 1")
    cost: list[CostResult] = Field(default_factory=list, description="bills")
    top_contributors: list[Contributor] = Field(default_factory=list, description="what costs most")
    criteria: list[CriterionResult] = Field(default_factory=list, description="bounds judged")


class RankedCandidate(Model):
    """A candidate's place among several."""

    name: str = Field(description="name of the candidate")
    rank: int | None = Field(default=None, ge=1, description="1 is best, equal ones share it; absent: it did not pass")
    verdict: Verdict | None = Field(default=None, description="about this candidate")
    monthly_cost: float | None = Field(
        default=None, description="its bill of a month by the first price book, whole fleet; absent: no bill"
    )
    with_collectors: bool = Field(
        default=False, description="true: with what its collectors cost more than the baseline's"
    )
    currency: str = Field(default="", description="ISO 4217, of the bill")
    price_book: str = Field(default="", description="name@version, of the bill")
    cardinality_reduction: float | None = Field(default=None, description="ratio of active series saved")
    tied_with: list[str] = Field(default_factory=list, description="candidates of the same rank")


class ExperimentResults(Model):
    """Everything found so far; final when the experiment is complete."""

    final: bool = Field(default=False, description="true: no figure will change any more")
    computed_at: str = Field(default="", description="RFC 3339 UTC")
    input: InputResult = Field(default_factory=InputResult, description="whether input was equal")
    variants: list[VariantResult] = Field(
        default_factory=list,
        description="by variant, baseline first",
        json_schema_extra=map_by("name"),
    )
    ranking: list[RankedCandidate] = Field(
        default_factory=list,
        description="of several candidates, once judged: the best first, by monthly cost, then by series saved; then "
        "those that did not pass",
    )
    problems: list[str] = Field(default_factory=list, description="why the run is not valid, if it is not")
