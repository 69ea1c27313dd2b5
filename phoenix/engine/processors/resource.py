"""The `resource` processor: actions on resource attributes."""

from __future__ import annotations

from dataclasses import dataclass

from phoenix.engine.component import Consumer, Processor, ProcessorFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.ottl.context import Attributes
from phoenix.engine.processors.actions import Action, parse_actions, run_actions
from phoenix.engine.processors.sync import ComputingProcessor


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


def create(settings: Settings, config: Config, next_consumer: Consumer) -> Processor:
    """Make the processor."""

    def work(metrics: Metrics) -> Metrics:
        for resource in metrics.mutable().resource_metrics:
            attributes = Attributes(resource.resource.attributes)
            attributes.changed = run_actions(config.actions, attributes.values)
            attributes.write()
        return metrics

    return ComputingProcessor(settings, next_consumer, work)


FACTORY = ProcessorFactory(("resource",), parse, create)
