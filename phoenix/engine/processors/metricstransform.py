"""The `metrics_transform` processor: metrics renamed or copied, labels and values changed, points merged."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from phoenix.engine.component import Settings, Work
from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import Phase
from phoenix.engine.merge import AGGREGATIONS, FIRST
from phoenix.engine.ottl.errors import OttlSyntaxError
from phoenix.engine.ottl.patterns import RE2, Pattern
from phoenix.engine.processors import metricoperations as operations
from phoenix.engine.processors.metricoperations import Chosen, Operation, Texts, Unsupported, points_of
from phoenix.engine.processors.streams import drop_items, keep_points
from phoenix.engine.processors.sync import computing

_OF_VALUES = frozenset({"toggle_scalar_data_type", "experimental_scale_value"})
_OF_SOME_POINTS = frozenset({"update_label", *_OF_VALUES})
"""Operations that are done to the points meant; the others only to metrics of which all points are."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a transform, and whether it needs all points of a metric to be meant."""

    run: Operation
    of_all_points: bool


@dataclass(frozen=True, slots=True)
class Transform:
    """What is done to some metrics. `insert`: to a copy of the points meant; `new_name` empty: as before."""

    chosen: Chosen
    insert: bool
    new_name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """Transforms in order. `by_identity`: none looks at values."""

    transforms: tuple[Transform, ...]
    by_identity: bool


def parse(section: Section) -> Config:
    """Read `transforms`; combine and group are refused."""
    section.phase = Phase.BUILD
    actions: set[str] = set()
    transforms = tuple(_transform(item, actions) for item in section.sections("transforms"))
    section.close()
    return Config(transforms, not actions & _OF_VALUES)


def _transform(section: Section, actions: set[str]) -> Transform:
    include, action = section.string("include"), section.string("action")
    regexp = section.choice("match_type", ("strict", "regexp", ""), "strict") == "regexp"
    if not include:
        section.fault("include", 'missing required field "include"', "name a metric")
    if action in {"combine", "group"}:
        section.fault("action", f"action {action} is not implemented by the Embedded engine", OTELCOL)
        for key in ("group_resource_labels", "aggregation_type", "submatch_case"):
            section.raw(key)
    elif action not in {"insert", "update"}:
        message = f'"action" must be insert, update, combine or group, not {action!r}'
        section.fault("action", message, "write action: update")
    new_name = section.string("new_name")
    if action == "insert" and not new_name:
        section.fault("new_name", 'missing required field "new_name" while "action" is insert', "write new_name: NAME")
    section.unsupported("group_resource_labels", "submatch_case")
    section.raw("aggregation_type")  # of combine
    labels = section.texts_by_key("experimental_match_labels")
    matchers: list[tuple[str, Texts]] = [
        (key, _pattern(section, f"experimental_match_labels.{key}", text).found_in if regexp else text.__eq__)
        for key, text in labels.items()
    ]
    name = _pattern(section, "include", include) if regexp else include
    steps = [_step(item, actions) for item in section.sections("operations")]
    section.close()
    return Transform(
        Chosen(name, tuple(matchers)), action == "insert", new_name, tuple(step for step in steps if step is not None)
    )


def _pattern(section: Section, key: str, source: str) -> Pattern:
    try:
        return Pattern(source)
    except OttlSyntaxError as error:
        section.fault(key, str(error), RE2)
        return Pattern("")


def _values(section: Section) -> dict[str, str]:
    found = {}
    for item in section.sections("value_actions"):
        found[item.string("value")] = _text(item, "new_value")
        item.close()
    return found


def _text(section: Section, key: str) -> str:
    text = section.string(key)
    if "{{version}}" in text:
        section.fault(key, "{{version}} is not implemented by the Embedded engine", OTELCOL)
    return text


def _step(section: Section, actions: set[str]) -> Step | None:
    action, label = section.string("action"), section.string("label")
    new_label, new_value = section.string("new_label"), _text(section, "new_value")
    values, label_value = _values(section), section.string("label_value")
    how = section.choice("aggregation_type", ("", *AGGREGATIONS), "") or FIRST
    scale = section.number("experimental_scale", 0.0)
    kept, aggregated = frozenset(section.strings("label_set")), frozenset(section.strings("aggregated_values"))
    section.close()
    needs: dict[str, list[tuple[str, str | float]]] = {
        "update_label": [("label", label)],
        "add_label": [("new_label", new_label), ("new_value", new_value)],
        "experimental_scale_value": [("experimental_scale", scale)],
    }
    for key, value in needs.get(action, []):
        if not value:
            section.fault(key, f'missing required field "{key}" while "action" is {action}', f"write {key}")
    makers: dict[str, Callable[[], Operation]] = {
        "add_label": lambda: operations.add_label(new_label, new_value),
        "update_label": lambda: operations.update_label(label, new_label, values),
        "delete_label_value": lambda: operations.delete_label_value(label, label_value),
        "toggle_scalar_data_type": lambda: operations.toggle_scalar_data_type,
        "experimental_scale_value": lambda: operations.scale_value(scale),
        "aggregate_labels": lambda: operations.aggregate_labels(kept, how),
        "aggregate_label_values": lambda: operations.aggregate_label_values(label, aggregated, new_value, how),
    }
    if action not in makers:
        hint = (
            f"did you mean {close[0]}?" if (close := difflib.get_close_matches(action, makers, 1)) else "see the list"
        )
        section.fault("action", f'"action" must be one of {", ".join(makers)}, not {action!r}', hint)
        return None
    actions.add(action)
    return Step(makers[action](), action not in _OF_SOME_POINTS)


class Transformer:
    """Runs the transforms over requests."""

    def __init__(self, settings: Settings, config: Config) -> None:
        self._log = settings.log
        self._transforms = config.transforms

    def run(self, metrics: Metrics) -> Metrics | None:
        """Change a request in place; None: nothing is left of it."""
        request = metrics.mutable()
        drop_items(request.resource_metrics, self._resource_gone)
        return metrics if request.resource_metrics else None

    def _resource_gone(self, resource: Any) -> bool:
        drop_items(resource.scope_metrics, self._scope_gone)
        return not resource.scope_metrics

    def _scope_gone(self, scope: Any) -> bool:
        for transform in self._transforms:
            run = self._insert if transform.insert else self._update
            run(scope.metrics, transform)
        return not scope.metrics

    def _update(self, metrics: Any, transform: Transform) -> None:
        drop_items(metrics, lambda metric: transform.chosen.any_of(metric) and not self._stays(metric, transform))

    def _insert(self, metrics: Any, transform: Transform) -> None:
        for metric in list(metrics):
            if not transform.chosen.any_of(metric):
                continue
            made = Metric.FromString(metric.SerializeToString())
            keep_points(points_of(made), transform.chosen.has)
            if self._stays(made, transform):
                metrics.append(made)

    def _stays(self, metric: Metric, transform: Transform) -> bool:
        """Change a metric; whether it is to stay: not if it lost all its points."""
        had_points, whole = bool(points_of(metric)), transform.insert or transform.chosen.all_of(metric)
        if transform.new_name and whole:
            metric.name = transform.chosen.new_name(transform.new_name, metric.name)
        try:
            for step in transform.steps:
                if whole or not step.of_all_points:
                    step.run(metric, transform.chosen)
        except Unsupported as error:
            self._log.warning("operation left out error=%s", error)
            return True
        return not had_points or bool(points_of(metric))


def work(settings: Settings, config: Config) -> Work:
    """What the processor does."""
    return Work(Transformer(settings, config).run, by_identity=config.by_identity)


FACTORY = computing(("metrics_transform", "metricstransform"), parse, work)
