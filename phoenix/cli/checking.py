"""Checks of a manifest that need no server: fields, schema, references, pipelines, engine, signals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from phoenix import engine
from phoenix.analysis.queries import check_signal, queries_of
from phoenix.api.analysis import QueryEngine
from phoenix.api.collector import Engine
from phoenix.api.experiment import Experiment
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.pipeline import NameRef, PipelineDeployment, PipelineSource, PipelineTemplate
from phoenix.cli.catalogue import Catalogue
from phoenix.cli.documents import schema_lines
from phoenix.cli.errors import did_you_mean
from phoenix.cli.fieldhints import unknown_field_lines
from phoenix.cli.rendering import Planned, planned, render_planned, resolve_planned
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.expected import expected_streams
from phoenix.manifest.objects import ManifestObject
from phoenix.otlp.errors import QueryError
from phoenix.pipelines.errors import Finding, PipelineError, Severity
from phoenix.pipelines.parameters import stand_ins
from phoenix.promql.errors import PromqlError


@dataclass(frozen=True, slots=True)
class Report:
    """Lines that begin with file:line. Errors keep a manifest from working, warnings do not.

    `found`: the same one by one, with the place of each; without faults of fields, which are lines only.
    """

    errors: list[str]
    warnings: list[str]
    found: tuple[tuple[str, Finding], ...] = ()


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
        case LoadProfile():
            findings += _profile(obj)
    placed = tuple(dict.fromkeys((_place(found, item, catalogue), item) for item in findings))
    lines = {
        severity: [f"{where}: {found.ref}: {item}" for where, item in placed if item.severity is severity]
        for severity in Severity
    }
    return Report(_unique(lines[Severity.ERROR]), _unique(lines[Severity.WARNING]), placed)


def rendered_configs(found: ManifestObject, catalogue: Catalogue) -> Iterator[tuple[str, dict[str, Any]]]:
    """What its collectors would run, by path of the pipeline; what cannot be rendered is left out."""
    obj = found.kind.from_wire(found.wire)
    if isinstance(obj, PipelineTemplate):
        source = PipelineSource(template_ref=NameRef(name=obj.metadata.name), parameters=stand_ins(obj.spec.parameters))
        plans = [Planned("", source, "spec", None, {})]
    elif isinstance(obj, Experiment | PipelineDeployment):
        plans = list(planned(obj))
    else:
        return
    for plan in plans:
        try:
            yield plan.path, render_planned(plan, resolve_planned(plan, catalogue.templates.get).config).config
        except PipelineError:
            continue  # the findings say why


def _unique(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _place(found: ManifestObject, item: Finding, catalogue: Catalogue) -> str:
    """The file and line a finding is about: of the document, or of the template the path begins with."""
    origin, path = found, item.path
    if path.startswith("PipelineTemplate/"):
        name, _, inside = path.removeprefix("PipelineTemplate/").partition(".")
        template = catalogue.templates.get(name)
        origin = catalogue.origins.get(template.metadata.name, found) if template else found
        path = inside if origin is not found or found.wire["kind"] == "PipelineTemplate" else ""
    return origin.where(path)


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
    engine = experiment.spec.analysis.query_engine
    for index, signal in enumerate(experiment.spec.analysis.signals):
        path = f"spec.analysis.signals[{index}].query"
        try:
            check_signal(signal.query, whole=engine is not QueryEngine.EMBEDDED)
        except QueryError as error:
            yield Finding(path, str(error))
            continue
        if engine is QueryEngine.AUTO:
            try:
                check_signal(signal.query)
            except QueryError as error:
                yield _warning(path, str(error), "it needs a Prometheus on every host of the run (up --prometheus)")
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
    """With its defaults, and stand-ins for parameters that have none."""
    source = PipelineSource(
        template_ref=NameRef(name=template.metadata.name), parameters=stand_ins(template.spec.parameters)
    )
    plan = Planned("", source, "spec", None, {})
    own = Catalogue(templates={template.metadata.name: template})
    for item in _one_pipeline(plan, Engine.EMBEDDED, own):
        if item.code in ("NoReceiver", "NoExporter"):
            continue  # a template leaves those to whoever uses it
        # A template may be meant for a real collector: that the embedded engine cannot run it is no fault of its own.
        severity = Severity.WARNING if item.code == "InvalidPipeline" and "engine" in item.message else item.severity
        yield Finding(item.path, item.message, item.hint, item.code, severity)


def _profile(profile: LoadProfile) -> Iterator[Finding]:
    """At scale 1, as the server will say it in its status."""
    if profile.spec.processes is not None:
        return  # its limits are the kind's own
    try:
        expected_streams(profile.spec.otlp.to_wire())
    except LoadModelError as error:
        yield Finding("spec.otlp", "; ".join(fault.removeprefix("otlp: ") for fault in error.faults))
