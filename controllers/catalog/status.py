"""What to say of templates and load profiles. Pure."""

from __future__ import annotations

from datetime import datetime

from phoenix.api.collector import Engine
from phoenix.api.loadprofile import LoadProfile, LoadProfileStatus
from phoenix.api.pipeline import PipelineTemplate, PipelineTemplateStatus
from phoenix.apimachinery.conditions import set_condition


def template_status(
    template: PipelineTemplate, faults: tuple[str, ...], engines: tuple[Engine, ...], now: datetime
) -> PipelineTemplateStatus:
    """Valid when it renders with its defaults; `engines`: those that can run it."""
    status = template.status.model_copy(deep=True)
    status.observed_generation = template.metadata.generation
    status.runnable_by = list(engines)
    message = (
        "; ".join(faults)[:900] if faults else f"renders with its defaults; runs on {', '.join(engines) or 'none'}"
    )
    status.conditions = set_condition(
        status.conditions,
        "Valid",
        not faults,
        "Invalid" if faults else "Renders",
        message,
        now=now,
        generation=template.metadata.generation,
    )
    return status


def profile_status(
    profile: LoadProfile, streams: int | None, series: int | None, fault: str, now: datetime
) -> LoadProfileStatus:
    """Valid when its model can be built; then with the numbers it amounts to at scale 1."""
    status = profile.status.model_copy(deep=True)
    status.observed_generation = profile.metadata.generation
    status.expected_streams, status.expected_active_series = streams, series
    status.conditions = set_condition(
        status.conditions,
        "Valid",
        not fault,
        "Invalid" if fault else "Computed",
        fault or f"{streams} OTLP streams, {series} Prometheus-type series at scale 1",
        now=now,
        generation=profile.metadata.generation,
    )
    return status
