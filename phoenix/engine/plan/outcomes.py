"""What becomes of each series: dropped, or under which metric and key it leaves; learned once, from a point of it.

For runs of processors that treat each series by itself (`Step`). New series are put into a request of their own and go
through the steps; the numbers they carry tell what became of them. Before points are merged one of each new metric
gets a twin: if the two are merged, so are points of the metric that are alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ResourceMetrics, ScopeMetrics

from phoenix.engine.component import Work
from phoenix.engine.data import Metrics
from phoenix.engine.merge import attributes_key
from phoenix.engine.plan.rows import MetricFrame, Rows
from phoenix.engine.plan.times import KEPT, Rule, aligned, rules_of
from phoenix.engine.plan.trace import Untraceable, mark_of, numbered, numbers_of, points_of_request, tracing
from phoenix.otlp.encode import varint

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
UNKNOWN, LEFT = -2, -1
_FIELD_NUMBERS = {"gauge": 5, "sum": 7, "histogram": 9}


@dataclass(frozen=True, slots=True)
class Shell:
    """A resource or scope that leaves: the bytes before and behind its children; equal identities are compacted."""

    prefix: bytes
    suffix: bytes
    identity: int


@dataclass(frozen=True, slots=True)
class Made:
    """A metric that leaves, in its scope and resource."""

    resource: Shell
    scope: Shell
    header: bytes
    """up to the length of its data"""
    tail: bytes
    """of its data, behind the points"""
    suffix: bytes
    identity: int
    delta: bool
    merges: bool


class Outcomes:
    """What is known of the series of one owner of `Rows`. Not thread-safe.

    Args:
        works: of the processors in order; all have steps.
    """

    def __init__(self, works: Sequence[Work]) -> None:
        self._work = works[0]
        self._steps = [step for work in works for step in work.steps]
        self.ends = np.cumsum([len(work.steps) for work in works]).tolist()
        """how many steps are done behind each processor"""
        self.compact = any(step.how == "compact" for step in self._steps)
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.gone: npt.NDArray[np.int16] = np.zeros(64, np.int16)
        """by series: the step that dropped it; `LEFT`: none did; `UNKNOWN`: not learned"""
        self.gone[:] = UNKNOWN
        self.key: npt.NDArray[np.int64] = np.zeros(64, np.int64)
        """by series: number of its key as it leaves"""
        self.rule: npt.NDArray[np.int64] = np.zeros(64, np.int64)
        """by series: index into `rules`"""
        self.rules: list[tuple[Rule, Rule]] = [KEPT]
        self.keys: list[bytes] = []
        self.alike: npt.NDArray[np.int64] = np.zeros(64, np.int64)
        """by number of a key: equal for those that merge, attributes in whatever order"""
        self._numbers: dict[tuple[bytes, bool], int] = {}
        self._alike: dict[Hashable, int] = {}
        self._names: dict[Hashable, int] = {}
        """a number for each identity of a resource, scope or metric"""

    def unknown(self, rows: Rows, count: int) -> list[int]:
        """One row of each series of the payload that was not learned; `count` is how many series there are."""
        while len(self.gone) < count:
            self.gone = np.concatenate((self.gone, np.full_like(self.gone, UNKNOWN)))
            self.key, self.rule = np.tile(self.key, 2), np.tile(self.rule, 2)
        places = np.flatnonzero(self.gone[rows.series] == UNKNOWN)
        if not len(places):
            return []
        _, first = np.unique(rows.series[places], return_index=True)
        found: list[int] = np.sort(places[first]).tolist()
        return found

    def learn(self, data: bytes, rows: Rows, chosen: list[int]) -> None:
        """Learn the series of these rows.

        Raises:
            Untraceable: what becomes of them cannot be told so.
            ConsumeError: a processor refuses them.
        """
        single = request_of(data, rows, chosen)
        if ExportMetricsServiceRequest.FromString(single).SerializeToString() != single:
            raise Untraceable("encoded in another way")
        rules = self._learn_rules(single)
        when = aligned(self._work.durations_ns) if self._work.durations_ns is not None else 2
        if when is None:
            raise Untraceable("durations")
        traced: Metrics | None = Metrics.of(numbered(single, time=when, start=when))
        gone = np.full(len(chosen), LEFT, np.int16)
        for place, step in enumerate(self._steps):
            if step.how != "points":
                break
            traced = step.run(traced) if traced else None
            stayed = points_of_request(traced.message()) if traced else ()
            here = {number for point, _ in stayed for number in numbers_of(point)}
            lost = [number for number in range(len(chosen)) if gone[number] == LEFT and number not in here]
            gone[lost] = place
        if traced is not None:
            self._learn_left(traced.message(), rows, chosen)
        for number, row in enumerate(chosen):
            self.rule[rows.series[row]] = rules[number]
            self.gone[rows.series[row]] = gone[number]

    def _learn_rules(self, single: bytes) -> dict[int, int] | Any:
        if self._work.durations_ns is None:
            return _Zeros()
        found = rules_of(self._work, single)
        if found is None:
            raise Untraceable("times")
        made: dict[int, int] = {}
        for number, rule in found.items():
            if rule not in self.rules:
                self.rules.append(rule)
            made[number] = self.rules.index(rule)
        return made

    def _learn_left(self, request: ExportMetricsServiceRequest, rows: Rows, chosen: list[int]) -> None:
        """Frames and keys of what is left before anything is put together or merged."""
        frames: dict[int, ExportMetricsServiceRequest] = {}
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    place = self._learn_metric(metric, rows, chosen)
                    if rows.frames[place].made is None:
                        frames[place] = _alone(resource, scope, metric)
        merged = self._merged(request, rows, chosen)
        for place, alone in frames.items():
            left: Metrics | None = Metrics.of(alone)
            for step in self._steps:
                if step.how == "compact":
                    left = step.run(left) if left else None
            rows.frames[place].made = _made(left.message(), place in merged, self._names) if left else None

    def _learn_metric(self, metric: Metric, rows: Rows, chosen: list[int]) -> int:
        """Learn keys of one metric; returns which of the payload's it was."""
        kind = metric.WhichOneof("data")
        if kind not in _FIELD_NUMBERS:
            raise Untraceable(str(kind))
        places: set[int] = set()
        for point in getattr(metric, kind).data_points:
            (number,) = numbers_of(point)
            row = chosen[number]
            places.add(int(rows.metric[row]))
            layout = rows.layouts[rows.layout[row]]
            raw = point.SerializeToString()[: -len(mark_of(number))]
            if not layout.fits_one(raw, 0, len(raw)):
                raise Untraceable("another layout")
            key = raw[layout.head : len(raw) - layout.tail]
            self.key[rows.series[row]] = self._key(key, point, kind == "histogram")
        if len(places) != 1:
            raise Untraceable("metrics put together, or without points")
        return places.pop()

    def _key(self, key: bytes, point: Any, histogram: bool) -> int:
        number = self._numbers.get((key, histogram))
        if number is None:
            number = self._numbers[key, histogram] = len(self.keys)
            self.keys.append(key)
            more = (tuple(point.explicit_bounds), point.flags) if histogram else None
            if number >= len(self.alike):
                self.alike = np.tile(self.alike, 2)
            self.alike[number] = self._alike.setdefault((attributes_key(point.attributes), more), len(self._alike))
        return number

    def _merged(self, request: ExportMetricsServiceRequest, rows: Rows, chosen: list[int]) -> set[int]:
        """Metrics of the payload of which points that are alike are merged; the request is used up."""
        if not any(step.how == "merge" for step in self._steps):
            return set()
        for metric in (
            one for resource in request.resource_metrics for scope in resource.scope_metrics for one in scope.metrics
        ):
            points = getattr(metric, str(metric.WhichOneof("data"))).data_points
            (number,) = numbers_of(points[0])
            twin = points[0].SerializeToString()[: -len(mark_of(number))] + mark_of(number + len(chosen))
            points.add().MergeFromString(twin)
        left: Metrics | None = Metrics.of(request)
        with tracing():
            for step in self._steps:
                if step.how == "merge":
                    left = step.run(left) if left else None
        found: set[int] = set()
        for point, _ in points_of_request(left.message()) if left else ():
            numbers = set(numbers_of(point))
            found.update(int(rows.metric[chosen[number]]) for number in numbers if number + len(chosen) in numbers)
        return found


