"""The same requests through the same processors with and without plans."""

from __future__ import annotations

from functools import partial

from phoenix.engine.config.ids import ComponentId
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.plan.run import PlannedRun
from phoenix.engine.plan.segment import Stage
from phoenix.engine.plan.shape import Shapes
from phoenix.engine.registry import PROCESSORS
from phoenix.engine.telemetry import Telemetry
from tests.unit.engine.harness import Sink, parse, settings


class Run:
    """`processors`: (type, YAML) in order."""

    def __init__(self, processors, *, plan):
        self.telemetry = Telemetry()
        self.sink = Sink()
        self.shapes = Shapes()
        self.plan = plan
        self.stages = list(self._stages(processors))
        self.run = PlannedRun(settings("run", self.telemetry), self.stages, self.sink, plan)

    def _stages(self, processors):
        for place, (kind, yaml) in enumerate(processors):
            factory = PROCESSORS[kind]
            config, findings = parse(factory, yaml)
            assert not findings, findings
            make = partial(factory.work, settings(kind, self.telemetry), config)
            yield Stage.of(make, ComponentId(kind, str(place)), self.telemetry)

    async def give(self, data):
        """What left for it, as bytes; None: nothing; an error's text where it was refused."""
        self.sink.taken.clear()
        try:
            await self.run.consume(Metrics.received(data, self.shapes.find(data) if self.plan else None))
        except ConsumeError as error:
            return str(error)
        assert len(self.sink.taken) <= 1
        if not self.sink.taken:
            return None
        left = self.sink.taken[0]
        assert left.points == Metrics.received(left.encoded()).points
        return left.encoded()

    @property
    def planned(self):
        """Points that went by plan."""
        return self.telemetry.counter("phoenix_engine_planned_points", component="section.run").value

    def counts(self):
        """The processors' own counters, as the telemetry page has them."""
        page = self.telemetry.render().decode().splitlines()
        return [line for line in page if line.startswith("otelcol_processor")]


class Both:
    """Gives each payload to both and asserts that they agree.

    `by_series`: without shapes, and each plan by series is believed at once.
    """

    def __init__(self, *processors, by_series=False):
        self.on, self.off = Run(processors, plan=True), Run(processors, plan=False)
        if by_series:
            self.on.shapes.find = lambda _data: None
            for segment in self.on.run._segments:
                if not hasattr(segment, "_shapes"):
                    continue  # of resources: it has no plans
                segment._shapes.find = lambda _data: None
                segment._strangers.often = lambda _data: True
                if (plans := getattr(segment, "_by_series", None)) is not None:
                    plans._agreed = 10

    async def give(self, message_or_bytes):
        """What left, from both; how many points went by plan."""
        data = message_or_bytes if isinstance(message_or_bytes, bytes) else message_or_bytes.SerializeToString()
        before = self.on.planned
        on, off = await self.on.give(data), await self.off.give(data)
        assert _signless(on) == _signless(off)
        assert self.on.counts() == self.off.counts()
        return on, self.on.planned - before


def _signless(left):
    """What left, its NaN without their sign, which says nothing and differs from one build of CPython to another."""
    return left.replace(b"\0\0\0\0\0\0\xf8\xff", b"\0\0\0\0\0\0\xf8\x7f") if isinstance(left, bytes) else left
