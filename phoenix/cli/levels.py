"""What can run a configuration, in three levels: the language, the embedded engine, and a collector binary at hand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoenix import engine

NAMES = ("otelcol-contrib", "otelcol", "otelcol-phoenix")
_TIMEOUT_S = 20.0
_PORT = re.compile(r"\$\{phoenix:port:[^}]*\}")
_OTHER = re.compile(r"\$\{phoenix:[^}]*\}")
_ELSEWHERE = "Otelcol"
"""The engine's hint where a real collector could run what it cannot."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Who takes it. A level that was not asked is None; `reasons` say of each that does not why not."""

    otelcol: bool
    embedded: bool
    binary: bool | None
    reasons: Mapping[str, str]

    def line(self) -> str:
        """For people."""
        words = {True: "yes", False: "no", None: "not asked: no collector on PATH"}
        return (
            f"valid for otelcol: {words[self.otelcol]}, runnable by Embedded: {words[self.embedded]}, "
            f"by the binary: {words[self.binary]}"
        )


def find_binary(given: str) -> str:
    """The path given, else the first collector on PATH; empty: none."""
    return given or next((path for name in NAMES if (path := shutil.which(name))), "")


def levels_of(config: Mapping[str, Any], binary: str) -> Levels:
    """Ask all three. A rendered configuration; ports are stood in for, nothing is bound or started but `validate`."""
    findings = engine.check(config)
    language = [item for item in findings if _ELSEWHERE not in item.hint and _ELSEWHERE not in item.message]
    reasons = {}
    if language:
        reasons["otelcol"] = f"{language[0].path}: {language[0].message}"
    if findings:
        reasons["embedded"] = f"{findings[0].path}: {findings[0].message}"
    takes: bool | None = None
    if binary:
        said = _ask(binary, config)
        takes = not said
        if said:
            reasons["binary"] = said
    # A real collector's word on its own language counts for more than ours.
    return Levels(takes if takes is True else not language, not findings, takes, reasons)


def _ask(binary: str, config: Mapping[str, Any]) -> str:
    """What `BINARY validate` says; empty: it takes it."""
    text = _PORT.sub("1", json.dumps(config))
    text = _OTHER.sub("127.0.0.1", text).replace('"port": "1"', '"port": 1')
    with tempfile.TemporaryDirectory(prefix="phoenixctl-") as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(text)
        try:
            done = subprocess.run(
                [binary, "validate", "--config", str(file)],
                capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{binary}: {error}"
    return "" if done.returncode == 0 else " | ".join(_last(f"{done.stdout}\n{done.stderr}".splitlines()))


def _last(lines: Sequence[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()][-3:]
