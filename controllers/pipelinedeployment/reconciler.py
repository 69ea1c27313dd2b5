"""Carries out the plan of one PipelineDeployment. Reads the world fresh each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from controllers.pipelinedeployment.adapting import LOOK_AGAIN_S, adapt, adapted
from controllers.pipelinedeployment.adaptive import Decision
from controllers.pipelinedeployment.model import CollectorChange, Notice, Observed, Plan, Rendering, Wanted
from controllers.pipelinedeployment.plan import plan
from controllers.pipelinedeployment.status import Problem, status_of
from phoenix import engine
from phoenix.aio.clock import Clock
from phoenix.api.collector import Collector, CollectorRole, CollectorSpec, Engine
from phoenix.api.host import Host
from phoenix.api.meter import Meter
from phoenix.api.pipeline import (
    PipelineDeployment,
    PipelineRevision,
    PipelineRevisionSpec,
    PipelineTemplate,
)
from phoenix.api.process import PROCESS_FINALIZER, MeasurementRef
from phoenix.apimachinery.conditions import find_condition, is_true
from phoenix.apimachinery.meta import ObjectMeta, owner_reference
from phoenix.apimachinery.names import (
    LABEL_DEPLOYMENT,
    LABEL_EXPERIMENT,
    LABEL_HOST,
    LABEL_RUN,
    LABEL_VARIANT,
    ORPHAN_FINALIZER,
    child_name,
)
from phoenix.client.interface import Client
from phoenix.pipelines.engines import choose_engine, engine_version
from phoenix.pipelines.errors import Finding, PipelineError
from phoenix.pipelines.render import render
from phoenix.pipelines.resolve import resolve
from phoenix.runtime.children import create_if_absent, delete_if_present, list_owned, name_taken
from phoenix.runtime.events import NORMAL, WARNING, EventRecorder
from phoenix.runtime.finalizers import ORPHAN_RETRY_S, add_finalizer, remove_finalizer
from phoenix.runtime.reconcile import Request, Result
from phoenix.runtime.status import patch_status

FINALIZER = "phoenix.io/deployment"
COMPONENT = "pipelinedeployment-controller"
NAME_RETRY_S = 5.0
"""A name another object has may become free at any time; look again this often, seconds."""


class PipelineDeploymentReconciler:
    """See `plan`. Owns PipelineRevisions and Collectors of its deployments."""

    def __init__(self, client: Client, events: EventRecorder, clock: Clock) -> None:
        self._client, self._events, self._clock = client, events, clock

    async def reconcile(self, request: Request) -> Result:
        """Observe, plan, act, write status."""
        found = await self._client.list(
            PipelineDeployment, request.key.namespace, field_selector=f"metadata.name={request.key.name}"
        )
        if not found.items:
            return Result()
        deployment = found.items[0]
        if deployment.metadata.deletion_timestamp is not None and ORPHAN_FINALIZER in deployment.metadata.finalizers:
            return Result(requeue_after_s=ORPHAN_RETRY_S)  # its children are being let go of: they are to stay
        selector = f"{LABEL_DEPLOYMENT}={deployment.metadata.name}"
        collectors = await list_owned(self._client, Collector, deployment, selector)
        if deployment.metadata.deletion_timestamp is not None:
            return await self._release(deployment, collectors)
        if FINALIZER not in deployment.metadata.finalizers:
            deployment = await add_finalizer(self._client, deployment, FINALIZER)
        problem: PipelineError | None = None
        wanted: Wanted | None = None
        decision = await adapt(self._client, deployment, self._clock.now())
        try:
            wanted = await self._wanted(deployment, decision)
        except PipelineError as error:
            problem = error
        observed = await self._observe(deployment, wanted, collectors)
        # NB: with a spec that leads nowhere, what it led to before is still kept running.
        planned = plan(observed) if wanted is not None or observed.revisions else Plan()
        taken = await self._act(observed, planned)
        if taken:
            planned = replace(planned, waiting_for=taken, requeue_after_s=NAME_RETRY_S)
        said = Problem(problem.code, str(problem)[:900]) if problem is not None else None
        status = status_of(observed, planned, said)
        notices = planned.notices
        if decision is not None:
            status.adaptive = decision.status
            again_s = LOOK_AGAIN_S if planned.requeue_after_s is None else min(LOOK_AGAIN_S, planned.requeue_after_s)
            planned = replace(planned, requeue_after_s=again_s)
            if decision.changed:
                data = {"keep": ",".join(decision.status.keep)}
                notices += (Notice("AdaptiveListChanged", decision.changed, data=data),)
        if problem is not None and not _said(deployment, problem):
            notices += (Notice("DeploymentFailed", str(problem), warning=True),)
        # Told before it is remembered: a crash in between tells it again, which raises the event's count.
        for notice in notices:
            await self._events.record(
                deployment,
                notice.reason,
                notice.message,
                type_=WARNING if notice.warning else NORMAL,
                data=notice.data,
            )
        await patch_status(self._client, deployment, status)
        if planned.create_revision is not None and not taken:
            return Result(requeue_after_s=0.0)
        return Result(requeue_after_s=planned.requeue_after_s)

    async def _observe(
        self, deployment: PipelineDeployment, wanted: Wanted | None, collectors: tuple[Collector, ...]
    ) -> Observed:
        selector = f"{LABEL_DEPLOYMENT}={deployment.metadata.name}"
        revisions = sorted(
            await list_owned(self._client, PipelineRevision, deployment, selector), key=lambda item: item.spec.revision
        )
        meters = await self._meters(deployment)
        return Observed(
            deployment=deployment,
            wanted=wanted,
            revisions=tuple(revisions),
            renderings={
                item.spec.revision: self._render(deployment, item.spec.resolved, item.spec.variant_labels)
                for item in revisions
            },
            collectors=collectors,
            hosts=await self._hosts(deployment, collectors, meters),
            endpoints=_endpoints(deployment, meters),
            now=self._clock.now(),
        )

    async def _release(self, deployment: PipelineDeployment, collectors: tuple[Collector, ...]) -> Result:
        for collector in collectors:
            await delete_if_present(self._client, collector)
        if not collectors and FINALIZER in deployment.metadata.finalizers:
            await remove_finalizer(self._client, deployment, FINALIZER)
        return Result()

    async def _wanted(self, deployment: PipelineDeployment, decision: Decision | None) -> Wanted:
        """The spec's pipeline, resolved and checked. Raises PipelineError; nothing was touched then."""
        source = adapted(deployment.spec.pipeline, deployment, decision)
        template = await self._template(source.template_ref.name) if source.template_ref else None
        resolved = resolve(source, template)
        rendering = self._render(deployment, resolved.config, deployment.spec.variant_labels)
        kind, version = await self._engine(deployment, resolved.config, rendering.config)
        if kind == Engine.EMBEDDED:
            check_embedded(rendering.config)
        return Wanted(
            config=resolved.config,
            parameters=dict(resolved.parameters),
            template_generation=resolved.template_generation,
            pipeline_hash=resolved.pipeline_hash,
            engine=kind,
            engine_version=version,
        )

    async def _engine(
        self, deployment: PipelineDeployment, resolved: Mapping[str, object], rendered: Mapping[str, object]
    ) -> tuple[Engine, str]:
        """The engine and its version. Auto is decided once for a pipeline: a host that comes later changes nothing."""
        wanted = deployment.spec.engine
        if wanted is Engine.EMBEDDED:
            return wanted, engine.VERSION
        hosts = await self._hosts(deployment, (), None)
        if wanted is Engine.AUTO:
            selector = f"{LABEL_DEPLOYMENT}={deployment.metadata.name}"
            revisions = await list_owned(self._client, PipelineRevision, deployment, selector)
            same = [item for item in revisions if item.spec.resolved == resolved]
            if same:
                newest = max(same, key=lambda item: item.spec.revision).spec
                return newest.engine, newest.engine_version
            wanted = choose_engine(wanted, [rendered], hosts)
        return wanted, engine.VERSION if wanted is Engine.EMBEDDED else engine_version(wanted, hosts)

    async def _template(self, name: str) -> PipelineTemplate | None:
        templates = (await self._client.list(PipelineTemplate)).items
        return next((item for item in templates if name in (item.metadata.name, *item.spec.aliases)), None)

    def _render(
        self, deployment: PipelineDeployment, resolved: Mapping[str, object], variant_labels: Mapping[str, str]
    ) -> Rendering:
        rendered = render(resolved, variant_labels=variant_labels, measurement=deployment.spec.measurement)
        return Rendering(rendered.config, rendered.config_hash, tuple(str(item) for item in rendered.findings))

    async def _hosts(
        self, deployment: PipelineDeployment, collectors: tuple[Collector, ...], meters: Sequence[Meter] | None
    ) -> tuple[Host, ...]:
        """Matching hosts that are ready, and those not ready now that already run a collector of it.

        A measured deployment stays on the hosts its run began with, which are those with a meter.
        """
        running = {collector.spec.host for collector in collectors}
        metered = None if meters is None else {meter.spec.host for meter in meters}
        hosts = (await self._client.list(Host)).items
        return tuple(
            host
            for host in sorted(hosts, key=lambda item: item.metadata.name)
            if deployment.spec.host_selector.matches(host.metadata.labels)
            and (metered is None or host.metadata.name in metered | running)
            and (
                host.metadata.name in running
                or (is_true(host.status.conditions, "Ready") and not host.spec.unschedulable)
            )
        )

    async def _meters(self, deployment: PipelineDeployment) -> Sequence[Meter] | None:
        """The meters of the run it is measured in; None: it is not."""
        measurement = deployment.spec.measurement
        if measurement is None:
            return None
        selector = f"{LABEL_EXPERIMENT}={measurement.experiment},{LABEL_RUN}={measurement.run}"
        return (await self._client.list(Meter, deployment.metadata.namespace, label_selector=selector)).items

    async def _act(self, observed: Observed, planned: Plan) -> str:
        """Carry the plan out; which name another object has (empty: none)."""
        taken = ""
        if planned.create_revision is not None:
            taken = await self._create_revision(observed, planned.create_revision)
        for change in planned.collectors:
            taken = await self._put_collector(observed.deployment, change) or taken
        for collector in planned.delete_collectors:
            await delete_if_present(self._client, collector)
        for revision in planned.delete_revisions:
            await delete_if_present(self._client, revision)
        return taken

    async def _create_revision(self, observed: Observed, number: int) -> str:
        deployment, wanted = observed.deployment, observed.wanted
        assert wanted is not None  # a revision is only planned for content
        revision = PipelineRevision(
            metadata=ObjectMeta(
                name=child_name(deployment.metadata.name, wanted.pipeline_hash[-8:], str(number)),
                namespace=deployment.metadata.namespace,
                labels={**deployment.metadata.labels, LABEL_DEPLOYMENT: deployment.metadata.name},
                owner_references=[owner_reference(deployment)],
            ),
            spec=PipelineRevisionSpec(
                revision=number,
                pipeline=deployment.spec.pipeline,
                resolved=wanted.config,
                parameters=wanted.parameters,
                template_generation=wanted.template_generation,
                engine=wanted.engine,
                engine_version=wanted.engine_version,
                variant_labels=deployment.spec.variant_labels,
                pipeline_hash=wanted.pipeline_hash,
            ),
        )
        taken = await name_taken(self._client, revision, deployment)
        if taken:
            return taken
        await self._events.record(
            deployment,
            "DeploymentStarted",
            f"rolling out revision {number} ({wanted.pipeline_hash})",
            data={"revision": number, "pipelineHash": wanted.pipeline_hash},
        )
        for warning in self._render(deployment, wanted.config, deployment.spec.variant_labels).warnings:
            await self._events.record(deployment, "PipelineWarning", warning, type_=WARNING)
        await create_if_absent(self._client, revision)
        return ""

    async def _put_collector(self, deployment: PipelineDeployment, change: CollectorChange) -> str:
        """Create or change one collector; who has its name, if another object has."""
        spec = {
            "engine": str(change.revision.spec.engine),
            "config": change.rendering.config,
            "configHash": change.rendering.config_hash,
            "pipelineHash": change.revision.spec.pipeline_hash,
            "endpoints": dict(change.endpoints),
        }
        if change.existing is not None:
            # NB: a PUT, not a merge patch: a merge would leave keys of the old config in the new one.
            new = change.existing.model_copy(deep=True)
            new.spec = CollectorSpec.from_stored({**change.existing.spec.to_wire(), **spec})
            await self._client.update(new)
            return ""
        measurement = deployment.spec.measurement
        deadline = deployment.spec.progress_deadline  # NB: of none, which older rules allowed, no Collector can be made
        labels = {**deployment.metadata.labels, LABEL_DEPLOYMENT: deployment.metadata.name, LABEL_HOST: change.host}
        collector = Collector(
            metadata=ObjectMeta(
                name=child_name(deployment.metadata.name, change.host),
                namespace=deployment.metadata.namespace,
                labels=labels | ({LABEL_VARIANT: measurement.variant} if measurement else {}),
                owner_references=[owner_reference(deployment)],
                finalizers=[PROCESS_FINALIZER],
            ),
            spec=CollectorSpec.from_wire(
                {
                    **spec,
                    "host": change.host,
                    "role": str(CollectorRole.VARIANT if measurement else CollectorRole.DEPLOYMENT),
                    **({"progressDeadline": deadline} if deadline.seconds else {}),
                }
            ),
        )
        if measurement is not None:
            collector.spec.measurement = MeasurementRef(
                experiment=measurement.experiment,
                run=measurement.run,
                variant=measurement.variant,
                window=measurement.window,
            )
        if await create_if_absent(self._client, collector) is None:
            return await name_taken(self._client, collector, deployment)
        return ""


def _endpoints(
    deployment: PipelineDeployment, meters: Sequence[Meter] | None
) -> Mapping[str, Mapping[str, str]] | None:
    """Host → endpoints; None: none are needed. Hosts whose meter is not ready are absent."""
    measurement = deployment.spec.measurement
    if measurement is None or meters is None:
        return None
    return {
        meter.spec.host: {
            "meter": f"http://{meter.status.address or '127.0.0.1'}:{meter.status.ports['otlp']}"
            f"/v/{measurement.variant}"
        }
        for meter in meters
        if is_true(meter.status.conditions, "Ready") and "otlp" in meter.status.ports
    }


def _said(deployment: PipelineDeployment, problem: PipelineError) -> bool:
    progressing = find_condition(deployment.status.conditions, "Progressing")
    return progressing is not None and (progressing.reason, progressing.message) == (problem.code, str(problem)[:900])


def check_embedded(config: Mapping[str, object]) -> None:
    """Raise PipelineError with what the embedded engine refuses, before anything is touched."""
    found = engine.check(config)
    if found:
        raise PipelineError([Finding(item.path, item.message, item.hint, "ConfigInvalid") for item in found])
