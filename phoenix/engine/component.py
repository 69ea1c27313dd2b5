"""What every component of the engine is: a type name, a way to read its configuration, a create function, a lifecycle.

Guarantees of a component: `start` returns when it is ready and raises StartError when it cannot be; `shutdown` hands on
what it holds, then frees everything; it is safe before `start` and safe twice; being cancelled in `shutdown` still
frees everything, at the cost of what was held.

Order: consumers start before producers and stop after them, so nobody ever hands data to a stopped consumer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from phoenix.engine.config.ids import ComponentId
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.plan.shape import Later, Shape, at_once
from phoenix.engine.telemetry import Telemetry


class Component(Protocol):
    """A started and stopped part."""

    async def start(self) -> None:
        """Become ready.

        Raises:
            StartError: it cannot, such as when its port is taken.
        """

    async def shutdown(self) -> None:
        """Hand on what is held and free everything."""


class Consumer(Protocol):
    """Whoever takes metrics."""

    @property
    def mutates(self) -> bool:
        """Whether it (or one behind it, before a copy) changes what it is given."""

    async def consume(self, metrics: Metrics) -> None:
        """Take the metrics; a return means responsibility was taken over.

        Raises:
            ConsumeError: it was not taken; its `retryable` says whether later may work.
        """


class Processor(Component, Consumer, Protocol):
    """Takes metrics and hands others to the next consumer."""


class Exporter(Component, Consumer, Protocol):
    """Takes metrics out of the collector."""


class Extension(Component, Protocol):
    """A part beside the pipelines that is told when they run."""

    def pipelines_ready(self, ready: bool) -> None:
        """Told true once all pipelines run and false before they stop."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the engine gives a component beside its own configuration."""

    id: ComponentId
    path: str
    """where it is in the configuration, such as `exporters.otlphttp/meter`"""
    telemetry: Telemetry
    log: logging.Logger
    workers: Executor
    """one thread for CPU-heavy work, so that the event loop keeps answering; serial"""
    fail: Callable[[BaseException], None]
    """tells the engine that this component cannot go on; the collector then ends"""
    later: Later = at_once
    """has CPU-heavy work done that nothing waits for, such as learning from what has passed"""


@dataclass(frozen=True, slots=True)
class ReceiverFactory:
    """How to make a receiver of one type. `parse` adds findings to the section, it never raises."""

    types: tuple[str, ...]
    parse: Callable[[Section], Any]
    create: Callable[[Settings, Any, Consumer], Component]


def _not_counted(_before: int, _after: int) -> None:
    """For work that counts nothing of its own."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of work that treats each series by itself.

    `how`: "points" changes or drops each point, and the metric, scope and resource it is in, by what that one is and
    the ones around it are; "compact" puts points of equal resources, scopes and metrics together, the first of each
    staying; "merge" adds up points of a metric that are alike, of all metrics or of some told by what they are.
    """

    how: str
    run: Callable[[Metrics], Metrics | None]


class InPlace(Protocol):
    """Work that remembers points, on payloads of a known shape; it shares what it remembers with the work's `run`."""

    def bind(self, metrics: Metrics, shape: Shape) -> Any | None:
        """What `apply` needs of a shape, from a payload of it; None: such payloads must be run."""

    def apply(self, data: bytes, bound: Any) -> tuple[bool, Metrics | None]:
        """(whether it could, what is left) for a payload of a bound shape; nothing has changed where it could not."""


@dataclass(frozen=True, slots=True)
class Work:
    """A processor that only computes: one request into another, None when nothing is left to hand on."""

    run: Callable[[Metrics], Metrics | None]
    """may change what it is given; raises ConsumeError to refuse it; never runs twice at once"""
    by_identity: bool = False
    """what it does to a point depends on names, types and attributes alone, never on times, values or points before:
    the same is then done to other payloads of the same identities without running it (`phoenix.engine.plan`). Values
    may be added up by `merge_points`, and are left alone otherwise."""
    passed: Callable[[int, int], None] = _not_counted
    """told how many points each request had before and after, for counters of its own"""
    durations_ns: frozenset[int] | None = None
    """what it does depends on identity, but for setting times to each other, and to themselves truncated to multiples
    of these; it merges nothing before it has done so. None: not so."""
    in_place: InPlace | None = None
    """for work that remembers points: how it changes the values of payloads of a known shape"""

    of_resources: bool = False
    """it looks at resources alone, so that to do it costs less than a plan"""
    steps: tuple[Step, ...] = ()
    """for work by identity, or with durations, that is known to treat each series by itself: its parts in order"""

    @property
    def plannable(self) -> bool:
        """Whether there is a way to do it other than running it on every payload."""
        return self.by_identity or self.durations_ns is not None or self.in_place is not None

    def do(self, metrics: Metrics) -> Metrics | None:
        """Run it on a request, which then belongs to it.

        Raises:
            ConsumeError: the work refused it, or its values lead out of what numbers can be: other requests still pass.
        """
        try:
            return self.run(metrics)
        except (ArithmeticError, ValueError) as error:
            msg = f"a value cannot be worked on: {error}"
            raise ConsumeError(msg, retryable=False) from error


@dataclass(frozen=True, slots=True)
class ProcessorFactory:
    """How to make a processor of one type."""

    types: tuple[str, ...]
    parse: Callable[[Section], Any]
    create: Callable[[Settings, Any, Consumer], Processor]
    work: Callable[[Settings, Any], Work] | None = None
    """for those that only compute; `create` then makes a processor of that work"""


@dataclass(frozen=True, slots=True)
class ExporterFactory:
    """How to make an exporter of one type."""

    types: tuple[str, ...]
    parse: Callable[[Section], Any]
    create: Callable[[Settings, Any], Exporter]


@dataclass(frozen=True, slots=True)
class ExtensionFactory:
    """How to make an extension of one type."""

    types: tuple[str, ...]
    parse: Callable[[Section], Any]
    create: Callable[[Settings, Any], Extension]


Factory = ReceiverFactory | ProcessorFactory | ExporterFactory | ExtensionFactory