class _Zeros:
    """Rule 0 for every number."""

    def __getitem__(self, _number: int) -> int:
        return 0


def request_of(data: bytes, rows: Rows, chosen: Iterable[int]) -> bytes:
    """A request of these rows alone, in order."""
    resources: dict[int, dict[int, dict[int, list[bytes]]]] = {}
    for row in chosen:
        metric = int(rows.metric[row])
        point = _framed(b"\x0a", data[rows.at[row] : rows.end[row]])
        resources.setdefault(rows.resource_of[metric], {}).setdefault(rows.scope_of[metric], {}).setdefault(
            metric, []
        ).append(point)
    parts = []
    for scopes in resources.values():
        inner = []
        resource = rows.frames[next(iter(next(iter(scopes.values()))))].scope.resource
        for metrics in scopes.values():
            bodies = [_framed(b"\x12", _metric(rows.frames[place], points)) for place, points in metrics.items()]
            scope = rows.frames[next(iter(metrics))].scope
            inner.append(_framed(b"\x12", scope.prefix + b"".join(bodies) + scope.suffix))
        parts.append(_framed(b"\x0a", resource.prefix + b"".join(inner) + resource.suffix))
    return b"".join(parts)


def _metric(frame: MetricFrame, points: list[bytes]) -> bytes:
    return frame.header + _framed(bytes((frame.tag,)), b"".join(points) + frame.tail) + frame.suffix


