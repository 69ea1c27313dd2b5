"""What gRPC needs: grpcio, an extra of the installation, loaded only where a configuration asks for it.

It is 19 MB and a tenth of a second to import, so that neither an installation nor a start without gRPC pays for it. The
shim must never load it: gRPC's threads do not survive a fork.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import TYPE_CHECKING, Any

from phoenix.engine.config.section import OTELCOL, Section

if TYPE_CHECKING:
    from types import ModuleType

SERVICE = "opentelemetry.proto.collector.metrics.v1.MetricsService"
METHOD = f"/{SERVICE}/Export"
MISSING = "the Embedded engine speaks gRPC by grpcio, which is not installed"
INSTALL = "install it with: pip install 'phoenix-reconciler[grpc]'; or use OTLP over HTTP"


def available() -> bool:
    """Whether grpcio is installed; does not load it."""
    return importlib.util.find_spec("grpc") is not None


def required(section: Section) -> None:
    """Note a fault of the section where gRPC is not installed."""
    if not available():
        section.fault("", MISSING, f"{INSTALL}; or {OTELCOL}")


def load() -> ModuleType:
    """The `grpc` module, `grpc.aio` with it."""
    # Its own log lines are not of our form, and what they tell is in the errors it raises.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    importlib.import_module("grpc.aio")
    return importlib.import_module("grpc")


def milliseconds(section: Section, key: str, option: str) -> list[tuple[str, Any]]:
    """A channel option from a duration, none where it is absent."""
    seconds = section.duration_s(key, 0.0)
    return [(option, round(seconds * 1000))] if section.has(key) and seconds else []
