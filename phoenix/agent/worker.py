"""One object, one worker: looks, asks the lifecycle what to do, does it, reports. Serial; the newest spec wins.

Why serial: two hands on one process would stop what the other starts. From: informer (newest object), workloads
(exits), time. To: places, reporter. Only the worker's loop catches everything; a failure is logged and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from phoenix.agent import engines, readings
from phoenix.agent.errors import AgentError, ConfigRejected
from phoenix.agent.launch import HostFacts, Launch, ProcessObject, launch_of
from phoenix.agent.lifecycle import CONFIG_INVALID_CODE, Action, Desired, Phase, Seen, State, step, wake_at
from phoenix.agent.objectrecord import ObjectRecord
from phoenix.agent.places import Places
from phoenix.agent.ports import Ports
from phoenix.agent.probe import Prober
from phoenix.agent.processtoken import ProcessToken
from phoenix.agent.records import StateFolder
from phoenix.agent.reporter import Notice, Reporter
from phoenix.agent.view import View
from phoenix.agent.workloads import Workloads
from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import Clock
from phoenix.aio.tasks import wait_for_event
from phoenix.api.collector import Collector
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.process import PROCESS_FINALIZER, ProcessResources
from phoenix.apimachinery.errors import ApiError
from phoenix.client.interface import Client
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.finalizers import add_finalizer, remove_finalizer

_log = logging.getLogger(__name__)
P = TypeVar("P", bound=ProcessObject)

_FIRST_PROBE_S, _SLOWEST_PROBE_S = 0.004, 0.25
_HEALTH_S = 2.0
_UNRESPONSIVE_AFTER = 3
_FLUSH_S = 5.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What every worker of an agent works with."""

    client: Client
    recorder: EventRecorder
    state: StateFolder
    workloads: Workloads
    ports: Ports
    prober: Prober
    facts: HostFacts
    clock: Clock
    resources_s: float = 10.0