def _framed(tag: bytes, body: bytes) -> bytes:
    return tag + varint(len(body)) + body


def _alone(resource: ResourceMetrics, scope: ScopeMetrics, metric: Metric) -> ExportMetricsServiceRequest:
    """A request of one metric with its first point."""
    request = ExportMetricsServiceRequest()
    of_resource = request.resource_metrics.add(schema_url=resource.schema_url)
    if resource.HasField("resource"):
        of_resource.resource.CopyFrom(resource.resource)
    of_scope = of_resource.scope_metrics.add(schema_url=scope.schema_url)
    if scope.HasField("scope"):
        of_scope.scope.CopyFrom(scope.scope)
    made = of_scope.metrics.add()
    made.CopyFrom(metric)
    del getattr(made, str(metric.WhichOneof("data"))).data_points[1:]
    return request


def _made(request: ExportMetricsServiceRequest, merges: bool, names: dict[Hashable, int]) -> Made:
    """The metric of a request of one; identities become numbers."""

    def number(*identity: Hashable) -> int:
        return names.setdefault(identity, len(names))

    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    (metric,) = scope.metrics
    kind = str(metric.WhichOneof("data"))
    data = getattr(metric, kind)
    temporality = getattr(data, "aggregation_temporality", 0)
    identity = number(metric.name, metric.unit, kind, temporality, getattr(data, "is_monotonic", False))
    del data.data_points[:]
    tail = data.SerializeToString()
    suffix = Metric(metadata=metric.metadata).SerializeToString()
    header = Metric(name=metric.name, description=metric.description, unit=metric.unit).SerializeToString()
    return Made(
        Shell(
            _framed(b"\x0a", resource.resource.SerializeToString()) if resource.HasField("resource") else b"",
            ResourceMetrics(schema_url=resource.schema_url).SerializeToString(),
            number(attributes_key(resource.resource.attributes), resource.schema_url),
        ),
        Shell(
            _framed(b"\x0a", scope.scope.SerializeToString()) if scope.HasField("scope") else b"",
            ScopeMetrics(schema_url=scope.schema_url).SerializeToString(),
            number(scope.scope.name, scope.scope.version, attributes_key(scope.scope.attributes), scope.schema_url),
        ),
        header + bytes((_FIELD_NUMBERS[kind] << 3 | 2,)), tail, suffix, identity,
        delta=kind != "gauge" and temporality == _DELTA, merges=merges,
    )  # fmt: skip
