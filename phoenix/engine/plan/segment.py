"""Segments of a run: processors that are planned together, with what is known of each shape they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from phoenix.engine.component import InPlace, Settings, Work
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.plan.byseries import BySeries, steps_allow
from phoenix.engine.plan.learn import learn
from phoenix.engine.plan.shape import Shape, Shapes, Strangers
from phoenix.engine.plan.streamrows import StreamRows
from phoenix.engine.plan.template import Template
from phoenix.engine.plan.times import TimeLaw, aligned, law_of
from phoenix.engine.plan.trace import Untraceable, numbered, numbers_of, points_of_request, tracing
from phoenix.engine.telemetry import Counter, Telemetry


@dataclass(frozen=True, slots=True)
class Stage:
    """One processor of the run, with its counters."""

    work: Work
    tracer: Work
    """the same work with a state of its own, for traces, which run beside it"""
    series_tracer: Work
    """another, for plans by series, which are made while the work waits"""
    incoming: Counter
    outgoing: Counter

    @classmethod
    def of(cls, make: Callable[[], Work], processor: ComponentId, telemetry: Telemetry) -> Stage:
        """With the counters every processor has; `make` makes the processor's work."""
        name = str(processor)
        return cls(
            make(),
            make(),
            make(),
            telemetry.counter("otelcol_processor_incoming_items", processor=name, otel_signal="metrics"),
            telemetry.counter("otelcol_processor_outgoing_items", processor=name, otel_signal="metrics"),
        )

    def count(self, before: int, after: int) -> None:
        """Count one run."""
        self.incoming.add(before)
        self.outgoing.add(after)
        self.work.passed(before, after)


class Segment(Protocol):
    """Some processors of a run, one behind the other."""

    def do(self, metrics: Metrics) -> tuple[Metrics | None, bool]:
        """(what is left of a request, whether that was by plan).

        Raises:
            ConsumeError: a processor refused it.
        """


