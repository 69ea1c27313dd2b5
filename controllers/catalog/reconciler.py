"""Keeps the statuses of templates and load profiles: sound or not, and what they amount to."""

from __future__ import annotations

from controllers.catalog.status import profile_status, template_status
from phoenix import engine
from phoenix.aio.clock import Clock
from phoenix.api.collector import Engine
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.pipeline import NameRef, PipelineSource, PipelineTemplate
from phoenix.client.interface import Client
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.expected import expected_active_series, expected_streams
from phoenix.loadmodel.processes import read_processes
from phoenix.pipelines.errors import PipelineError
from phoenix.pipelines.parameters import stand_ins
from phoenix.pipelines.render import render
from phoenix.pipelines.resolve import resolve
from phoenix.runtime.children import get_or_none
from phoenix.runtime.reconcile import Request, Result
from phoenix.runtime.status import patch_status

COMPONENT = "catalog-controller"


class TemplateReconciler:
    """PipelineTemplate: renders it with its defaults (stand-ins where it has none) and asks the embedded engine."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock

    async def reconcile(self, request: Request) -> Result:
        """Write status when it changed."""
        template = await get_or_none(self._client, PipelineTemplate, request.key.name)
        if template is None:
            return Result()
        faults, engines = self._judge(template)
        status = template_status(template, faults, engines, self._clock.now())
        await patch_status(self._client, template, status)
        return Result()

    def _judge(self, template: PipelineTemplate) -> tuple[tuple[str, ...], tuple[Engine, ...]]:
        source = PipelineSource(
            template_ref=NameRef(name=template.metadata.name), parameters=stand_ins(template.spec.parameters)
        )
        try:
            rendered = render(resolve(source, template).config)
        except PipelineError as error:
            return tuple(str(finding) for finding in error.findings), ()
        refused = engine.check(rendered.config)
        return (), (Engine.OTELCOL,) if refused else (Engine.EMBEDDED, Engine.OTELCOL)


_TICK_NS = 1_000_000_000
"""What a lifetime is counted in here; how many run at once is the same for every length."""


class ProfileReconciler:
    """LoadProfile: computes the series its model has."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock

    async def reconcile(self, request: Request) -> Result:
        """Write status when it changed."""
        profile = await get_or_none(self._client, LoadProfile, request.key.name)
        if profile is None:
            return Result()
        streams, series, fault = None, None, ""
        try:
            if (processes := profile.spec.processes) is not None:
                counted = read_processes(processes.to_wire(), scale=1.0, seed=1, interval_ns=_TICK_NS).expected
                streams, series = counted.streams, counted.active_series
            else:
                otlp = profile.spec.otlp.to_wire()
                streams, series = expected_streams(otlp), expected_active_series(otlp)
        except LoadModelError as error:
            fault = str(error)
        status = profile_status(profile, streams, series, fault, self._clock.now())
        await patch_status(self._client, profile, status)
        return Result()
