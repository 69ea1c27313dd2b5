"""From a pipeline source and its template to one resolved configuration, with the hash a verdict will name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phoenix.api.pipeline import PipelineSource, PipelineTemplate
from phoenix.pipelines import shape
from phoenix.pipelines.errors import Finding, PipelineError
from phoenix.pipelines.hashing import pipeline_hash
from phoenix.pipelines.parameters import Substitution, Value, fill_in


@dataclass(frozen=True, slots=True)
class ResolvedPipeline:
    """A configuration without parameters, as its author wrote it: nothing is injected yet.

    `template_generation` is 0 for an inline configuration; `pipeline_hash` see `phoenix.pipelines.hashing`.
    """

    config: dict[str, Any]
    parameters: dict[str, Value]
    template_generation: int
    pipeline_hash: str


def resolve(
    source: PipelineSource, template: PipelineTemplate | None, *, path: str = "spec.pipeline"
) -> ResolvedPipeline:
    """Resolve a source. `template` is the object `source.templateRef` names, None where there is none of that name.

    Args:
        path: of `source`, for findings: `spec.variants[1].pipeline`.

    Raises:
        PipelineError: the template is absent, a parameter is wrong, or the configuration has no sound skeleton.
    """
    if source.template_ref is None:
        # An inline configuration has no parameters, so that any ${param:…} in it is found to be undeclared.
        inline = Substitution({}, frozenset())
        config = inline.tree(source.config or {}, f"{path}.config")
        if findings := [*inline.findings, *shape.check(config, f"{path}.config")]:
            raise PipelineError(findings)
        return ResolvedPipeline(config, {}, 0, pipeline_hash(config))
    name = source.template_ref.name
    if template is None:
        raise PipelineError(
            [
                Finding(
                    f"{path}.templateRef.name",
                    f"there is no PipelineTemplate named {name!r}",
                    "see `phoenixctl get pipelinetemplates`",
                    "TemplateNotFound",
                )
            ]
        )
    declared = template.spec.parameters
    values, findings = fill_in(declared, source.parameters, f"{path}.parameters")
    where = f"PipelineTemplate/{template.metadata.name or name}.spec.config"
    substitution = Substitution(values, frozenset(parameter.name for parameter in declared))
    config = substitution.tree(template.spec.config, where)
    findings += substitution.findings
    findings += shape.check(config, where)
    if findings:
        raise PipelineError(findings)
    return ResolvedPipeline(config, values, template.metadata.generation, pipeline_hash(config))
