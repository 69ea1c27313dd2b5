"""The embedded engine: a subset of the OpenTelemetry Collector, metrics only, run in Python.

From YAML to running pipelines: `check` says what it could not run, `read_config` and `Collector` run it. Semantics are
the real collector's; what is outside the subset is refused before anything starts, never ignored.
"""

from __future__ import annotations

from phoenix.engine.errors import ConfigError, ConsumeError, EngineError, Finding, StartError
from phoenix.engine.service import Collector, check, read_config

VERSION = "0.1.0"
"""Version of this engine, as verdicts and promotions name it."""

__all__ = [
    "VERSION",
    "Collector",
    "ConfigError",
    "ConsumeError",
    "EngineError",
    "Finding",
    "StartError",
    "check",
    "read_config",
]
