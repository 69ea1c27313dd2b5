"""Runs the processes of a ProcessEmitter, tick by tick. It sends nothing: a tee observes them.

What runs at a tick is told by `loadmodel.processes`; changes are made half an interval before the tick, so that a
scrape at it sees all of them done. Processes there from the first tick on are started at once. A change that comes
after its tick is counted as missed; what was observed then is not what the profile says: the run is Invalid. Ticks that
are over are not caught up on, such as after a start in the middle of a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from pathlib import Path

import orjson

from phoenix.aio.tasks import wait_for_event
from phoenix.loadgen import spawner
from phoenix.loadgen.config import Config
from phoenix.loadgen.schedule import Schedule, SteadyClock
from phoenix.loadgen.sending import Sending
from phoenix.loadmodel.processes import ProcessPlan, Taken
from phoenix.loadmodel.seats import Count

_LOG = logging.getLogger("phoenix.loadgen")
_ANSWER_S = 10.0
_END_S = 3.0


class EmitterError(Exception):
    """Processes cannot be started, or were ended by somebody else."""


class Emitter(Sending):
    """One plan of processes, from before the first tick until the end; none is left when `run` returns."""

    def __init__(self, config: Config, plan: ProcessPlan, *, instance: str) -> None:
        super().__init__(config, None, instance=instance)
        self._config, self._plan = config, plan
        self._numbers: dict[Taken, int] = {}
        self._last_number = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def expected(self) -> Count | None:
        """What a tick amounts to."""
        return self._plan.expected

    async def run(self, stop: asyncio.Event) -> None:
        """Run them until the schedule ends or `stop` is set.

        Raises:
            EmitterError: the spawner cannot be started or broke down.
        """
        await self._open()
        try:
            await self._emit(stop)
        finally:
            await self._close()

    async def _emit(self, stop: asyncio.Event) -> None:
        clock = SteadyClock(time.time_ns, time.monotonic_ns)
        schedule = self._config.schedule(clock.now())
        now = min(max(clock.now(), schedule.first), schedule.end)
        await self._become((now - schedule.first) // schedule.interval_ns)
        self.ready = True
        _LOG.info("processes ready count=%d first=%d ticks=%d", self._plan.processes, schedule.first, schedule.ticks)
        tick: int | None = schedule.first
        while tick is not None:
            if schedule.is_late(tick, clock.now()):
                self.miss_tick(tick)
                tick = schedule.after(tick)
                continue
            if await wait_for_event(stop, (tick - schedule.interval_ns // 2 - clock.now()) / 1e9):
                return
            await self._become((tick - schedule.first) // schedule.interval_ns)
            if clock.now() >= tick:
                self.miss_tick(tick)
            else:
                self.sent_ticks += 1
            tick = schedule.after(tick)
        await self._rest(stop, schedule, clock)

    async def _rest(self, stop: asyncio.Event, schedule: Schedule, clock: SteadyClock) -> None:
        # NB: the last tick is still to be observed.
        await wait_for_event(stop, max(0.0, (schedule.end - clock.now()) / 1e9))

    async def _become(self, tick: int) -> None:
        """Make what runs what the plan says of a tick."""
        wanted = set(self._plan.at(tick))
        for taken in [taken for taken in self._numbers if taken not in wanted]:
            await self._order({"stop": self._numbers.pop(taken)})
        for taken in sorted(wanted - self._numbers.keys(), key=lambda one: (one.group, one.place)):
            group = self._plan.groups[taken.group]
            self._last_number += 1
            self._numbers[taken] = self._last_number
            await self._order(
                {
                    "start": self._last_number,
                    "name": self._plan.name_of(taken),
                    "cpu": group.cpu,
                    "cpuPattern": group.cpu_pattern,
                    "memoryBytes": group.memory_bytes,
                    "memoryPattern": group.memory_pattern,
                }
            )

    async def _open(self) -> None:
        # -I -S: nothing of the environment, no site: as small as Python gets. The last word is room for command lines.
        words = (sys.executable, "-I", "-S", str(Path(spawner.__file__)), str(os.getpid()), "-" * 64)
        pipe = asyncio.subprocess.PIPE
        try:
            self._process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
        except OSError as error:
            msg = f"cannot start {sys.executable}: {error.strerror}"
            raise EmitterError(msg) from error

    async def _order(self, order: dict[str, object]) -> None:
        """Have one thing done, and wait until it is."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        answer = b""
        # RuntimeError is uvloop's word for a pipe that is closed.
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            process.stdin.write(orjson.dumps(order) + b"\n")
            async with asyncio.timeout(_ANSWER_S):
                await process.stdin.drain()
                answer = await process.stdout.readline()
        if not answer:
            msg = f"the process that starts the others (pid {process.pid}) gave no answer: was it ended?"
            raise EmitterError(msg)
        if (said := answer.rstrip()) != spawner.OK:
            msg = f"{order.get('name')!r} cannot be started: {said.decode()}: use a smaller scale, or raise its limit"
            raise EmitterError(msg)

    async def _close(self) -> None:
        """End all; killed where it does not end by itself."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(_END_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        _LOG.info("processes ended ticks=%d missed=%d", self.sent_ticks, self.missed_ticks)
