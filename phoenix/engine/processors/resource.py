"""The `resource` processor: actions on resource attributes."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.component import Settings, Work
from phoenix.engine.config.section import Section
from phoenix.engine.ottl.context import Attributes
from phoenix.engine.processors.actions import Action, parse_actions, run_actions
from phoenix.engine.processors.byresource import ByResource
from phoenix.engine.processors.sync import computing


@dataclass(frozen=True, slots=True)
class Config:
    """The actions in order."""

    actions: tuple[Action, ...]


def parse(section: Section) -> Config:
    """Read `attributes`, which must not be empty."""
    if not section.raw("attributes"):
        section.fault("attributes", "missing required field 'attributes'", "write attributes: [{key: …, action: …}]")
    config = Config(parse_actions(section.sections("attributes")))
    section.close()
    return config


def work(_settings: Settings, config: Config) -> Work:
    """What the processor does."""

    def change(resource: ResourceMetrics) -> None:
        attributes = Attributes(resource.resource.attributes)
        attributes.changed = run_actions(config.actions, attributes.values)
        attributes.write()

    return ByResource(change).work()


FACTORY = computing(("resource",), parse, work)
