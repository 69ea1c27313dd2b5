"""Look every reference of an experiment up and pin what was found, or say what is wrong and where. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controllers.experiment.queryengine import PINNED, choose_query_engine
from phoenix.analysis.queries import check_signal, queries_of
from phoenix.api.analysis import QueryEngine
from phoenix.api.collector import Engine
from phoenix.api.experiment import Experiment, PinnedVariant
from phoenix.api.host import Host
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.pipeline import DeploymentMeasurement, PipelineTemplate
from phoenix.api.pricebook import PriceBook
from phoenix.api.schema import validate
from phoenix.apimachinery.conditions import is_true
from phoenix.apimachinery.meta import Resource
from phoenix.engine import VERSION, check, grpcextra
from phoenix.otlp.errors import QueryError
from phoenix.pipelines.engines import choose_engine, engine_version
from phoenix.pipelines.errors import PipelineError
from phoenix.pipelines.render import render
from phoenix.pipelines.resolve import ResolvedPipeline, resolve
from phoenix.promql.errors import PromqlError


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What references may point to."""

    templates: Sequence[PipelineTemplate]
    profiles: Sequence[LoadProfile]
    price_books: Sequence[PriceBook]
    hosts: Sequence[Host]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Everything a run needs, pinned. `pipelines`: variant → its collector configuration with parameters resolved."""

    hosts: tuple[str, ...]
    variants: tuple[PinnedVariant, ...]
    pipelines: Mapping[str, dict[str, Any]]
    profile: dict[str, Any] | None
    price_books: Mapping[str, dict[str, Any]]
    query_engine: QueryEngine = QueryEngine.EMBEDDED

    def to_status(self) -> dict[str, object]:
        """What `status.resolved` keeps."""
        kept: dict[str, object] = {"pipelines": dict(self.pipelines), "priceBooks": dict(self.price_books)}
        kept[PINNED] = self.query_engine.value
        return kept | ({"profile": self.profile} if self.profile is not None else {})


class Unresolved(Exception):
    """A reference that leads nowhere, or a pipeline that cannot be: `reason` is for programs, the text for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` or what there is."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; there is {', '.join(names[:8])}" if names else "; there is none yet"


def find_template(name: str, templates: Sequence[PipelineTemplate], path: str) -> PipelineTemplate:
    """The template of this name or alias. Raises Unresolved."""
    for template in templates:
        if name == template.metadata.name or name in template.spec.aliases:
            check_rules(template)
            return template
    names = [template.metadata.name for template in templates]
    raise Unresolved("TemplateNotFound", f'{path}: no PipelineTemplate "{name}"{suggestion(name, names)}')


def check_rules(obj: Resource) -> None:
    """Raises Unresolved: what was stored by wider rules breaks those of today, by which its children are made."""
    if causes := validate(type(obj), obj.to_wire()):
        faults = "; ".join(f"{cause.field}: {cause.message}" for cause in causes)
        raise Unresolved("BreaksNewerRules", f"{obj.ref}: {faults}")


def resolve_experiment(experiment: Experiment, catalogue: Catalogue) -> Resolution:
    """Pin everything. Raises Unresolved with the first thing that is wrong."""
    check_rules(experiment)
    hosts = matching_hosts(experiment, catalogue.hosts)
    of_run = [host for host in catalogue.hosts if host.metadata.name in hosts]
    query_engine = _check_queries(experiment, of_run)
    if experiment.spec.source.observed is not None:
        # One host asks: it is the same Prometheus, whoever does.
        return Resolution(
            hosts=hosts[:1],
            variants=tuple(PinnedVariant(name=variant.name) for variant in experiment.spec.variants),
            pipelines={},
            profile=None,
            price_books=_price_books(experiment, catalogue.price_books),
            query_engine=query_engine,
        )
    _check_source(experiment)
    rendered = [_render(experiment, index, catalogue) for index in range(len(experiment.spec.variants))]
    # One engine for all variants, as they are compared.
    engine = choose_engine(experiment.spec.engine, [one.config for one in rendered], of_run)
    _check_engine(engine, of_run)
    version = VERSION if engine is Engine.EMBEDDED else engine_version(engine, of_run)
    pinned = tuple(_pin(one, engine, version) for one in rendered)
    return Resolution(
        hosts=hosts,
        variants=pinned,
        pipelines={one.variant: one.resolved.config for one in rendered},
        profile=_profile(experiment, catalogue.profiles),
        price_books=_price_books(experiment, catalogue.price_books),
        query_engine=query_engine,
    )


def _check_source(experiment: Experiment) -> None:
    """Whether the tee's receiver can run. Of this installation: a host's agent may still refuse it."""
    otlp = experiment.spec.source.otlp
    if otlp is not None and otlp.grpc_port is not None and not grpcextra.available():
        raise Unresolved("ConfigInvalid", f"spec.source.otlp.grpcPort: {grpcextra.MISSING}; {grpcextra.INSTALL}")


def _check_queries(experiment: Experiment, hosts: Sequence[Host]) -> QueryEngine:
    """Who answers the queries. Raises Unresolved where that one cannot, or one is none."""
    analysis = experiment.spec.analysis
    for index, signal in enumerate(analysis.signals):
        _check_signal(signal.query, index, whole=True)
    try:
        queries_of(analysis, experiment.spec.timing.interval.seconds)
    except PromqlError as error:
        raise Unresolved("InvalidQueryFile", f"spec.analysis: {error}") from error
    engine, lacks = choose_query_engine(experiment, hosts)
    if lacks:
        raise Unresolved("PrometheusNotFound", lacks)
    for index, signal in enumerate(analysis.signals):
        _check_signal(signal.query, index, whole=engine is QueryEngine.PROMETHEUS)
    return engine


def _check_signal(query: str, index: int, *, whole: bool) -> None:
    try:
        check_signal(query, whole=whole)
    except QueryError as error:
        raise Unresolved("InvalidSignal", f"spec.analysis.signals[{index}].query: {error}") from error


def matching_hosts(experiment: Experiment, hosts: Sequence[Host]) -> tuple[str, ...]:
    """Names of ready hosts that match. Raises Unresolved when there is none."""
    matching = [host for host in hosts if experiment.spec.host_selector.matches(host.metadata.labels)]
    ready = sorted(
        host.metadata.name
        for host in matching
        if is_true(host.status.conditions, "Ready") and not host.spec.unschedulable
    )
    if ready:
        return tuple(ready)
    wanted = ",".join(f"{key}={value}" for key, value in experiment.spec.host_selector.match_labels.items())
    if matching:
        names = ", ".join(host.metadata.name for host in matching)
        raise Unresolved(
            "NoReadyHost", f"spec.hostSelector: {names} match but none is ready: see `phoenixctl get hosts`"
        )
    have = "; ".join(
        f"{host.metadata.name} has {','.join(f'{k}={v}' for k, v in sorted(host.metadata.labels.items()))}"
        for host in hosts[:3]
    )
    raise Unresolved(
        "NoMatchingHost", f"spec.hostSelector: no host has {wanted or 'an agent'}" + (f" ({have})" if have else "")
    )


def _check_engine(engine: Engine, hosts: Sequence[Host]) -> None:
    for host in hosts:
        if not any(found.engine == engine for found in host.status.engines):
            raise Unresolved("EngineNotFound", f"spec.engine: host {host.metadata.name} has no {engine} engine")


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A variant's pipeline with its parameters resolved, and the configuration that would run."""

    variant: str
    path: str
    origin: str
    resolved: ResolvedPipeline
    config: dict[str, Any]


def _render(experiment: Experiment, index: int, catalogue: Catalogue) -> _Rendered:
    variant, path = experiment.spec.variants[index], f"spec.variants[{index}].pipeline"
    assert variant.pipeline is not None  # validation: only variants that run elsewhere have none
    measurement = DeploymentMeasurement(
        experiment=experiment.metadata.name, variant=variant.name, exporters=experiment.spec.exporters
    )
    template = None
    if variant.pipeline.template_ref is not None:
        template = find_template(variant.pipeline.template_ref.name, catalogue.templates, f"{path}.templateRef.name")
    try:
        resolved = resolve(variant.pipeline, template, path=path)
        # What would run, so that a configuration that cannot is refused before anything does.
        config = render(resolved.config, measurement=measurement, path=f"{path}.config").config
    except PipelineError as error:
        raise Unresolved(error.code, str(error)) from error
    origin = f"{template.metadata.name}@{template.metadata.generation}" if template else ""
    return _Rendered(variant.name, path, origin, resolved, config)


def _pin(one: _Rendered, engine: Engine, version: str) -> PinnedVariant:
    if engine == Engine.EMBEDDED and (refused := check(one.config)):
        raise Unresolved("ConfigInvalid", "\n".join(f"{one.path}: {finding}" for finding in refused))
    return PinnedVariant(
        name=one.variant, engine=engine, engine_version=version, pipeline_hash=one.resolved.pipeline_hash,
        template=one.origin,
    )  # fmt: skip


def _profile(experiment: Experiment, profiles: Sequence[LoadProfile]) -> dict[str, Any] | None:
    load = experiment.spec.source.load
    if load is None:
        return None
    name = load.profile_ref.name
    for profile in profiles:
        if name == profile.metadata.name or name in profile.spec.aliases:
            check_rules(profile)
            return profile.spec.to_wire()
    names = [profile.metadata.name for profile in profiles]
    path = "spec.source.load.profileRef.name"
    raise Unresolved("ProfileNotFound", f'{path}: no LoadProfile "{name}"{suggestion(name, names)}')


def _price_books(experiment: Experiment, books: Sequence[PriceBook]) -> dict[str, dict[str, Any]]:
    by_name = {book.metadata.name: book for book in books}
    found: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(experiment.spec.cost.price_books):
        if name not in by_name:
            path = f"spec.cost.priceBooks[{index}]"
            raise Unresolved("PriceBookNotFound", f'{path}: no PriceBook "{name}"{suggestion(name, by_name)}')
        found[name] = by_name[name].spec.to_wire()
    return found
