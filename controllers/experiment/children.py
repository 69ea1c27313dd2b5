"""The objects an experiment makes, complete, from its spec and what its status pinned. Pure."""

from __future__ import annotations

from typing import Any

from controllers.experiment.queryengine import judged_analysis
from controllers.experiment.timeline import GRACE_S, Timeline
from phoenix.analysis.queries import metered
from phoenix.api.collector import Collector, CollectorRole, CollectorSpec, Engine
from phoenix.api.experiment import Experiment
from phoenix.api.loadgenerator import LoadGenerator, LoadGeneratorSpec, Target
from phoenix.api.loadprofile import LoadProfileSpec
from phoenix.api.meter import Meter, MeterSpec
from phoenix.api.pipeline import DeploymentMeasurement, PipelineDeployment, PipelineDeploymentSpec, PipelineSource
from phoenix.api.process import PROCESS_FINALIZER, MeasurementRef
from phoenix.apimachinery.conditions import micro_timestamp
from phoenix.apimachinery.meta import ObjectMeta, owner_reference
from phoenix.apimachinery.names import LABEL_EXPERIMENT, LABEL_HOST, LABEL_RUN, LABEL_VARIANT, child_name
from phoenix.apimachinery.units import Duration, format_seconds
from phoenix.pipelines.tee import TeeReport, hostmetrics_tee, otlp_tee, prometheus_tee


def labels(experiment: Experiment, **more: str) -> dict[str, str]:
    """Labels of every child of this run."""
    return {LABEL_EXPERIMENT: experiment.metadata.name, LABEL_RUN: str(experiment.status.run), **more}


def _meta(experiment: Experiment, name: str, *, process: bool, **more: str) -> ObjectMeta:
    return ObjectMeta(
        name=name,
        namespace=experiment.metadata.namespace,
        labels=labels(experiment, **more),
        owner_references=[owner_reference(experiment)],
        finalizers=[PROCESS_FINALIZER] if process else [],
    )


def window(experiment: Experiment) -> Duration:
    """Length of a sample window."""
    return Duration(format_seconds(experiment.spec.timing.window_s))


def _measurement(experiment: Experiment) -> MeasurementRef:
    return MeasurementRef(experiment=experiment.metadata.name, run=experiment.status.run, window=window(experiment))


def meter(experiment: Experiment, host: str) -> Meter:
    """The meter behind this host's variants."""
    spec = experiment.spec
    analysis = judged_analysis(experiment)
    signals, queries = metered(analysis, spec.timing.interval.seconds)
    return Meter(
        metadata=_meta(
            experiment,
            child_name(experiment.metadata.name, "meter", host),
            process=True,
            **{LABEL_HOST: host},
        ),
        spec=MeterSpec(
            host=host,
            variants=[variant.name for variant in spec.variants],
            window=window(experiment),
            grace=Duration(format_seconds(GRACE_S)),
            signals=signals,
            queries=queries,
            query_engine=analysis.query_engine,
            critical=spec.analysis.critical,
            measurement=_measurement(experiment),
            progress_deadline=spec.timing.progress_deadline,
        ),
    )


def deployment_name(experiment: Experiment, variant: str) -> str:
    """Name of the deployment that runs a variant."""
    return child_name(experiment.metadata.name, variant)


def deployment(experiment: Experiment, variant: str, resolved: dict[str, Any], engine: Engine) -> PipelineDeployment:
    """The deployment of one variant: its pipeline as pinned, rendered for measuring."""
    spec = experiment.spec
    return PipelineDeployment(
        metadata=_meta(experiment, deployment_name(experiment, variant), process=False, **{LABEL_VARIANT: variant}),
        spec=PipelineDeploymentSpec(
            pipeline=PipelineSource(config=resolved),
            engine=engine,
            host_selector=spec.host_selector,
            min_ready=Duration("0s"),
            progress_deadline=spec.timing.progress_deadline,
            measurement=DeploymentMeasurement(
                experiment=experiment.metadata.name,
                run=experiment.status.run,
                variant=variant,
                exporters=spec.exporters,
                window=window(experiment),
            ),
        ),
    )


