"""Errors of the engine.

```
EngineError
├── ConfigError     the configuration cannot run here: all findings at once; exit code 2
├── StartError      a component could not start, such as a port in use; exit code 1
└── ConsumeError    data was not taken
    └── BadData     the data itself is broken: never worth a retry, a client's fault (HTTP 400)
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """When a Collector finds a fault, in order: a fault of one phase hides those of later ones there, but not here."""

    RETRIEVE = "retrieve"
    """the file is no YAML mapping"""
    EXPAND = "expand"
    """a `${…}` cannot be replaced"""
    DECODE = "decode"
    """unknown components and keys, wrong types"""
    VALIDATE = "validate"
    """what a component or the service says of its own configuration"""
    BUILD = "build"
    """a component cannot be made from it"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in a configuration: where (`processors.filter/x.metrics.datapoint[0]`), what, and what to do."""

    path: str
    message: str
    hint: str = ""
    phase: Phase = Phase.VALIDATE

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")


class EngineError(Exception):
    """Any error the engine raises on purpose."""


class ConfigError(EngineError):
    """A configuration that this engine cannot run; `findings` is never empty."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


class StartError(EngineError):
    """A component that could not start; the message names it and the next step."""

    def __init__(self, component: str, reason: str) -> None:
        super().__init__(f"{component}: {reason}")
        self.component = component
        self.reason = reason


class ConsumeError(EngineError):
    """A consumer did not take the data. `retryable`: the same data may be taken later."""

    def __init__(self, reason: str, *, retryable: bool = True) -> None:
        super().__init__(reason)
        self.retryable = retryable


class BadData(ConsumeError):
    """The bytes are no OTLP metrics request."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retryable=False)
