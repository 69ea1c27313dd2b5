"""What each collector of an object would run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import DeploymentMeasurement, PipelineDeployment, PipelineSource, PipelineTemplate
from phoenix.apimachinery.units import Duration, format_seconds
from phoenix.pipelines.render import Rendered, render
from phoenix.pipelines.resolve import ResolvedPipeline, resolve

FindTemplate = Callable[[str], PipelineTemplate | None]


@dataclass(frozen=True, slots=True)
class Planned:
    """A pipeline to render: of a variant (or empty: a deployment's), its source and the path of it."""

    variant: str
    source: PipelineSource
    path: str
    measurement: DeploymentMeasurement | None
    labels: Mapping[str, str]


def planned(owner: Experiment | PipelineDeployment) -> Iterator[Planned]:
    """The pipelines of an object, in its order."""
    if isinstance(owner, PipelineDeployment):
        spec = owner.spec
        yield Planned("", spec.pipeline, "spec.pipeline", spec.measurement, spec.variant_labels)
        return
    for index, variant in enumerate(owner.spec.variants):
        measurement = DeploymentMeasurement(
            experiment=owner.metadata.name,
            run=max(1, owner.status.run),
            variant=variant.name,
            exporters=owner.spec.exporters,
            window=Duration(format_seconds(owner.spec.timing.window_s)),
        )
        if variant.pipeline is None:
            continue  # it runs elsewhere
        yield Planned(variant.name, variant.pipeline, f"spec.variants[{index}].pipeline", measurement, {})


def resolve_planned(plan: Planned, find: FindTemplate) -> ResolvedPipeline:
    """Raises PipelineError."""
    name = plan.source.template_ref.name if plan.source.template_ref else ""
    return resolve(plan.source, find(name) if name else None, path=plan.path)


def render_planned(plan: Planned, config: Mapping[str, Any]) -> Rendered:
    """Raises PipelineError. Paths of findings in a template's config begin with the template."""
    inside = f"PipelineTemplate/{plan.source.template_ref.name}.spec.config" if plan.source.template_ref else ""
    return render(
        config,
        measurement=plan.measurement,
        variant_labels=plan.labels,
        path=inside or f"{plan.path}.config",
    )
