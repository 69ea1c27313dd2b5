"""The `memory_limiter` processor: refuses data while the process holds too much memory, so that senders wait.

The collector looks at Go's heap; this engine at the resident set of its process, which is what runs out.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from phoenix.engine.component import Consumer, Processor, ProcessorFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.tasks import TaskOwner

_MIB = 1 << 20
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
REFUSED = "data refused due to high memory usage"


@dataclass(frozen=True, slots=True)
class Config:
    """When to look, and limits in MiB or, where those are 0, in percent of the memory there is."""

    check_interval_s: float
    limit_mib: int
    spike_mib: int
    limit_percent: int
    spike_percent: int
    collect_every_soft_s: float
    collect_every_hard_s: float

    def limits_bytes(self, total_bytes: int) -> tuple[int, int]:
        """The soft limit, above which data is refused, and the hard one."""
        if self.limit_mib:
            hard, spike = self.limit_mib * _MIB, self.spike_mib * _MIB
        else:
            hard, spike = total_bytes * self.limit_percent // 100, total_bytes * self.spike_percent // 100
        return hard - (spike or hard // 5), hard


def parse(section: Section) -> Config:
    """Read the processor's keys; faults are in the collector's words."""
    config = Config(
        section.duration_s("check_interval", 0.0),
        section.integer("limit_mib", 0, minimum=0),
        section.integer("spike_limit_mib", 0, minimum=0),
        section.integer("limit_percentage", 0, minimum=0),
        section.integer("spike_limit_percentage", 0, minimum=0),
        section.duration_s("min_gc_interval_when_soft_limited", 10.0),
        section.duration_s("min_gc_interval_when_hard_limited", 0.0),
    )
    caps_s = [section.duration_s(f"max_gc_interval_when_{kind}_limited", 30.0) for kind in ("soft", "hard")]
    section.close()
    _check_intervals(section, config, caps_s)
    if config.check_interval_s <= 0:
        section.fault("check_interval", "'check_interval' must be greater than zero", "write check_interval: 1s")
    if not config.limit_mib and not config.limit_percent:
        section.fault("", "'limit_mib' or 'limit_percentage' must be greater than zero", "write limit_mib: 512")
    if config.limit_percent > 100 or config.spike_percent > 100:
        message = "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and at most 100"
        section.fault("", message, "write 1 to 100")
    if 0 < config.limit_mib <= config.spike_mib:
        section.fault("spike_limit_mib", "'spike_limit_mib' must be smaller than 'limit_mib'", _FIFTH)
    if 0 < config.limit_percent <= config.spike_percent:
        section.fault(
            "spike_limit_percentage", "'spike_limit_percentage' must be smaller than 'limit_percentage'", _FIFTH
        )
    return config


_FIFTH = "leave it out: a fifth of the limit is the default"
_LONGER = "make it longer, or leave it out"


def _check_intervals(section: Section, config: Config, caps_s: list[float]) -> None:
    """Relations between intervals that the collector wants; the caps only slow down collections that do not help."""
    every_s = [config.collect_every_soft_s, config.collect_every_hard_s]
    if every_s[0] < every_s[1]:
        section.fault("", "'min_gc_interval_when_soft_limited' should be larger than '..._hard_limited'", _LONGER)
    for kind, cap_s, minimum_s in zip(("soft", "hard"), caps_s, every_s, strict=True):
        if 0 < cap_s < minimum_s:
            key = f"max_gc_interval_when_{kind}_limited"
            section.fault(
                key, f"'{key}' must be greater than or equal to 'min_gc_interval_when_{kind}_limited'", _LONGER
            )
    if 0 < caps_s[0] < caps_s[1]:
        section.fault(
            "", "'max_gc_interval_when_soft_limited' should be larger than or equal to '..._hard_limited'", _LONGER
        )


def total_bytes() -> int:
    """The memory this process may use: the host's, or less where its cgroup says so."""
    host = psutil.virtual_memory().total
    for path in _CGROUP_LIMITS:
        try:
            return min(host, int(path.read_text()))
        except (OSError, ValueError):
            continue
    return host


class MemoryLimiter:
    """Looks at the process's memory at every interval; in between its last finding holds."""

    mutates = False

    def __init__(
        self,
        settings: Settings,
        config: Config,
        next_consumer: Consumer,
        *,
        used_bytes: Callable[[], int] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._next = next_consumer
        self._log = settings.log
        self._used_bytes = used_bytes or (lambda: int(psutil.Process().memory_info().rss))
        self._now_s = now_s
        self._soft_bytes, self._hard_bytes = config.limits_bytes(total_bytes())
        self._collected_s = now_s()
        self._tasks = TaskOwner(settings.fail)
        name = str(settings.id)
        self._accepted = settings.telemetry.counter(
            "otelcol_processor_memory_limiter_accepted_metric_points", processor=name
        )
        self._refused = settings.telemetry.counter(
            "otelcol_processor_memory_limiter_refused_metric_points", processor=name
        )
        self.refusing = False
        """whether data is refused now"""

    async def start(self) -> None:
        """Start looking."""
        self._tasks.spawn(self._watch(), name="memory_limiter")

    async def shutdown(self) -> None:
        """Stop looking; nothing is held."""
        await self._tasks.close()

    async def consume(self, metrics: Metrics) -> None:
        """Hand on.

        Raises:
            ConsumeError: memory is short (to be tried again), or the next consumer refused.
        """
        if self.refusing:
            self._refused.add(metrics.points)
            raise ConsumeError(REFUSED)
        self._accepted.add(metrics.points)
        await self._next.consume(metrics)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._config.check_interval_s)
            self.look()

    def look(self) -> None:
        """Read the memory in use, free some where there is too much, and decide."""
        used = self._used_bytes()
        every_s = self._config.collect_every_hard_s if used >= self._hard_bytes else self._config.collect_every_soft_s
        if used >= self._soft_bytes and self._now_s() - self._collected_s > every_s:
            gc.collect()
            self._collected_s = self._now_s()
            used = self._used_bytes()
        refusing = used >= self._soft_bytes
        if refusing != self.refusing:
            what = "memory is short, refusing data" if refusing else "memory is within limits again"
            self._log.warning("%s used_mib=%d soft_limit_mib=%d", what, used // _MIB, self._soft_bytes // _MIB)
        self.refusing = refusing


def create(settings: Settings, config: Config, next_consumer: Consumer) -> Processor:
    """Make the processor."""
    return MemoryLimiter(settings, config, next_consumer)


FACTORY = ProcessorFactory(("memory_limiter",), parse, create)