def segments(stages: Sequence[Stage], settings: Settings, max_bytes: int, plan: bool) -> list[Segment]:
    """The stages cut into segments: one that changes times begins one, one that remembers is one by itself.

    Args:
        stages: in order.
        settings: of the first; its `later` learns.
        max_bytes: bound on the payloads kept for shapes, of all segments together.
        plan: False: they never work by plan.
    """
    runs: list[list[Stage]] = []
    for stage in stages:
        if not runs or stage.work.durations_ns is not None or not (stage.work.by_identity and _open(runs[-1])):
            runs.append([])
        runs[-1].append(stage)

    def segment(run: list[Stage]) -> Segment:
        if all(stage.work.of_resources for stage in run):
            return _OfResources(run)
        shapes = Shapes(settings.later, max_bytes=max_bytes // len(runs)) if plan else None
        in_place = run[0].work.in_place
        if in_place is not None:
            return _Remembering(run[0], in_place, shapes)
        return _Deciding(run, settings, shapes)

    return [segment(run) for run in runs]


def _open(run: Sequence[Stage]) -> bool:
    """Whether a stage that decides by identity may be planned with these."""
    return run[0].work.in_place is None


def _shape(metrics: Metrics, shapes: Shapes | None) -> Shape | None:
    return None if shapes is None else metrics.shape or shapes.find(metrics.encoded())


def _ordinary(stages: Sequence[Stage], metrics: Metrics) -> tuple[Metrics | None, tuple[int, ...]]:
    """(what is left, points before the first, between and behind the processors that were asked)."""
    points = [metrics.points]
    result: Metrics | None = metrics
    for stage in stages:
        if result is None:
            break
        before = points[-1]
        stage.incoming.add(before)
        result = stage.work.do(result)
        points.append(result.points if result else 0)
        stage.outgoing.add(points[-1])
        stage.work.passed(before, points[-1])
    return result, tuple(points)


class _OfResources:
    """Stages that look at resources alone: each plans by itself, resource by resource."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    def do(self, metrics: Metrics) -> tuple[Metrics | None, bool]:
        return _ordinary(self._stages, metrics)[0], True


class _Deciding:
    """Stages that decide by identity; the first may set times by rule."""

    def __init__(self, stages: Sequence[Stage], settings: Settings, shapes: Shapes | None) -> None:
        self._stages = stages
        self._later = settings.later
        self._shapes = shapes
        tracers = [stage.series_tracer for stage in stages]
        self._by_series = BySeries(tracers) if shapes is not None and steps_allow(tracers) else None
        self._strangers = Strangers()

    def do(self, metrics: Metrics) -> tuple[Metrics | None, bool]:
        shape = _shape(metrics, self._shapes)
        if self._by_series is not None and (shape is None or self not in shape.plans):
            # NB: a payload that is new by shape may be known by its series; one that comes often as it is need not be.
            often = shape is None and self._strangers.often(metrics.encoded())
            if often or self._by_series.believed:
                by_series = self._do_by_series(metrics, self._by_series, shape)
                if by_series is not None:
                    return by_series
        if shape is None:
            return _ordinary(self._stages, metrics)[0], False
        if self not in shape.plans:
            shape.plans[self] = None
            data = metrics.encoded()
            result, points = _ordinary(self._stages, metrics)
            left = result.encoded() if result else None
            self._later(lambda: self._learn(shape, data, left, points))
            return result, False
        plan: tuple[TimeLaw, Template] | None = shape.plans[self]
        if plan is None:
            return _ordinary(self._stages, metrics)[0], False
        law, template = plan
        data_or_none = law.apply(metrics.encoded())
        done, out = template.apply(data_or_none) if data_or_none is not None else (False, None)
        if not done:
            return _ordinary(self._stages, metrics)[0], False
        return self._planned(template, out), True

    def _planned(self, template: Template, out: bytes | None) -> Metrics | None:
        for stage, before, after in zip(self._stages, template.points, template.points[1:], strict=False):
            stage.count(before, after)
        return None if out is None else Metrics(out, None, template.points[-1], template.left)

    def _do_by_series(
        self, metrics: Metrics, by_series: BySeries, shape: Shape | None
    ) -> tuple[Metrics | None, bool] | None:
        """As `do`; None: it is nothing for plans by series, and may be planned by its shape."""
        found = by_series.plan(metrics.encoded())
        if found is None and not by_series.learning:
            return None
        done, out = found.template.apply(found.timed) if found else (False, None)
        if not found or not done:
            return _ordinary(self._stages, metrics)[0], False
        if by_series.believed:
            if shape is not None and found.settled:
                shape.plans[self] = found.law, found.template
            return self._planned(found.template, out), True
        result, points = _ordinary(self._stages, metrics)
        left = result.encoded() if result else None
        by_series.compare((out, found.template.points), (left, points))
        return result, False

    def _learn(self, shape: Shape, data: bytes, left: bytes | None, points: tuple[int, ...]) -> None:
        """Make the plan for payloads of the shape from one of them and what was left of it."""
        durations = self._stages[0].work.durations_ns
        try:
            if durations is None:
                law: TimeLaw | None = TimeLaw(())
                traced: Metrics | None = Metrics.of(numbered(data))
            else:
                law = law_of(self._stages[0].tracer, data, shape)
                # All times equal, and so that truncating leaves them so: what could ever merge does.
                when = aligned(durations)
                if law is None or when is None:
                    return
                traced = Metrics.of(numbered(data, time=when, start=when))
            with tracing() as merged:
                for stage in self._stages:
                    traced = stage.tracer.do(traced) if traced else None
        except (Untraceable, ConsumeError):
            return
        message = traced.message() if traced else None
        stayed = points_of_request(message) if message else ()
        if merged.difference(number for point, _ in stayed for number in numbers_of(point)):
            return  # merged and then dropped: no template would see that their times differ, and counts would be wrong
        timed = law.apply(data) if law else None
        template = learn(timed, shape, left, message, points) if timed is not None else None
        if law is not None and template is not None:
            shape.plans[self] = law, template


_SEEN = object()
"""A shape met once, by a stage that could work on it by its rows."""


class _Remembering:
    """One stage that remembers points."""

    def __init__(self, stage: Stage, in_place: InPlace, shapes: Shapes | None) -> None:
        self._stage = stage
        self._in_place = in_place
        self._shapes = shapes
        self._by_rows = StreamRows(in_place)
        self._strangers = Strangers()

    def _bound(self, metrics: Metrics) -> Any:
        """What the stage works on of a request; None: it goes the ordinary way."""
        shape = _shape(metrics, self._shapes)
        if shape is None:
            often = self._shapes is not None and self._strangers.often(metrics.encoded())
            return self._by_rows.bind(metrics.encoded()) if often or self._by_rows.warm else None
        if self not in shape.plans and self._by_rows.warm:
            shape.plans[self] = _SEEN  # it may not come again
            return self._by_rows.bind(metrics.encoded())
        if shape.plans.get(self, _SEEN) is _SEEN:
            shape.plans[self] = self._in_place.bind(metrics, shape)
        return shape.plans[self]

    def do(self, metrics: Metrics) -> tuple[Metrics | None, bool]:
        before, bound = metrics.points, self._bound(metrics)
        done, result = self._in_place.apply(metrics.encoded(), bound) if bound is not None else (False, None)
        if not done:
            self._stage.incoming.add(before)
            result = self._stage.work.do(metrics)
            self._stage.outgoing.add(result.points if result else 0)
            self._stage.work.passed(before, result.points if result else 0)
        else:
            self._stage.count(before, result.points if result else 0)
        return result, done
