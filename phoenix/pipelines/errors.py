"""What can be wrong with a pipeline, said by field path.

Finding        one thing noticed: an error stops, a warning is shown
PipelineError  a pipeline that cannot be used; carries every error found, not only the first
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a finding stops the pipeline or is only shown."""

    ERROR = "Error"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed.

    `path` is a field path such as `spec.variants[1].pipeline.parameters.x`; `code` a PascalCase reason for conditions;
    `hint` what to do next, may be empty.
    """

    path: str
    message: str
    hint: str = ""
    code: str = "InvalidPipeline"
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text}; {self.hint}" if self.hint else text


class PipelineError(Exception):
    """A pipeline that cannot be resolved or rendered. `findings` holds every error, in order of the configuration."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)

    @property
    def code(self) -> str:
        """PascalCase reason of the first finding, for a condition."""
        return self.findings[0].code if self.findings else "InvalidPipeline"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the closest known word, or all of them, or that there are none."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(words)}" if words else "there are none"
