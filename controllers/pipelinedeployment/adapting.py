"""Reads what an experiment measured of its baseline, for the decision of `adaptive`."""

from __future__ import annotations

from datetime import datetime

from controllers.pipelinedeployment.adaptive import Decision, decide, means
from phoenix.api.experiment import Experiment, VariantRole
from phoenix.api.pipeline import AdaptiveStatus, PipelineDeployment, PipelineSource, RevisionOutcome
from phoenix.client.interface import Client
from phoenix.runtime.children import get_or_none
from phoenix.samples.model import OutputSample, SampleKind

LOOK_AGAIN_S = 5.0
"""How often the samples are read, seconds."""
_WINDOWS = 10


async def adapt(client: Client, deployment: PipelineDeployment, now: datetime) -> Decision | None:
    """The list as it is to be now; None: the deployment does not adapt. A rollout under way is not disturbed."""
    settings, before = deployment.spec.adaptive, deployment.status.adaptive
    if settings is None:
        return None
    history = deployment.status.history
    if before is not None and history and history[-1].outcome is RevisionOutcome.PROGRESSING:
        return Decision(before)
    name, namespace = settings.experiment.name, deployment.metadata.namespace
    experiment = await get_or_none(client, Experiment, name, namespace)
    if experiment is None:
        missing = AdaptiveStatus(reason=f"there is no experiment {name} to measure")
        return Decision(before.model_copy(update={"reason": missing.reason}) if before else missing)
    baseline = next(item.name for item in experiment.spec.variants if item.role is VariantRole.BASELINE)
    since = int((now.timestamp() - _WINDOWS * experiment.spec.timing.window_s) * 1e9)
    samples = await client.list_samples(
        namespace, name, run=max(1, experiment.status.run), kind=SampleKind.OUTPUT, since=since
    )
    outputs = [sample for sample in samples if isinstance(sample, OutputSample)]
    return decide(settings, before, means(outputs, baseline, settings.signal), now)


def adapted(source: PipelineSource, deployment: PipelineDeployment, decision: Decision | None) -> PipelineSource:
    """The source with the list decided in place of the parameter's own value."""
    settings = deployment.spec.adaptive
    if settings is None or decision is None:
        return source
    values = {**source.parameters, settings.parameter: list(decision.status.keep)}
    return source.model_copy(update={"parameters": values})
