"""The `attributes` processor: actions on the attributes of data points."""

from __future__ import annotations

from dataclasses import dataclass

from phoenix.engine.component import Settings, Step, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.ottl.context import Attributes
from phoenix.engine.processors.actions import Action, parse_actions, run_actions
from phoenix.engine.processors.match import Match, parse_match
from phoenix.engine.processors.sync import computing


@dataclass(frozen=True, slots=True)
class Config:
    """Actions, and the metrics they are for."""

    actions: tuple[Action, ...]
    include: Match | None
    exclude: Match | None

    def is_for(self, name: str) -> bool:
        """Whether a metric's points are to be changed."""
        if self.include is not None and not self.include.holds(name):
            return False
        return self.exclude is None or not self.exclude.holds(name)


def parse(section: Section) -> Config:
    """Read `actions`, `include` and `exclude`."""
    if not section.raw("actions"):
        section.fault("actions", "at least one action is required", "write actions: [{key: …, action: …}]")
    config = Config(
        parse_actions(section.sections("actions")), parse_match(section, "include"), parse_match(section, "exclude")
    )
    section.close()
    return config


def work(_settings: Settings, config: Config) -> Work:
    """What the processor does."""

    def run(metrics: Metrics) -> Metrics:
        for resource in metrics.mutable().resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    kind = metric.WhichOneof("data")
                    if not kind or not config.is_for(metric.name):
                        continue
                    for point in getattr(metric, kind).data_points:
                        attributes = Attributes(point.attributes)
                        attributes.changed = run_actions(config.actions, attributes.values)
                        attributes.write()
        return metrics

    return Work(run, by_identity=True, steps=(Step("points", run),))


FACTORY = computing(("attributes",), parse, work)
