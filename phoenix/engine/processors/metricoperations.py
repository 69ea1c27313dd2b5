"""Operations of the `metricstransform` processor on one metric, and which metrics and points a transform means."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from phoenix.engine.exponential import scaled_offset
from phoenix.engine.merge import merge_points
from phoenix.engine.ottl.patterns import Pattern
from phoenix.engine.processors.streams import keep_points

Texts = Callable[[str], bool]
Operation = Callable[[Metric, "Chosen"], None]
"""Changes a metric in place; raises Unsupported where it cannot, leaving it as it was."""
SUMMARIES_NEVER = "is not supported for Summary metrics"


class Unsupported(Exception):
    """An operation that the type of the metric does not have."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The metrics and points a transform is about. `name`: an exact name or a pattern found in it."""

    name: str | Pattern
    labels: tuple[tuple[str, Texts], ...]

    def named(self, metric: Metric) -> bool:
        """Whether the metric's name is meant."""
        return self.name == metric.name if isinstance(self.name, str) else self.name.found_in(metric.name)

    def has(self, point: Any) -> bool:
        """Whether the point's labels match; a label that is missing, or is no text, counts as empty."""
        if not self.labels:
            return True
        texts = {pair.key: pair.value.string_value for pair in point.attributes}
        return all(matches(texts.get(key, "")) for key, matches in self.labels)

    def any_of(self, metric: Metric) -> bool:
        """Whether the metric is meant with one of its points or more; one without points is."""
        points = points_of(metric)
        return self.named(metric) and (not points or any(self.has(point) for point in points))

    def all_of(self, metric: Metric) -> bool:
        """Whether each point is meant."""
        return all(self.has(point) for point in points_of(metric))

    def new_name(self, template: str, name: str) -> str:
        """`new_name` with groups of the pattern filled in; the text itself where that gives nothing."""
        expanded = None if isinstance(self.name, str) else self.name.expanded(template, name)
        return expanded or template


def points_of(metric: Metric) -> Any:
    """The metric's points as the message's own list; empty without data."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def add_label(label: str, value: str) -> Operation:
    """A label on every point that lacks it."""

    def run(metric: Metric, _chosen: Chosen) -> None:
        for point in points_of(metric):
            if not any(pair.key == label for pair in point.attributes):
                point.attributes.add(key=label).value.string_value = value

    return run


def update_label(label: str, new_label: str, new_values: dict[str, str]) -> Operation:
    """Another name for a label, or for some of its values."""

    def run(metric: Metric, chosen: Chosen) -> None:
        for point in points_of(metric):
            found = next((pair for pair in point.attributes if pair.key == label), None)
            if found is None or not chosen.has(point):
                continue
            if found.value.string_value in new_values:
                found.value.string_value = new_values[found.value.string_value]
            if new_label and new_label != label:
                for index in reversed([at for at, pair in enumerate(point.attributes) if pair.key == new_label]):
                    del point.attributes[index]
                next(pair for pair in point.attributes if pair.key == label).key = new_label

    return run


def delete_label_value(label: str, value: str) -> Operation:
    """Points with that value are dropped."""

    def run(metric: Metric, _chosen: Chosen) -> None:
        keep_points(
            points_of(metric),
            lambda point: all(pair.key != label or pair.value.string_value != value for pair in point.attributes),
        )

    return run


def aggregate_labels(kept: frozenset[str], how: str) -> Operation:
    """Only some labels stay; points that became alike become one."""

    def run(metric: Metric, _chosen: Chosen) -> None:
        _refuse_summaries(metric, "aggregate_labels")
        for point in points_of(metric):
            for index in reversed([at for at, pair in enumerate(point.attributes) if pair.key not in kept]):
                del point.attributes[index]
        merge_points(metric, how)

    return run


def aggregate_label_values(label: str, values: frozenset[str], new_value: str, how: str) -> Operation:
    """Some values of a label become one; points that became alike become one."""

    def run(metric: Metric, _chosen: Chosen) -> None:
        _refuse_summaries(metric, "aggregate_label_values")
        for point in points_of(metric):
            for pair in point.attributes:
                if pair.key == label and pair.value.string_value in values:
                    pair.value.string_value = new_value
        merge_points(metric, how)

    return run


def _refuse_summaries(metric: Metric, what: str) -> None:
    if metric.WhichOneof("data") == "summary":
        raise Unsupported(f"{what} {SUMMARIES_NEVER}: {metric.name}")


def toggle_scalar_data_type(metric: Metric, chosen: Chosen) -> None:
    """Integers become doubles and the other way round, cut towards zero."""
    if metric.WhichOneof("data") not in {"gauge", "sum"}:
        return
    for point in points_of(metric):
        kind = point.WhichOneof("value")
        if kind and chosen.has(point):
            if kind == "as_int":
                point.as_double = float(point.as_int)
            else:
                point.as_int = whole(point.as_double)


def whole(value: float) -> int:
    """A double as Go's conversion on amd64 makes an int64 of it: cut towards zero, the least one if it has none."""
    return int(value) if math.isfinite(value) and -(2.0**63) <= value < 2.0**63 else -(2**63)


def scale_value(factor: float) -> Operation:
    """Values times a factor; integers stay integers, bounds of buckets move with them."""

    def run(metric: Metric, chosen: Chosen) -> None:
        kind = metric.WhichOneof("data")
        for point in points_of(metric):
            if kind == "summary" or not chosen.has(point):
                continue
            if kind in {"gauge", "sum"}:
                _scale_number(point, factor)
                continue
            _scale_extremes(point, factor)
            if kind == "histogram":
                point.explicit_bounds[:] = [bound * factor for bound in point.explicit_bounds]
            else:
                _move_buckets(point, factor)

    return run


def _scale_number(point: Any, factor: float) -> None:
    if point.WhichOneof("value") == "as_int":
        point.as_int = whole(point.as_int * factor)
    elif point.WhichOneof("value"):
        point.as_double *= factor


def _scale_extremes(point: Any, factor: float) -> None:
    for name in ("sum", "min", "max"):
        if point.HasField(name):
            setattr(point, name, getattr(point, name) * factor)
    for exemplar in point.exemplars:
        _scale_number(exemplar, factor)


def _move_buckets(point: Any, factor: float) -> None:
    """Exponential buckets go to where the middle of the first one lands."""
    point.zero_threshold *= factor
    for side in (point.positive, point.negative):
        if side.bucket_counts:
            side.offset = scaled_offset(point.scale, side.offset, factor)
