"""Collector: one collector process wanted on one host."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from phoenix.api.process import PROCESS_COLUMNS, ProcessSpec, ProcessStatus
from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource
from phoenix.apimachinery.model import ONE_FIELD


class Engine(StrEnum):
    """What runs a pipeline. Auto prefers a real collector binary of the host, else Embedded."""

    AUTO = "Auto"
    EMBEDDED = "Embedded"
    OTELCOL = "Otelcol"


class CollectorRole(StrEnum):
    """Why the collector runs: a variant of an experiment, the tee that feeds variants, or a plain deployment."""

    VARIANT = "Variant"
    TEE = "Tee"
    DEPLOYMENT = "Deployment"


class CollectorSpec(ProcessSpec):
    """A complete collector: nothing is left to look up but ports."""

    role: CollectorRole = Field(default=CollectorRole.DEPLOYMENT, description="why it runs")
    engine: Engine = Field(default=Engine.EMBEDDED, description="Embedded or Otelcol; Auto is resolved beforehand")
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="rendered collector configuration; ${phoenix:port:NAME} and ${phoenix:endpoint:NAME} are filled in "
        "by the agent",
        json_schema_extra=ONE_FIELD,
    )
    config_hash: str = Field(default="", description="hash of config, taken before ports are filled in")
    pipeline_hash: str = Field(default="", description="hash of the user's processors with parameters resolved")
    endpoints: dict[str, str] = Field(
        default_factory=dict, description="addresses by name for ${phoenix:endpoint:NAME}, such as meter: http://…"
    )


class Collector(Resource):
    """One collector process wanted on one host. Made by controllers."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="Collector",
        plural="collectors",
        short_names=("col",),
        categories=("phoenix",),
        columns=(PrinterColumn("Role", ".spec.role"), PrinterColumn("Engine", ".spec.engine"), *PROCESS_COLUMNS),
        description="One collector process wanted on one host. Made by controllers.",
    )
    spec: CollectorSpec = Field(default_factory=CollectorSpec, description="the process wanted")
    status: ProcessStatus = Field(default_factory=ProcessStatus, description="what became of it")
