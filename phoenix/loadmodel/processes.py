"""Which processes of a ProcessEmitter run at which tick, and under which names: known beforehand. Pure.

Knows the JSON, not `phoenix.api`. A place in a group is taken by one process after another; changes of a tick happen
half an interval before it, so that whoever looks at ticks sees whole states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from phoenix.apimachinery.processlimits import excess
from phoenix.apimachinery.units import ByteSize
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.reading import Fields
from phoenix.loadmodel.seats import Count

POINTS_PER_PROCESS = 7
"""process.cpu.time in three states, memory usage and virtual memory, disk.io in two directions: all of one series."""


@dataclass(frozen=True, slots=True)
class Group:
    """Processes that are alike, with every number decided. `lifetime_ticks` 0: they live for the whole run."""

    names: tuple[str, ...]
    count: int
    lifetime_ticks: int
    cpu: float
    cpu_pattern: str
    memory_bytes: int
    memory_pattern: str


@dataclass(frozen=True, slots=True)
class Taken:
    """One process: the generation that has a place of a group. Equal ones are the same process."""

    group: int
    place: int
    generation: int


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """All groups. `seed` turns the names."""

    groups: tuple[Group, ...]
    seed: int

    @property
    def processes(self) -> int:
        """At any tick."""
        return sum(group.count for group in self.groups)

    @property
    def expected(self) -> Count:
        """What a tick has."""
        points = self.processes * POINTS_PER_PROCESS
        return Count(points, points)

    def at(self, tick: int) -> Iterator[Taken]:
        """Who runs at a tick, from 0."""
        for number, group in enumerate(self.groups):
            for place in range(group.count):
                yield Taken(number, place, self._generation(group, place, tick))

    def distinct(self, first: int, end: int) -> int:
        """Processes seen at any of the ticks first, …, end - 1."""
        return sum(
            self._generation(group, place, end - 1) - self._generation(group, place, first) + 1
            for group in self.groups
            for place in range(group.count)
        )

    def name_of(self, taken: Taken) -> str:
        """Its name."""
        group = self.groups[taken.group]
        return group.names[(self.seed + taken.place + taken.generation * group.count) % len(group.names)]

    @staticmethod
    def _generation(group: Group, place: int, tick: int) -> int:
        if not group.lifetime_ticks:
            return 0
        # Spread evenly: not all of a group end at once.
        return (tick + place * group.lifetime_ticks // group.count) // group.lifetime_ticks


def read_processes(wire: object, *, scale: float, seed: int, interval_ns: int) -> ProcessPlan:
    """Read a ProcessEmitter (camelCase keys).

    Args:
        wire: the JSON.
        scale: multiplies processes of each group; at least one is left.
        seed: turns names.
        interval_ns: length of a tick; a lifetime is rounded to whole ones.

    Raises:
        LoadModelError: with a line for each fault; also where it is more than a host may be asked for.
    """
    faults: list[str] = []
    groups = tuple(_group(fields, scale, interval_ns) for fields in Fields(wire, "processes", faults).items("groups"))
    if not groups and not faults:
        faults.append("processes.groups: want at least one")
    starts_per_tick = sum(group.count / group.lifetime_ticks for group in groups if group.lifetime_ticks)
    too_much = excess(
        processes=sum(group.count for group in groups),
        cpus=sum(group.count * group.cpu for group in groups),
        memory_bytes=sum(group.count * group.memory_bytes for group in groups),
        starts_per_s=starts_per_tick / (interval_ns / 1e9),
        at=f" at scale {scale:g}",
    )
    faults += (f"processes: {what}: use a smaller scale" for what in too_much)
    if faults:
        raise LoadModelError(faults)
    return ProcessPlan(groups, seed)


def _group(fields: Fields, scale: float, interval_ns: int) -> Group:
    names = fields.raw("names")
    known = [name for name in names if isinstance(name, str) and name] if isinstance(names, list) else []
    if not known or len(known) != len(names if isinstance(names, list) else ()):
        fields.fault("names", f"want names, have {names!r}")
    lifetime = fields.raw("lifetime")
    cpu = fields.raw("cpu")
    memory = str(fields.raw("memory") or "0")
    if not re.match(ByteSize.pattern, memory):
        fields.fault("memory", f"want a size such as 4Mi, have {memory!r}")
        memory = "0"
    return Group(
        names=tuple(known) or ("process",),
        count=max(1, round(fields.whole("count", 1, 1) * scale)),
        lifetime_ticks=max(1, round(fields.duration_ns("lifetime") / interval_ns)) if lifetime is not None else 0,
        cpu=fields.above_zero("cpu", 0.0, 1.0) if cpu else 0.0,
        cpu_pattern=str(fields.raw("cpuPattern") or "Steady"),
        memory_bytes=ByteSize(memory).bytes,
        memory_pattern=str(fields.raw("memoryPattern") or "Steady"),
    )