def targets(experiment: Experiment, collectors: tuple[Collector, ...], host: str) -> list[Target]:
    """Where the source of this host sends to: every variant's collector there, in the order of spec.variants."""
    found = {
        item.metadata.labels.get(LABEL_VARIANT, ""): item
        for item in collectors
        if item.spec.host == host and item.spec.role == CollectorRole.VARIANT
    }
    result: list[Target] = []
    for variant in experiment.spec.variants:
        item = found.get(variant.name)
        port = item.status.ports.get("otlp") if item else None
        if item is None or port is None:
            return []
        result.append(Target(name=variant.name, endpoint=f"http://{item.status.address or '127.0.0.1'}:{port}"))
    return result


def generator(experiment: Experiment, host: str, timeline: Timeline, to: list[Target]) -> LoadGenerator:
    """The load generator of this host."""
    source = experiment.spec.source
    load, replay = source.load, source.replay
    assert load is not None or replay is not None  # only called for these sources
    pinned = experiment.status.resolved.get("profile")
    # A recording ends with the run or with itself, and has no profile that knew of an end.
    lasts_s = (timeline.measure_to - timeline.start_at).total_seconds()
    alone = LoadProfileSpec(max_duration=Duration(format_seconds(lasts_s)))
    profile = LoadProfileSpec.from_stored(pinned) if load else alone
    return LoadGenerator(
        metadata=_meta(
            experiment, child_name(experiment.metadata.name, "load", host), process=True, **{LABEL_HOST: host}
        ),
        spec=LoadGeneratorSpec(
            host=host,
            profile=profile,
            replay=replay,
            # Each host has names of its own, as real hosts do: the counts of hosts are added, so that with one seed for
            # all of them every series would count as often as there are hosts.
            seed=load.seed + experiment.status.hosts.index(host) if load else 1,
            scale=load.scale if load else 1.0,
            interval=experiment.spec.timing.interval,
            targets=to,
            start_at=micro_timestamp(timeline.start_at),
            end_at=micro_timestamp(timeline.measure_to),
            measurement=_measurement(experiment),
        ),
    )


def tee(experiment: Experiment, host: str, to: list[Target], *, emitter_pid: int | None = None) -> Collector:
    """The tee of this host: a live source, sent to every variant byte for byte.

    Args:
        emitter_pid: of the load generator whose processes are the source.
    """
    source, name = experiment.spec.source, child_name(experiment.metadata.name, "tee", host)
    report = TeeReport(
        namespace=experiment.metadata.namespace,
        experiment=experiment.metadata.name,
        run=experiment.status.run,
        window=window(experiment),
        host=host,
    )
    endpoints = {target.name: target.endpoint for target in to}
    interval = experiment.spec.timing.interval
    if emitter_pid is not None:
        rendered = hostmetrics_tee(
            scrapers=["process"], interval=interval, targets=endpoints, report=report, emitter_pid=emitter_pid
        )
    elif source.host is not None:
        rendered = hostmetrics_tee(scrapers=source.host.scrapers, interval=interval, targets=endpoints, report=report)
    elif (scraped := source.prometheus) is not None:
        rendered = prometheus_tee(
            scraped=scraped.targets, path=scraped.metrics_path, scheme=scraped.scheme, interval=interval,
            targets=endpoints, report=report,
        )  # fmt: skip
    else:
        assert source.otlp is not None  # exactly one source is set, and a load and a recording have no tee
        ports = source.otlp
        rendered = otlp_tee(
            port=ports.port, grpc_port=ports.grpc_port, interval=interval, targets=endpoints, report=report
        )
    return Collector(
        metadata=_meta(experiment, name, process=True, **{LABEL_HOST: host}),
        spec=CollectorSpec(
            host=host,
            role=CollectorRole.TEE,
            engine=Engine.EMBEDDED,
            config=rendered.config,
            config_hash=rendered.config_hash,
            measurement=_measurement(experiment),
        ),
    )
