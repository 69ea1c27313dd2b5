"""Carries out the next step of one Experiment. Reads the world fresh each time; what it remembers is in status."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from controllers.experiment import children as make
from controllers.experiment import sources
from controllers.experiment.hints import awaited_at, endpoint_of, hint_of
from controllers.experiment.hosts import lost_hosts, unheard_hosts
from controllers.experiment.measuring import NONE_LOST, Measuring
from controllers.experiment.observed import observing_meter, timeline_for
from controllers.experiment.plan import Act, Children, Step, conclusion_due, conclusion_pace_s, next_step
from controllers.experiment.resolve import Catalogue, Unresolved, resolve_experiment
from controllers.experiment.settling import Settling
from controllers.experiment.status import Draft
from controllers.experiment.timeline import GRACE_S, Timeline, last_boundary, progress, timeline_of
from phoenix.aio.clock import Clock
from phoenix.api.collector import Collector, CollectorRole
from phoenix.api.experiment import Experiment, ExperimentPhase, ExperimentStatus
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.meter import Meter
from phoenix.api.pipeline import PipelineDeployment, PipelineTemplate
from phoenix.api.pricebook import PriceBook
from phoenix.apimachinery.names import LABEL_EXPERIMENT, ORPHAN_FINALIZER
from phoenix.client.interface import Client
from phoenix.runtime.children import create_if_absent, delete_if_present, list_owned, name_taken
from phoenix.runtime.events import NORMAL, WARNING, EventRecorder
from phoenix.runtime.finalizers import ORPHAN_RETRY_S, add_finalizer, remove_finalizer
from phoenix.runtime.reconcile import Request, Result
from phoenix.runtime.status import patch_status

FINALIZER = "phoenix.io/experiment"
COMPONENT = "experiment-controller"
UNRESOLVED_RETRY_S = 5.0
"""What a reference names may appear at any time; look again this often, seconds."""


class ExperimentReconciler:
    """See `plan.next_step`. Owns Meters, PipelineDeployments, LoadGenerators and tees of its experiments.

    Events are told before status remembers that they were: a crash in between tells one again, which raises its count.
    """

    def __init__(self, client: Client, events: EventRecorder, clock: Clock) -> None:
        self._client, self._events, self._clock = client, events, clock
        self._measuring = Measuring(client)
        self._settling = Settling(client, events, clock)
        self._steps: dict[Act, Callable[[Experiment, Children, Step], Awaitable[Result]]] = {
            Act.WAIT: self._wait,
            Act.RESOLVE: self._start,
            Act.DEPLOY: self._deploy,
            Act.BEGIN: self._begin,
            Act.MEASURE: self._measure,
            Act.CONCLUDE: self._conclude,
            Act.TEAR_DOWN: self._tear_down,
            Act.FINISH: self._finish,
            Act.RESTART: self._restart,
            Act.SETTLE: self._settle,
            Act.RELEASE: self._release,
        }

    async def reconcile(self, request: Request) -> Result:
        """Observe, plan, act, write status."""
        found = await self._client.list(
            Experiment, request.key.namespace, field_selector=f"metadata.name={request.key.name}"
        )
        if not found.items:
            self._measuring.forget(request.key)
            return Result()
        experiment = found.items[0]
        if experiment.metadata.deletion_timestamp is not None and ORPHAN_FINALIZER in experiment.metadata.finalizers:
            return Result(requeue_after_s=ORPHAN_RETRY_S)  # its children are being let go of: they are to stay
        if experiment.metadata.deletion_timestamp is None and FINALIZER not in experiment.metadata.finalizers:
            experiment = await add_finalizer(self._client, experiment, FINALIZER)
        children = await self._children(experiment)
        step = next_step(experiment, children, self._clock.now())
        return await self._steps[step.act](experiment, children, step)

    def _draft(self, experiment: Experiment) -> Draft:
        return Draft(experiment, self._clock.now())

    async def _children(self, experiment: Experiment) -> Children:
        selector = f"{LABEL_EXPERIMENT}={experiment.metadata.name}"
        collectors = (await self._client.list(Collector, experiment.metadata.namespace, label_selector=selector)).items
        return Children(
            meters=await list_owned(self._client, Meter, experiment, selector),
            deployments=await list_owned(self._client, PipelineDeployment, experiment, selector),
            generators=await list_owned(self._client, LoadGenerator, experiment, selector),
            tees=tuple(item for item in collectors if item.spec.role == CollectorRole.TEE),
            collectors=tuple(item for item in collectors if item.spec.role == CollectorRole.VARIANT),
        )

    async def _wait(self, experiment: Experiment, children: Children, step: Step) -> Result:
        if step.reason and experiment.status.phase == ExperimentPhase.PENDING:
            await patch_status(self._client, experiment, self._draft(experiment).refused(step.reason, step.message))
        return Result()

    async def _start(self, experiment: Experiment, children: Children, step: Step) -> Result:
        catalogue = Catalogue(
            templates=(await self._client.list(PipelineTemplate)).items,
            profiles=(await self._client.list(LoadProfile)).items,
            price_books=(await self._client.list(PriceBook)).items,
            hosts=(await self._client.list(Host)).items,
        )
        try:
            resolution = resolve_experiment(experiment, catalogue)
        except Unresolved as problem:
            status = self._draft(experiment).refused(problem.reason, str(problem)[:1500])
            if status != experiment.status:
                await self._events.record(experiment, problem.reason, str(problem), type_=WARNING)
            await patch_status(self._client, experiment, status)
            return Result(requeue_after_s=UNRESOLVED_RETRY_S)
        names = {pinned.name: make.deployment_name(experiment, pinned.name) for pinned in resolution.variants}
        status = self._draft(experiment).accepted(resolution, names)
        hashes = {f"pipelineHash.{pinned.name}": pinned.pipeline_hash for pinned in resolution.variants}
        await self._events.record(
            experiment,
            "ExperimentStarted",
            f"run {status.run} on {', '.join(resolution.hosts)}",
            data={"run": status.run, "hosts": ",".join(resolution.hosts), **hashes},
        )
        # NB: strictly on what was read. Until now the spec may change, and pins of another spec must not be kept.
        await self._client.update_status(experiment.model_copy(update={"status": status}))
        return Result(requeue_after_s=0.0)

    async def _deploy(self, experiment: Experiment, children: Children, step: Step) -> Result:
        have = {meter.spec.host for meter in children.meters}
        wanted: list[Meter | PipelineDeployment] = [
            make.meter(experiment, host) for host in experiment.status.hosts if host not in have
        ]
        pipelines = experiment.status.resolved["pipelines"]
        assert isinstance(pipelines, dict)  # written by Resolution.to_status
        deployed = {item.metadata.name for item in children.deployments}
        wanted += [
            make.deployment(experiment, pinned.name, pipelines[pinned.name], pinned.engine)
            for pinned in experiment.status.variants
            if pinned.deployment not in deployed
        ]
        taken = [reason for child in wanted if (reason := await self._create(experiment, child))]
        ready = self._ready(experiment, children)
        status = self._draft(experiment).deploying(step.waiting_for, tuple(taken), ready)
        await patch_status(self._client, experiment, status)
        return Result(requeue_after_s=step.requeue_after_s)

    async def _create(self, experiment: Experiment, child: Meter | PipelineDeployment) -> str:
        """Make a child; who has its name, if another object has."""
        if await create_if_absent(self._client, child) is not None:
            return ""
        return await name_taken(self._client, child, experiment)

    def _ready(self, experiment: Experiment, children: Children) -> dict[str, int]:
        counts = {item.metadata.name: item.status.collectors.ready for item in children.deployments}
        return {pinned.name: counts.get(pinned.deployment, 0) for pinned in experiment.status.variants}

    async def _begin(self, experiment: Experiment, children: Children, step: Step) -> Result:
        hashes = {
            pinned.name: next(
                (item.status.config_hash for item in children.deployments if item.metadata.name == pinned.deployment),
                "",
            )
            for pinned in experiment.status.variants
        }
        ready = self._ready(experiment, children)
        observed = experiment.spec.source.observed is not None
        for variant, count in ready.items() if not observed else ():
            await self._events.record(
                experiment,
                "VariantReady",
                f"variant {variant} is ready on {count} host(s)",
                data={"variant": variant, "configHash": hashes[variant], "ready": count},
            )
        # NB: the timeline comes last: from here to its start the source has to be made.
        timeline = timeline_for(experiment, sources.earliest(experiment, self._clock.now()))
        status = self._draft(experiment).begun(timeline, hashes, ready)
        await patch_status(self._client, experiment, status)
        await self._ensure_source(experiment.model_copy(update={"status": status}), children)
        return Result(requeue_after_s=0.2)

    async def _ensure_source(self, experiment: Experiment, children: Children) -> str:
        """Make the source of each host where it is not there yet; who has its name, if another object has."""
        timeline = timeline_of(experiment)
        if timeline is not None and experiment.spec.source.observed is not None:
            return await self._ensure_observer(experiment, children, timeline)
        if timeline is None or self._clock.now() >= timeline.measure_to:
            return ""
        for host in experiment.status.hosts:
            if (source := sources.source(experiment, children, host, timeline)) is None:
                continue
            if taken := await name_taken(self._client, source, experiment):
                return taken
            await self._events.record(
                experiment,
                "LoadStarted",
                f"the source on {host} starts at {experiment.status.started_at}",
                data={"host": host, "startedAt": experiment.status.started_at or ""},
            )
            await create_if_absent(self._client, source)
        return ""

    async def _ensure_observer(self, experiment: Experiment, children: Children, timeline: Timeline) -> str:
        if children.meters:
            return ""
        meter = observing_meter(experiment, experiment.status.hosts[0], timeline)
        return await self._create(experiment, meter)

    async def _tell_measuring(self, experiment: Experiment) -> None:
        await self._events.record(
            experiment,
            "MeasurementStarted",
            f"measuring until {experiment.status.measure_to}",
            data={"from": experiment.status.measure_from or "", "to": experiment.status.measure_to or ""},
        )

    async def _measure(self, experiment: Experiment, children: Children, step: Step) -> Result:
        taken = await self._ensure_source(experiment, children)
        timeline, now = timeline_of(experiment), self._clock.now()
        assert timeline is not None  # next_step() saw it
        if lost := lost_hosts(experiment, (await self._client.list(Host)).items):
            return await self._write_verdict(experiment, measure_to=last_boundary(experiment, now), lost=lost)
        if taken and now >= timeline.measure_from:
            failed = Step(Act.TEAR_DOWN, "SourceFailed", f"the source waits for {taken}", ExperimentPhase.FAILED)
            return await self._tear_down(experiment, children, failed)
        if now < timeline.measure_from:
            hint = hint_of(experiment, children, now)
            status = self._draft(experiment).warming_up(endpoint_of(children), hint)
            await patch_status(self._client, experiment, status)
            return Result(requeue_after_s=step.requeue_after_s)
        begins = experiment.status.phase == ExperimentPhase.WARMING_UP
        wait_s = 0.0 if begins else self._measuring.next_in_s(experiment, now)
        if wait_s > 0:
            left_s = (timeline.measure_to - now).total_seconds() + GRACE_S
            return Result(requeue_after_s=max(0.05, min(wait_s, left_s)))
        if begins:
            await self._tell_measuring(experiment)
        outcome = await self._measuring.outcome(experiment, now=now, final=False)
        if outcome.early_stop is not None:
            return await self._write_verdict(experiment, measure_to=outcome.early_stop.measure_to)
        hint = hint_of(experiment, children, now, outcome.results)
        status = self._draft(experiment).measuring(progress(timeline, now), outcome.results, hint)
        status.source_endpoint = endpoint_of(children)
        if _quarter(status) > _quarter(experiment.status):
            await self._kpi_event(experiment, status)
        await patch_status(self._client, experiment, status)
        return Result(requeue_after_s=step.requeue_after_s)

    async def _kpi_event(self, experiment: Experiment, status: ExperimentStatus) -> None:
        if status.results is not None and status.results.variants:
            data = kpi_data(status)
            await self._events.record(
                experiment, "KPIComputed", f"results at {status.progress:.0%} of the measured time", data=data
            )

    async def _conclude(self, experiment: Experiment, children: Children, step: Step) -> Result:
        """All windows are over: wait for the last samples (bounded), then judge."""
        now = self._clock.now()
        if experiment.status.phase == ExperimentPhase.WARMING_UP:  # about the past: no step before this one measured
            await self._tell_measuring(experiment)
        outcome = await self._measuring.outcome(experiment, now=now, final=False)
        done = outcome.results.input
        complete = done.expected_windows > 0 and done.windows >= done.expected_windows
        if experiment.spec.source.observed is not None:
            await self._ensure_source(experiment, children)
            complete |= self._measuring.all_told(experiment, now)
        hosts, timeline = (await self._client.list(Host)).items, timeline_of(experiment)
        assert timeline is not None  # next_step() saw it
        if not complete and (lost := lost_hosts(experiment, hosts)):
            return await self._write_verdict(experiment, lost=lost)
        unheard = unheard_hosts(experiment, hosts, timeline.measure_to)
        heard = self._measuring.heard_again(experiment, unheard, now)
        told = self._measuring.told_at(experiment)
        if conclusion_due(experiment, complete=complete, now=now, unheard=unheard, heard_again=heard, told_at=told):
            return await self._write_verdict(experiment)
        observed = experiment.spec.source.observed is not None
        hint = hint_of(experiment, children, now) if observed else None
        # A run about the past is measured here: `plan` goes by the windows that were told.
        known = experiment.status.results.input.windows if experiment.status.results is not None else 0
        results = outcome.results if observed and done.windows > known else None
        await patch_status(self._client, experiment, self._draft(experiment).draining(unheard, hint, results))
        return Result(requeue_after_s=conclusion_pace_s(experiment, now))

    async def _write_verdict(
        self, experiment: Experiment, *, measure_to: int | None = None, lost: Mapping[str, str] = NONE_LOST
    ) -> Result:
        now = self._clock.now()
        outcome = await self._measuring.outcome(experiment, now=now, final=True, measure_to=measure_to, lost=lost)
        assert outcome.verdict is not None  # a final analysis always has one
        where = awaited_at(experiment, experiment.status.source_endpoint, outcome.results)
        reason = f"nobody sent {where}; {outcome.reason}" if where else outcome.reason
        status = self._draft(experiment).concluded(outcome.results, outcome.verdict, reason, outcome.promoted_candidate)
        await self._kpi_event(experiment, status)
        await self._events.record(
            experiment,
            "ExperimentAnalyzed",
            f"{outcome.verdict}: {reason}"[:900],
            data={"verdict": str(outcome.verdict), "reason": reason[:500], **kpi_data(status)},
        )
        await patch_status(self._client, experiment, status)
        return Result(requeue_after_s=0.0)

    async def _tear_down(self, experiment: Experiment, children: Children, step: Step) -> Result:
        if step.ending is not None:
            status = self._draft(experiment).ending(step.ending, step.reason, step.message)
            experiment = await patch_status(self._client, experiment, status)
        # Sources first, so that nothing is lost in collectors that end, then what they fed, then what metered it.
        for stage in ((children.sources, ()), (children.deployments, children.collectors), (children.meters, ())):
            owned, below = stage
            for child in owned:
                await delete_if_present(self._client, child)
            if owned or below:
                status = self._draft(experiment).waiting_for_the_end((*below, *owned))
                await patch_status(self._client, experiment, status)
                return Result(requeue_after_s=1.0)
        return Result(requeue_after_s=0.0)

    async def _restart(self, experiment: Experiment, children: Children, step: Step) -> Result:
        await patch_status(self._client, experiment, self._draft(experiment).next_run())
        return Result(requeue_after_s=0.0)

    async def _settle(self, experiment: Experiment, children: Children, step: Step) -> Result:
        return await self._settling.settle(experiment)

    async def _finish(self, experiment: Experiment, children: Children, step: Step) -> Result:
        ending = experiment.status.ending
        assert ending is not None  # FINISH is only planned with an ending
        status = self._draft(experiment).finished()
        reason = f"Experiment{ending.phase}"
        data: dict[str, str | float] = {
            "run": status.run,
            "verdict": str(status.verdict or ""),
            "reason": ending.reason,
        }
        await self._events.record(
            experiment,
            reason,
            ending.message or ending.reason,
            type_=WARNING if ending.phase == ExperimentPhase.FAILED else NORMAL,
            data=data,
        )
        await patch_status(self._client, experiment, status)
        self._measuring.forget(experiment.key)
        return Result(requeue_after_s=0.0)

    async def _release(self, experiment: Experiment, children: Children, step: Step) -> Result:
        self._measuring.forget(experiment.key)
        if FINALIZER in experiment.metadata.finalizers:
            await remove_finalizer(self._client, experiment, FINALIZER)
        return Result()


def _quarter(status: ExperimentStatus) -> int:
    measured = status.results is not None and status.results.input.windows > 0
    return int(status.progress * 4) if measured else -1


def kpi_data(status: ExperimentStatus) -> dict[str, str | float]:
    """The figures an event carries: candidate by candidate."""
    data: dict[str, str | float] = {"progress": status.progress}
    for variant in status.results.variants if status.results else ():
        if variant.active_series is not None:
            data[f"{variant.name}.activeSeries"] = variant.active_series
        comparison = variant.vs_baseline
        if comparison is None:
            continue
        for name, value in (
            ("cardinalityReduction", comparison.cardinality_reduction),
            ("sampleReduction", comparison.sample_reduction),
            ("byteReduction", comparison.byte_reduction),
            ("signalLoss", comparison.signal_loss),
        ):
            if value is not None:
                data[f"{variant.name}.{name}"] = round(value, 6)
    return data
