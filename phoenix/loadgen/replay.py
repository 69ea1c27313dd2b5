"""Sends a recording again: each request once it is due by the recording's own times, moved to the run.

A request is due at the new time of its middle point, and where that cannot be right with the one before it (`order`).
It belongs to the tick (the interval) that this falls in, and is sent before the next one begins or not at all: it then
counts as planned and missed, as with a model. There is no mode "as
fast as it is taken": a window of the measurement is one of point time, and must last as long as it says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence

from phoenix.aio.tasks import wait_for_event
from phoenix.loadgen.config import Config, Replay
from phoenix.loadgen.moving import Moving
from phoenix.loadgen.order import Order
from phoenix.loadgen.readahead import Due, ReadAhead
from phoenix.loadgen.recording import Ends, Recording, RecordingError, followed, move
from phoenix.loadgen.schedule import Schedule, SteadyClock
from phoenix.loadgen.sending import Sending
from phoenix.samples.reporter import Reporter

_LOG = logging.getLogger("phoenix.loadgen")
_LOOK_AT_MOST_S = 2.0
"""How long the whole of a recording is looked through at the start, to tell beforehand that it is too short."""


class Replayer(Sending):
    """One recording, from its first request to the last answer."""

    expected = None
    """nobody counted it beforehand"""

    def __init__(self, config: Config, replay: Replay, reporter: Reporter | None, *, instance: str) -> None:
        super().__init__(config, reporter, instance=instance)
        self._config, self._replay = config, replay

    async def run(self, stop: asyncio.Event) -> None:
        """Send until the schedule ends, the recording does, or `stop` is set; returns after the last answers.

        Raises:
            RecordingError: it cannot be read, or does not last as long as the run.
        """
        config = self._config
        clock = SteadyClock(time.time_ns, time.monotonic_ns)
        schedule = config.schedule(clock.now())
        recording = await asyncio.to_thread(Recording, self._replay.folder, self._replay.path)
        ends = await asyncio.to_thread(recording.ends, within_s=_LOOK_AT_MOST_S)
        if ends is not None and config.end_at is not None and not self._replay.loop:
            self._check_length(ends, schedule)
        await self.start()
        try:
            async with ReadAhead(self._due(recording, schedule, stop)) as ahead:
                await self._send(ahead, schedule, clock, stop)
        finally:
            await self.finish(stop)

    def _check_length(self, ends: Ends, schedule: Schedule) -> None:
        moving = self._moving(self._order(ends.first, schedule).first, schedule)
        order = self._order(ends.last, schedule)
        last = [order.due(found, ends.last[at + 1 :]) for at, found in enumerate(ends.last)][-1]
        if moving.length_ns(moving.played_ns(last)) < schedule.end - schedule.first:
            raise self._too_short(moving.played_ns(last), schedule)

    def _order(self, first: Sequence[int], schedule: Schedule) -> Order:
        speed = self._replay.speed
        reach_ns = int((schedule.end - schedule.first) * speed)
        return Order(first, interval_ns=int(schedule.interval_ns * speed), reach_ns=reach_ns)

    def _moving(self, first: int, schedule: Schedule) -> Moving:
        return Moving(first, schedule.first, self._replay.speed, schedule.interval_ns)

    def _too_short(self, played_ns: int, schedule: Schedule) -> RecordingError:
        return RecordingError(
            f"{self._replay.path}: its last request is {played_ns / 1e9:g} s after its first at speed "
            f"{float(self._replay.speed):g}, but the run needs input for {(schedule.end - schedule.first) / 1e9:g} s "
            "(warmup and duration): set loop: true, a lower speed, or a shorter run"
        )

    async def _send(self, ahead: ReadAhead, schedule: Schedule, clock: SteadyClock, stop: asyncio.Event) -> None:
        _LOG.info(
            "replay ready path=%s first=%d ticks=%d targets=%d",
            self._replay.path, schedule.first, schedule.ticks, len(self._config.targets),
        )  # fmt: skip
        last_due, last_tick, last_missed = schedule.first, -1, -1
        while (due := await ahead.next()) is not None and not stop.is_set():
            self.ready = True
            last_due = due.due_unix_nano
            if last_due >= schedule.end or await wait_for_event(stop, (last_due - clock.now()) / 1e9):
                return
            self._note_strays(due)
            tick = last_due - last_due % schedule.interval_ns
            if schedule.is_late(tick, clock.now()):
                self.missed(points=due.points, tick=tick)
                if tick != last_missed:
                    self.miss_tick(tick)
                last_missed = tick
            else:
                self.submit(due.data, points=due.points, tick=tick)
                self.sent_ticks += tick != last_tick
                last_tick = tick
            self.report(clock.now())
        left_ns = schedule.end - self._moving(0, schedule).length_ns(last_due - schedule.first) - schedule.first
        if not stop.is_set() and self._config.end_at is not None and left_ns > 0:
            raise self._too_short(last_due - schedule.first, schedule)

    def _note_strays(self, due: Due) -> None:
        if due.strays and not self.stray_points:
            at = due.due_unix_nano
            _LOG.warning(
                "points far from their time path=%s due=%d (later ones are only counted)", self._replay.path, at
            )
        self.stray_points += due.strays

    def _due(self, recording: Recording, schedule: Schedule, stop: asyncio.Event) -> Iterator[Due]:
        """All requests with points, moved; runs in threads, one step at a time.

        Ends at `stop`: a thread cannot be cancelled, and there may be gigabytes without points.
        """
        moving: Moving | None = None
        reach_ns = schedule.end - schedule.first
        played_ns = turn = 0
        while True:
            order: Order | None = None
            for message, time_, following in followed(recording, stop):
                if order is None:
                    order = self._order([time_, *following], schedule)
                moving = moving or self._moving(order.first, schedule)
                to = moving.turn(turn, played_ns)
                due = to(order.due(time_, following))
                points, times = move(message, to)
                if not turn:
                    played_ns = due - schedule.first
                strays = sum(abs(moved - due) > reach_ns for moved in times)
                yield Due(message.SerializeToString(), points, due, strays)
            if order is None or not self._replay.loop:
                return
            turn += 1
