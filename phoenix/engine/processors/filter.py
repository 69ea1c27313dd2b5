"""The `filter` processor: drops what any condition matches, then the metrics, scopes and resources left empty.

Three ways to say it, as in the collector: `metric_conditions` (contexts inferred or given per group, one pass each),
`metrics.{resource,metric,datapoint}` (OTTL lists), `metrics.{include,exclude}` (names and resource attributes).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.component import Settings, Step, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError, Phase
from phoenix.engine.ottl.advice import condition_advice
from phoenix.engine.ottl.context import LEVELS, Context
from phoenix.engine.ottl.errors import OttlError
from phoenix.engine.ottl.functions import FILTER
from phoenix.engine.ottl.groups import ErrorMode, Faults, Group, any_holds, compile_group
from phoenix.engine.ottl.pointwise import step_of
from phoenix.engine.processors.match import Match, parse_match
from phoenix.engine.processors.streams import drop_items
from phoenix.engine.processors.sync import computing
from phoenix.engine.processors.transform import CONTEXTS, MODES


@dataclass(frozen=True, slots=True)
class Config:
    """Passes over the data, each with conditions of one or more levels; then the older names form."""

    error_mode: ErrorMode
    passes: tuple[tuple[Group, ...], ...]
    include: Match | None
    exclude: Match | None


def parse(section: Section) -> Config:
    """Read and compile the conditions of whichever way is used."""
    mode = ErrorMode(section.choice("error_mode", MODES, "ignore"))
    metrics = section.section("metrics")
    include, exclude = parse_match(metrics, "include"), parse_match(metrics, "exclude")
    old = [group for level in ("resource", "metric", "datapoint") if (group := _old(metrics, level))]
    has_old = any(metrics.raw(level) for level in ("resource", "metric", "datapoint"))
    if has_old and (include or exclude):
        message = "cannot use ottl conditions and include/exclude for metrics at the same time"
        metrics.fault("", message, "write include and exclude as conditions too: not (name == …)")
    metrics.close()
    passes = _new(section)
    if section.raw("metric_conditions") and (has_old or include or exclude):
        section.fault(
            "metric_conditions",
            'cannot use context inferred metric conditions "metric_conditions" and the settings "metrics.resource", '
            '"metrics.metric", "metrics.datapoint" at the same time',
            "keep metric_conditions, and write the others as groups in it: {context: datapoint, conditions: […]}",
        )
    section.unsupported(
        "traces", "logs", "spans", "trace_conditions", "log_conditions", "profile_conditions", "profiles"
    )
    section.close()
    return Config(mode, ((tuple(old),) if old else ()) + tuple((group,) for group in passes), include, exclude)


def _old(metrics: Section, level: str) -> Group | None:
    conditions = metrics.strings(level)
    if not conditions:
        return None
    return compile_group(
        (), conditions, FILTER, level=level,
        on_statement=lambda _index, _message: None,
        on_condition=lambda index, message: metrics.fault(
            f"{level}[{index}]", message, condition_advice(conditions[index], message)
        ),
    )  # fmt: skip


def _new(section: Section) -> list[Group]:
    raw = section.raw("metric_conditions")
    if isinstance(raw, list) and any(isinstance(item, str) for item in raw):
        if not all(isinstance(item, str) for item in raw):
            section.fault(
                "metric_conditions",
                "configuring multiple configuration styles is not supported, please use only Basic configuration or "
                "only Advanced configuration",
                "write either only conditions or only groups with context and conditions",
                Phase.DECODE,
            )
            return []
        texts = section.strings("metric_conditions")
        group = compile_group(
            (), texts, FILTER, level=None,
            on_statement=lambda _index, _message: None,
            on_condition=lambda index, message: section.fault(
                f"metric_conditions[{index}]", message, condition_advice(texts[index], message)
            ),
        )  # fmt: skip
        return [group] if group else []
    groups = [_new_group(item) for item in section.sections("metric_conditions")]
    return [group for group in groups if group is not None]


def _new_group(section: Section) -> Group | None:
    level = section.choice("context", CONTEXTS, "") if section.has("context") else ""
    own_mode = ErrorMode(section.choice("error_mode", MODES, "ignore")) if section.has("error_mode") else None
    conditions = section.strings("conditions")
    section.close()
    group = conditions and compile_group(
        (), conditions, FILTER,
        level="scope" if level == "instrumentation_scope" else level or None,
        on_statement=lambda _index, _message: None,
        on_condition=lambda index, message: section.fault(
            f"conditions[{index}]", message, condition_advice(conditions[index], message)
        ),
    )  # fmt: skip
    return replace(group, error_mode=own_mode) if group else None


class _Pass:
    """One walk over a request with the conditions of its levels."""

    def __init__(self, groups: tuple[Group, ...], mode: ErrorMode, settings: Settings) -> None:
        self._tests = {group.level: group.conditions for group in groups}
        faults = {group.level: Faults(group.error_mode or mode, settings.log) for group in groups}
        self._faults = {level: faults.get(level) or Faults(mode, settings.log) for level in LEVELS}

    def run(self, request: ExportMetricsServiceRequest) -> None:
        """Drop, in place.

        Raises:
            OttlError: a condition failed and the mode is propagate.
        """
        self._context = Context()
        drop_items(request.resource_metrics, self._resource)

    def _holds(self, level: str) -> bool:
        tests = self._tests.get(level)
        return bool(tests) and any_holds(tests or (), self._context, self._faults[level])

    def _resource(self, resource: Any) -> bool:
        self._context.enter_resource(resource)
        if self._holds("resource"):
            return True
        if self._tests.keys() == {"resource"}:
            return not resource.scope_metrics
        had = len(resource.scope_metrics)
        drop_items(resource.scope_metrics, self._scope)
        return not resource.scope_metrics and (had > 0 or "resource" in self._tests)

    def _scope(self, scope: Any) -> bool:
        self._context.enter_scope(scope)
        if self._holds("scope"):
            return True
        if self._tests.keys() <= {"resource", "scope"}:
            return False
        drop_items(scope.metrics, self._metric)
        return not scope.metrics

    def _metric(self, metric: Any) -> bool:
        self._context.enter_metric(metric)
        if self._holds("metric"):
            return True
        if "datapoint" not in self._tests or self._context.kind is None:
            return False
        points = self._context.points()
        drop_items(points, self._point)
        return not points

    def _point(self, point: Any) -> bool:
        self._context.enter_point(point)
        return self._holds("datapoint")


def _drop_by_name(request: ExportMetricsServiceRequest, include: Match | None, exclude: Match | None) -> None:
    """The older form: keep what include means, drop what exclude means."""

    def in_resource(resource: Any) -> bool:
        def metric_gone(metric: Any) -> bool:
            if include is not None and not include.holds(metric.name):
                return True
            return exclude is not None and exclude.holds(metric.name)

        def scope_gone(scope: Any) -> bool:
            drop_items(scope.metrics, metric_gone)
            return not scope.metrics

        drop_items(resource.scope_metrics, scope_gone)
        return not resource.scope_metrics

    drop_items(request.resource_metrics, in_resource)


def work(settings: Settings, config: Config) -> Work:
    """What the processor does."""
    passes = [_Pass(groups, config.error_mode, settings) for groups in config.passes]
    filtered = settings.telemetry.counter("otelcol_processor_filter_datapoints_filtered", filter=str(settings.id))
    by_name = config.include is not None or config.exclude is not None

    def run(metrics: Metrics) -> Metrics | None:
        request = metrics.mutable()
        try:
            for one in passes:
                one.run(request)
        except OttlError as error:
            raise ConsumeError(str(error), retryable=False) from error
        if by_name:
            _drop_by_name(request, config.include, config.exclude)
        return metrics if request.resource_metrics else None

    by_identity = all(group.by_identity for groups in config.passes for group in groups)
    by_itself = all(step_of(group) for groups in config.passes for group in groups)
    steps = (Step("points", run),) if by_itself else ()
    return Work(run, by_identity, lambda before, after: filtered.add(before - after), steps=steps)


FACTORY = computing(("filter",), parse, work)