class Worker(Generic[P]):
    """Brings one object's process to what its spec asks for, until it is gone. Run `run()` as a task."""

    def __init__(self, obj: P, tools: Tools) -> None:
        self._tools = tools
        self._obj: P = obj
        self._exists = True
        meta = obj.metadata
        folder = tools.state.workload(meta.uid)
        record = ObjectRecord.load(folder) or ObjectRecord(obj.kind, meta.namespace, meta.name, meta.uid)
        self._places = Places(record, tools.state, tools.workloads, tools.ports, tools.prober)
        self.token = ProcessToken(folder, tools.state.endpoint_file, tools.client, tools.clock)
        self._facts = replace(tools.facts, endpoint_file=str(self.token.endpoint_file))
        self.reporter = Reporter(obj, tools.client, tools.recorder, tools.clock)
        self._state = self._remembered()
        self._wake = asyncio.Event()
        self._launch: Launch | None = None
        self._desired = Desired(wanted=False)
        self._desired_of: tuple[int, bool] | None = None
        self._probe_s = _FIRST_PROBE_S
        self._silent = 0
        self._resources: ProcessResources | None = None
        self._resources_at = 0.0
        self._expected: tuple[int, int] | None = None
        self._seen = Seen()

    # --- what others tell and ask

    @property
    def obj(self) -> P:
        """The newest object."""
        return self._obj

    @property
    def state(self) -> State:
        """Where the process is."""
        return self._state

    @property
    def places(self) -> Places:
        """Its processes."""
        return self._places

    def offer(self, obj: P | None) -> None:
        """The object changed, or (None) is gone; work goes on with this one."""
        self._exists = obj is not None
        if obj is not None:
            self._obj = obj
            self.reporter.observe(obj)
        self._wake.set()

    def rouse(self) -> None:
        """Something happened to its processes."""
        self._wake.set()

    # --- the loop

    async def run(self) -> None:
        """Work until the processes are gone and nothing is wanted.

        Cancellation: what runs goes on running, for adoption.
        """
        backoff = Backoff(0.2, 10.0)
        while self._state.phase is not Phase.GONE:
            self._wake.clear()
            try:
                await self._turn()
            except (AgentError, ApiError, OSError) as error:
                delay_s = backoff.next_s()
                _log.warning("will try again object=%s in_s=%.1f: %s", self._obj.key, delay_s, error)
                await self._tools.clock.sleep(delay_s)
                continue
            except Exception:  # noqa: BLE001 - the worker's loop top: one object's defect must not end the agent
                _log.exception("worker failed object=%s", self._obj.key)
                await self._tools.clock.sleep(backoff.next_s())
                continue
            backoff.reset()
            await wait_for_event(self._wake, self._pause_s(), clock=self._tools.clock)
        await self.reporter.flush(_FLUSH_S)

    async def _turn(self) -> None:
        await self._understand()
        now = self._now()
        record = self._places.record
        active = await self._places.see(record.active, probe=self._state.phase is Phase.STARTING)
        beside = await self._places.see(record.beside, probe=self._state.phase is Phase.SWITCHING)
        await self._look_after(active)
        if self._state.phase is not Phase.SWITCHING and beside.alive and self._desired.wanted:
            await self._do(Action.STOP_BESIDE, Desired(wanted=True))  # left by an agent that ended in between
        before = self._state
        after, actions = step(before, active, beside, self._desired, now)
        self._seen = active
        self._tell_of_exit(active)
        if after.phase is Phase.STOPPING and before.phase is not Phase.STOPPING:
            self._state = after  # stopping takes a while: say so first
            self._show()
        for action in actions:
            await self._do(action, self._desired)
        self._state = after
        self._note(before, after)
        if after.phase is not before.phase or after.since != before.since:
            self._probe_s = _FIRST_PROBE_S
            self._silent = 0
        self._show()

    async def _understand(self) -> None:
        """Turn the newest object into what is desired; only when it changed, since checking a configuration is work."""
        obj, spec = self._obj, self._obj.spec
        mine = self._exists and not obj.metadata.deletion_timestamp and spec.host == self._tools.facts.name
        if self._desired_of == (obj.metadata.generation, mine):
            return
        if not mine:
            self._desired = Desired(wanted=False)
        else:
            launch, invalid = await self._examine(obj)
            self._launch = launch
            if launch is not None and launch.reports:
                self.token.want(obj)
            self._desired = Desired(
                wanted=True,
                config_hash=launch.key if launch else f"generation-{obj.metadata.generation}",
                invalid=invalid,
                policy=spec.restart_policy,
                deadline_s=spec.progress_deadline.seconds,
                overlap=launch is not None and launch.overlap and self._active_overlaps(),
                roll_back=isinstance(obj, Collector),
                config_code=CONFIG_INVALID_CODE if launch is None or not launch.path else None,
            )
        self._desired_of = (obj.metadata.generation, mine)

    def _active_overlaps(self) -> bool:
        effective = self._places.record.effective
        return effective is None or effective.overlap

    async def _examine(self, obj: P) -> tuple[Launch | None, str]:
        try:
            launch = launch_of(obj, self._tools.facts)
        except ConfigRejected as error:
            return None, str(error)
        if isinstance(obj, LoadGenerator):
            try:
                self._expected = await asyncio.to_thread(readings.expected, obj)
            except ValueError as error:
                return launch, str(error)
        effective = self._places.record.effective
        if effective is not None and effective.key == launch.key:
            return launch, ""  # it was checked when it was started
        return launch, await engines.validate(launch, self._tools.facts)

    async def _look_after(self, active: Seen) -> None:
        """While it runs: does it still answer, and what has it used."""
        if self._state.phase is not Phase.RUNNING or not active.alive:
            return
        again = await self._places.see(self._places.record.active, probe=True)
        self._silent = 0 if again.ready else self._silent + 1
        identity = self._places.identity
        now = self._tools.clock.monotonic()
        if identity is not None and now - self._resources_at >= self._tools.resources_s:
            self._resources_at = now
            self._resources = await asyncio.to_thread(readings.resources, identity) or self._resources

    async def _do(self, action: Action, desired: Desired) -> None:
        record, places = self._places.record, self._places
        grace_s = self._obj.spec.stop_grace.seconds
        match action:
            case Action.START | Action.START_BESIDE:
                assert self._launch is not None
                await self._before_first_start()
                if action is Action.START:
                    record.effective = self._launch
                workload = record.active if action is Action.START else record.beside
                fresh = action is Action.START_BESIDE and desired.overlap
                await self._start(workload, self._launch, kept=None if fresh else record.active_ports)
            case Action.RESTART:
                assert record.effective is not None
                await self._start(record.active, record.effective, kept=record.active_ports)
            case Action.PROMOTE:
                assert self._launch is not None
                if record.effective is None or record.effective.key != self._launch.key:  # else: done, stop failed
                    record.effective = self._launch
                    places.promote()
                    self._show()
                await places.stop(record.beside, grace_s)
                places.forget(record.beside)
            case Action.STOP:
                await places.stop(record.active, grace_s)
            case Action.STOP_BESIDE:
                await places.stop(record.beside, grace_s)
                places.forget(record.beside)
            case Action.CLEAN_UP:
                await self._clean_up()

    async def _before_first_start(self) -> None:
        if PROCESS_FINALIZER not in self._obj.metadata.finalizers:
            await add_finalizer(self._tools.client, self._obj, PROCESS_FINALIZER)
        if self._expected is not None:
            # The count must be known before the load: a number that comes afterwards proves nothing.
            self._show()
            await self.reporter.flush(_FLUSH_S)

    async def _start(self, workload: str, launch: Launch, *, kept: dict[str, int] | None) -> None:
        if launch.reports:
            await self.token.provide(self._obj)
        await self._places.start(workload, launch, self._facts, kept=kept)
        self._resources_at = 0.0
        identity = self._tools.workloads.running.get(workload)
        if identity is not None:
            message = f"started {launch.program} (pid {identity.pid})"
            self.reporter.tell(Notice("ProcessStarted", message, data={"pid": identity.pid}))

    async def _clean_up(self) -> None:
        had_process = self._places.record.effective is not None
        await self._places.remove()
        self._places.record.effective = None
        if self._exists and had_process:
            self.reporter.tell(Notice("ProcessStopped", "its processes are gone"))
            await self.reporter.flush(_FLUSH_S)
        if self._exists and self._obj.metadata.deletion_timestamp:
            await remove_finalizer(self._tools.client, self._obj, PROCESS_FINALIZER)

    # --- telling

    def _tell_of_exit(self, active: Seen) -> None:
        record = self._places.record
        if active.exit is None or active.exit.start_id == record.accounted:
            return
        record.accounted = active.exit.start_id
        outcome = active.exit
        how = f"code {outcome.code}" if outcome.signal is None else f"signal {outcome.signal}"
        words = f": {active.last_words}" if active.last_words else ""
        wanted = not self._desired.wanted or outcome.code == 0
        data: dict[str, str | float] = {"reason": outcome.reason}
        data |= {key: value for key, value in (("code", outcome.code), ("signal", outcome.signal)) if value is not None}
        self.reporter.tell(Notice("ProcessExited", f"{outcome.reason}, {how}{words}", warning=not wanted, data=data))

    def _note(self, before: State, after: State) -> None:
        """Record what changed: in the agent's memory, and as events."""
        record = self._places.record
        if after.phase is not before.phase:
            _log.info("phase object=%s from=%s to=%s reason=%s", self._obj.key, before.phase, after.phase, after.reason)
        if after.phase is Phase.RUNNING and (before.phase is Phase.STARTING or before.effective != after.effective):
            data: dict[str, str | float] = {f"port-{name}": port for name, port in record.active_ports.items()}
            self.reporter.tell(Notice("ProcessReady", after.gap or "ready", data=data))
        if after.phase is Phase.BACKOFF and before.phase is not Phase.BACKOFF:
            self.reporter.tell(Notice("ProcessBackOff", after.message, warning=True, data={"failures": after.failures}))
        if after.rejected.reason and after.rejected != before.rejected:
            notice = Notice("ProcessConfigRejected", after.rejected.message, warning=True,
                            data={"reason": after.rejected.reason})  # fmt: skip
            self.reporter.tell(notice)
        remembered = (record.restarts, record.failures, record.rejected)
        record.restarts, record.failures, record.rejected = after.restarts, after.failures, after.rejected
        changed = remembered != (after.restarts, after.failures, after.rejected)
        if changed and after.phase is not Phase.GONE and self._places.folder.exists():
            record.save(self._places.folder)

    def _show(self) -> None:
        state, record = self._state, self._places.record
        if self._obj.spec.host != self._tools.facts.name or not self._exists or state.phase is Phase.GONE:
            return  # another's object now, or nobody's
        identity = self._places.identity
        desired_hash = self._launch.config_hash if self._launch and self._desired.wanted else ""
        rejected = state.rejected.config_hash
        self.reporter.show(
            View(
                state=state,
                generation=self._obj.metadata.generation,
                address=self._tools.facts.address,
                desired_hash=desired_hash,
                effective_hash=record.effective.config_hash if record.effective else "",
                rejected_hash=desired_hash if rejected and rejected == self._desired.config_hash else "",
                pid=identity.pid if identity else None,
                started_at=identity.started_at if identity else None,
                ports=record.active_ports,
                last_exit=self._seen.exit,
                last_words=self._seen.last_words,
                lacks=self._seen.lacks,
                resources=self._resources,
                expected=self._expected,
                unresponsive=self._silent >= _UNRESPONSIVE_AFTER,
            )
        )

    # --- time

    def _now(self) -> float:
        return self._tools.clock.now().timestamp()

    def _pause_s(self) -> float:
        """How long nothing needs to be looked at."""
        if self._state.phase is Phase.GONE:
            return 0.0
        limits = [_HEALTH_S if self._state.phase is Phase.RUNNING else 60.0]
        if self._state.phase in (Phase.STARTING, Phase.SWITCHING):
            limits.append(self._probe_s)
            self._probe_s = min(_SLOWEST_PROBE_S, self._probe_s * 1.4)
        if (at := wake_at(self._state, self._desired)) is not None:
            limits.append(max(0.0, at - self._now()))
        return min(limits)

    def _remembered(self) -> State:
        """Where the object was when an agent last worked on it."""
        record, workloads = self._places.record, self._tools.workloads
        state = State(rejected=record.rejected, restarts=record.restarts, failures=record.failures)
        known = record.active in workloads.running or record.active in workloads.ended
        if record.effective is None or not known:
            return state
        ended = workloads.ended.get(record.active)
        if ended is not None and ended.exit.start_id == record.accounted:
            state = replace(state, failures=max(0, state.failures - 1))  # it is about to be counted again
        key = record.effective.key
        return replace(
            state, phase=Phase.STARTING, since=self._now(), reason="Starting", effective=key, target=key
        )  # fmt: skip
