"""Checks of a manifest that need no server: fields, schema, references, pipelines, engine, signals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from phoenix import engine
from phoenix.analysis.queries import check_signal, queries_of
from phoenix.api.collector import Engine
from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import NameRef, PipelineDeployment, PipelineSource, PipelineTemplate
from phoenix.cli.catalogue import Catalogue
from phoenix.cli.documents import schema_lines
from phoenix.cli.errors import did_you_mean
from phoenix.cli.fieldhints import unknown_field_lines
from phoenix.cli.rendering import Planned, planned, render_planned, resolve_planned
from phoenix.manifest.objects import ManifestObject
from phoenix.otlp.errors import QueryError
from phoenix.pipelines.errors import Finding, PipelineError, Severity
from phoenix.promql.errors import PromqlError


@dataclass(frozen=True, slots=True)
class Report:
    """Lines that begin with file:line. Errors keep a manifest from working, warnings do not."""

    errors: list[str]
    warnings: list[str]


def check(found: ManifestObject, catalogue: Catalogue) -> Report:
    """Everything that can be told of one document."""
    errors = [*unknown_field_lines(found), *schema_lines(found)]
    if errors:
        return Report(errors, [])
    try:
        obj = found.kind.from_wire(found.wire)
    except ValidationError as error:
        return Report([f"{found.where()}: {found.ref}: {error}"], [])
    findings: list[Finding] = []
    match obj:
        case Experiment():
            findings += [*_references(obj, catalogue), *_signals(obj)]
            findings += _pipelines(obj, obj.spec.engine, catalogue)
        case PipelineDeployment():
            findings += _pipelines(obj, obj.spec.engine, catalogue)
        case PipelineTemplate():
            findings += _template(obj)
    lines = {
        severity: [_line(found, item, catalogue) for item in findings if item.severity is severity]
        for severity in Severity
    }
    return Report(_unique(lines[Severity.ERROR]), _unique(lines[Severity.WARNING]))


def _unique(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _line(found: ManifestObject, item: Finding, catalogue: Catalogue) -> str:
    """A finding with the line it is about: of the document, or of the template the path begins with."""
    origin, path = found, item.path
    if path.startswith("PipelineTemplate/"):
        name, _, inside = path.removeprefix("PipelineTemplate/").partition(".")
        template = catalogue.templates.get(name)
        origin = catalogue.origins.get(template.metadata.name, found) if template else found
        path = inside if origin is not found or found.wire["kind"] == "PipelineTemplate" else ""
    return f"{origin.where(path)}: {found.ref}: {item}"


def _warning(path: str, message: str, hint: str) -> Finding:
    return Finding(path, message, hint, "NotFound", Severity.WARNING)


def _references(experiment: Experiment, catalogue: Catalogue) -> Iterator[Finding]:
    load = experiment.spec.source.load
    if load is not None and load.profile_ref.name not in catalogue.profiles:
        path = "spec.source.load.profileRef.name"
        yield _elsewhere(path, "LoadProfile", load.profile_ref.name, catalogue.profiles)
    for index, name in enumerate(experiment.spec.cost.price_books):
        if name not in catalogue.price_books:
            yield _elsewhere(f"spec.cost.priceBooks[{index}]", "PriceBook", name, catalogue.price_books)


def _elsewhere(path: str, kind: str, name: str, known: set[str]) -> Finding:
    hint = did_you_mean(name, sorted(known)) or "the server may have it"
    return _warning(path, f'no {kind} "{name}" in these files or in what Phoenix ships', hint)


def _signals(experiment: Experiment) -> Iterator[Finding]:
    for index, signal in enumerate(experiment.spec.analysis.signals):
        try:
            check_signal(signal.query)
        except QueryError as error:
            yield Finding(f"spec.analysis.signals[{index}].query", str(error))
    try:
        queries = queries_of(experiment.spec.analysis, experiment.spec.timing.interval.seconds)
    except PromqlError as error:
        yield Finding("spec.analysis", str(error))
        return
    for query in queries:
        if query.fault:
            yield _warning("spec.analysis", f"{query.name} cannot be read, so no run can be judged: {query.fault}", "")


def _pipelines(owner: Experiment | PipelineDeployment, kind: Engine, catalogue: Catalogue) -> Iterator[Finding]:
    for plan in planned(owner):
        ref = plan.source.template_ref
        if ref is not None and ref.name not in catalogue.templates:
            path = f"{plan.path}.templateRef.name"
            yield _elsewhere(path, "PipelineTemplate", ref.name, set(catalogue.templates))
            continue
        yield from _one_pipeline(plan, kind, catalogue)


def _one_pipeline(plan: Planned, kind: Engine, catalogue: Catalogue) -> Iterator[Finding]:
    try:
        rendered = render_planned(plan, resolve_planned(plan, catalogue.templates.get).config)
    except PipelineError as error:
        yield from error.findings
        return
    yield from rendered.findings
    if kind in (Engine.AUTO, Engine.EMBEDDED):
        ref = plan.source.template_ref
        inside = f"PipelineTemplate/{ref.name}.spec.config" if ref else f"{plan.path}.config"
        for item in engine.check(rendered.config):
            yield Finding(f"{inside}.{item.path}", item.message, item.hint)


def _template(template: PipelineTemplate) -> Iterator[Finding]:
    """With its defaults; parameters without one keep the rest from being checked, which is said."""
    needed = [item.name for item in template.spec.parameters if item.default is None]
    if needed:
        message = f"{', '.join(needed)} have no default: the configuration is checked only where the template is used"
        yield _warning("spec.parameters", message, "")
        return
    source = PipelineSource(template_ref=NameRef(name=template.metadata.name))
    plan = Planned("", source, "spec", None, {})
    own = Catalogue(templates={template.metadata.name: template})
    for item in _one_pipeline(plan, Engine.EMBEDDED, own):
        if item.code in ("NoReceiver", "NoExporter"):
            continue  # a template leaves those to whoever uses it
        # A template may be meant for a real collector: that the embedded engine cannot run it is no fault of its own.
        severity = Severity.WARNING if item.code == "InvalidPipeline" and "engine" in item.message else item.severity
        yield Finding(item.path, item.message, item.hint, item.code, severity)
