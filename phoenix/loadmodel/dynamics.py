"""How a load changes while it runs: churn, counter resets, phases and stress events, as a profile states them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from phoenix.loadmodel.reading import Fields


class EventKind(StrEnum):
    """Stress events, each of one model."""

    ROUTE_EXPLOSION = "RouteExplosion"
    ERROR_BURST = "ErrorBurst"
    CLOCK_SKEW = "ClockSkew"
    FORK_STORM = "ForkStorm"
    CPU_SWAP = "CpuSwap"
    NODE_DRAIN = "NodeDrain"
    CRASH_LOOP = "CrashLoop"


EVENTS_OF = {
    "M1": (EventKind.ROUTE_EXPLOSION, EventKind.ERROR_BURST, EventKind.CLOCK_SKEW),
    "M2": (EventKind.FORK_STORM, EventKind.CPU_SWAP, EventKind.CLOCK_SKEW),
    "M3": (EventKind.NODE_DRAIN, EventKind.CRASH_LOOP, EventKind.CLOCK_SKEW),
}
"""Which events each model knows."""
_COUNTS = {EventKind.ROUTE_EXPLOSION: 5_000, EventKind.FORK_STORM: 500, EventKind.CRASH_LOOP: 10}
_LARGEST_COUNT = 100_000


@dataclass(frozen=True, slots=True)
class Turnover:
    """Every `every_ns` the next `fraction` of the modelled processes, in turn."""

    every_ns: int
    fraction: float


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time; the phases of a load follow one another again and again."""

    duration_ns: int
    instances: float
    """instances (M1), short-lived processes (M2) or pods (M3), as a multiple of the model's"""
    activity: float
    """requests and work done, as a multiple of the model's"""


@dataclass(frozen=True, slots=True)
class Event:
    """Something bad that happens once. Times are from the first tick."""

    kind: EventKind
    at_ns: int
    duration_ns: int
    count: int
    """routes (RouteExplosion), processes (ForkStorm), restarts (CrashLoop); else unused"""
    offset_ns: int
    """ClockSkew: half of the load's clocks are ahead by this, half behind"""

    def active(self, elapsed_ns: int) -> bool:
        """Whether it goes on at this time since the first tick."""
        return self.at_ns <= elapsed_ns < self.at_ns + self.duration_ns


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Everything that changes; the default is nothing."""

    churn: Turnover | None = None
    """processes that are replaced by others with names of their own"""
    resets: Turnover | None = None
    """processes that start again under the same names: counters begin at zero, with a new start time"""
    phases: tuple[Phase, ...] = ()
    events: tuple[Event, ...] = ()

    @classmethod
    def read(cls, fields: Fields, model: str) -> Self:
        """From the fields `churn`, `resets`, `phases` and `events` of an OtlpEmitter; faults go to the fields'."""
        return cls(
            churn=_turnover(fields, "churn"),
            resets=_turnover(fields, "resets"),
            phases=tuple(
                Phase(
                    one.duration_ns("duration"),
                    one.above_zero("instances", 1.0, 100.0),
                    one.above_zero("activity", 1.0, 1000.0),
                )
                for one in fields.items("phases")
            ),
            events=tuple(event for one in fields.items("events") if (event := _event(one, model)) is not None),
        )

    @property
    def static(self) -> bool:
        """Whether the same series exist from the first tick to the last."""
        return self == Dynamics(resets=self.resets, events=tuple(e for e in self.events if e.kind in _VALUES_ONLY))

    @property
    def most_instances(self) -> float:
        """The largest multiple of any phase, at least 1."""
        return max([1.0, *(phase.instances for phase in self.phases)])

    def phase_at(self, elapsed_ns: int) -> Phase:
        """The phase at this time since the first tick; without phases one of factor 1."""
        if not self.phases:
            return _STEADY
        rest = elapsed_ns % sum(phase.duration_ns for phase in self.phases)
        for phase in self.phases:
            if rest < phase.duration_ns:
                return phase
            rest -= phase.duration_ns
        raise AssertionError("the phases cover their sum")

    def active(self, kind: EventKind, elapsed_ns: int) -> Event | None:
        """The event of this kind that goes on, if any."""
        return next((event for event in self.events if event.kind is kind and event.active(elapsed_ns)), None)


STATIC = Dynamics()
"""nothing changes"""
_STEADY = Phase(1, 1.0, 1.0)
_VALUES_ONLY = (EventKind.ERROR_BURST, EventKind.CPU_SWAP, EventKind.CLOCK_SKEW)


def _turnover(fields: Fields, name: str) -> Turnover | None:
    wire = fields.raw(name)
    if wire is None:
        return None
    own = Fields(wire, f"{fields.path}.{name}", fields.faults)
    return Turnover(own.duration_ns("every"), own.above_zero("fraction", 0.05, 1.0))


def _event(fields: Fields, model: str) -> Event | None:
    known = EVENTS_OF[model]
    wire = fields.raw("kind")
    if wire not in tuple(known):
        fields.fault("kind", f"model {model} has {', '.join(known)}; have {wire!r}")
        return None
    kind = EventKind(str(wire))
    count = fields.whole("count", _COUNTS.get(kind, 1), 1)
    if count > _LARGEST_COUNT:
        fields.fault("count", f"want at most {_LARGEST_COUNT}, have {count}")
        count = 1
    return Event(
        kind=kind,
        at_ns=fields.duration_ns("at", 0),
        duration_ns=fields.duration_ns("duration", 10_000_000_000),
        count=count,
        offset_ns=fields.duration_ns("offset", 2_000_000_000),
    )
