"""One host's agent: desired Collector, LoadGenerator and Meter objects to real processes.

Why it exists: manifests say what should run; somebody on the machine must make it so, and clean up. From: informers.
To: workers, each of which owns one object's processes. What nobody wants is ended; what runs is adopted, not restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from dataclasses import replace
from typing import Any, TypeVar

from phoenix.agent import engines, queryengines
from phoenix.agent.config import AgentConfig
from phoenix.agent.errors import AgentError, ShimError
from phoenix.agent.host import HostReporter, HostSelf, host_id
from phoenix.agent.launch import HostFacts, ProcessObject
from phoenix.agent.lifecycle import Phase
from phoenix.agent.ports import Ports
from phoenix.agent.probe import Prober
from phoenix.agent.records import ALT, StateFolder
from phoenix.agent.sampling import Outbox, is_measured, sample
from phoenix.agent.shimstart import ShimOptions
from phoenix.agent.worker import Tools, Worker
from phoenix.agent.workloads import Workloads
from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.aio.tasks import TaskOwner
from phoenix.api.collector import Collector
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.apimachinery.errors import ApiError
from phoenix.client.interface import Client
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.informer import Informer

_log = logging.getLogger(__name__)
P = TypeVar("P", bound=ProcessObject)
KINDS: tuple[type[Collector], type[LoadGenerator], type[Meter]] = (Collector, LoadGenerator, Meter)
_GOODBYE_S = 2.0


class Agent:
    """Runs one host. `run` until cancelled.

    Callers must: give each state folder one agent at a time (a second one is refused with StateLocked).
    """

    def __init__(self, client: Client, config: AgentConfig, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._client, self._config, self._clock = client, config, clock
        self._state = StateFolder(config.state_dir.resolve())
        self._workloads = Workloads(
            self._state, ShimOptions(config.orphan_timeout_s, config.programs), self._on_exit
        )  # fmt: skip
        self._prober = Prober()
        self._workers: dict[str, Worker[Any]] = {}
        self._sampled: set[str] = set()
        self._owner: TaskOwner | None = None
        self._tools: Tools | None = None
        self._outbox = Outbox(client, clock)
        self.ready = asyncio.Event()
        """Set once the host is registered, its objects are known, and every wanted one has its worker."""

    @property
    def shim_pid(self) -> int | None:
        """Pid of the shim, while connected."""
        return self._workloads.shim_pid

    async def run(self) -> None:
        """Run the host.

        Raises:
            StateLocked: another agent works on this state folder.
            AgentError: the shim cannot be started, or the host's name is taken.

        Cancellation: with `config.stop_workloads` all workloads and the shim are ended, verified; else they go on, and
        the next agent adopts them.
        """
        await self._workloads.open()
        try:
            await self._run()
        except BaseExceptionGroup as group:
            found = group.subgroup(AgentError)
            if found is None:
                raise
            raise _first(found) from group
        finally:
            await self._prober.close()
            await self._workloads.close(stop_workloads=self._config.stop_workloads, grace_s=self._config.stop_grace_s)

    async def _run(self) -> None:
        found, prometheus = await asyncio.gather(
            engines.detect(self._config.otelcol_path), queryengines.detect(self._config.prometheus)
        )
        facts = HostFacts(
            self._config.host_name,
            self._config.address,
            str(self._state.endpoint_file),
            recordings=str(self._config.recordings or self._state.recordings),
        )
        self._tools = Tools(
            client=self._client,
            recorder=EventRecorder(self._client, "agent", host=self._config.host_name, clock=self._clock),
            state=self._state,
            workloads=self._workloads,
            ports=Ports(self._config.address),
            prober=self._prober,
            facts=replace(engines.facts_with(facts, found), prometheus=prometheus.place),
            clock=self._clock,
            resources_s=self._config.resources_s,
        )
        self_ = HostSelf(host_id(self._state.root), found, prometheus.shown)
        host = HostReporter(self._client, self._config, self_, self._clock, lambda: len(self._workloads.running))
        # NB: only what is for this host: an agent's own token shows it nothing else.
        mine = f"spec.host={self._config.host_name}"
        informers: list[Informer[Any]] = [
            Informer(self._client, kind, field_selector=mine, clock=self._clock) for kind in KINDS
        ]
        try:
            async with TaskOwner() as owner, asyncio.TaskGroup() as group:
                self._owner = owner
                group.create_task(self._workloads.keep(), name="shim-keeper")
                group.create_task(host.run(), name="host")
                group.create_task(self._outbox.run(), name="samples")
                for informer in informers:
                    informer.add_handler(self._changed)
                    group.create_task(informer.run(), name=f"informer-{informer.kind.info.plural}")
                for informer in informers:
                    await informer.wait_synced()
                await self._end_unwanted()
                await host.registered.wait()
                self.ready.set()
        finally:
            with contextlib.suppress(ApiError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await host.say_stopped()

    def _changed(self, old: ProcessObject | None, new: ProcessObject | None) -> None:
        """An object came, changed or went: to its worker, which is made where this host should have one."""
        obj = new or old
        assert obj is not None
        uid = obj.metadata.uid
        if old is not None and new is not None and old.metadata.uid != uid:
            self._offer(old.metadata.uid, None)  # made anew under the same name
        mine = obj.spec.host == self._config.host_name
        if new is not None and mine and uid not in self._workers:
            self._hire(new)
        self._offer(uid, new)

    def _offer(self, uid: str, obj: ProcessObject | None) -> None:
        worker = self._workers.get(uid)
        if worker is None:
            return
        worker.offer(obj)
        if obj is not None and is_measured(obj) and uid not in self._sampled:
            self._sampled.add(uid)
            assert self._owner is not None
            assert self._tools is not None
            task = self._owner.start(sample(worker, self._tools, self._outbox), name=f"sampler-{obj.key}")
            task.add_done_callback(lambda _: self._sampled.discard(uid))

    def _hire(self, obj: ProcessObject) -> None:
        assert self._owner is not None
        assert self._tools is not None
        worker: Worker[Any] = Worker(obj, self._tools)
        self._workers[obj.metadata.uid] = worker
        _ = self._owner.start(self._work(obj.metadata.uid, worker), name=f"worker-{obj.key}")

    async def _work(self, uid: str, worker: Worker[Any]) -> None:
        beside = [
            asyncio.create_task(worker.reporter.run(), name=f"reporter-{worker.obj.key}"),
            asyncio.create_task(worker.token.run(), name=f"token-{worker.obj.key}"),
        ]
        try:
            await worker.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            if self._workers.get(uid) is worker:
                del self._workers[uid]

    def _on_exit(self, workload: str) -> None:
        if worker := self._workers.get(workload.removesuffix(ALT)):
            worker.rouse()

    async def _end_unwanted(self) -> None:
        """End what runs for objects that are gone or elsewhere, and remove the folders of those."""
        unwanted = [workload for workload in self._workloads.running if self._is_unwanted(workload)]
        for workload in unwanted:
            _log.info("ending what nobody wants workload=%s", workload)
        outcomes = await asyncio.gather(
            *(self._workloads.stop(workload, self._config.stop_grace_s) for workload in unwanted),
            return_exceptions=True,
        )
        for workload, outcome in zip(unwanted, outcomes, strict=True):
            if isinstance(outcome, ShimError):
                _log.error("not ended workload=%s: %s", workload, outcome)
            elif outcome is not None:
                raise outcome
        still = {workload.removesuffix(ALT) for workload in self._workloads.running}
        for folder in list(self._state.processes.iterdir()):
            if self._is_unwanted(folder.name) and folder.name not in still:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                self._workloads.ended.pop(folder.name, None)
                self._workloads.ended.pop(folder.name + ALT, None)

    def _is_unwanted(self, workload: str) -> bool:
        return workload.removesuffix(ALT) not in self._workers

    def phases(self) -> dict[str, Phase]:
        """The phase of every object here by uid, for tests and debugging."""
        return {uid: worker.state.phase for uid, worker in self._workers.items()}


def _first(group: BaseException) -> BaseException:
    """The first plain exception of a group."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
