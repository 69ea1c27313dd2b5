"""The engines of a host: which there are, and whether one can run a configuration."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import phoenix.engine
from phoenix.agent.errors import ConfigRejected
from phoenix.agent.launch import HostFacts, Launch
from phoenix.api.collector import Engine
from phoenix.api.host import HostEngine

_LOG = logging.getLogger(__name__)
_BINARIES = ("otelcol-contrib", "otelcol", "otelcol-phoenix")
"""Looked for on PATH; the one with most components first."""
_ENVIRONMENT = "PHOENIX_OTELCOL"
_TIMEOUT_S = 20.0
_VERSION = re.compile(r"\d+\.\d+\.\d+\S*")
_FINDINGS_SHOWN = 5
_SECTIONS = frozenset({"receivers", "processors", "exporters", "extensions", "connectors"})
_COMPONENT = re.compile(r"^\s+- (?:name: )?[\"']?([A-Za-z]\w*)[\"']?\s*$")


async def detect(configured_path: str) -> list[HostEngine]:
    """Embedded, and Otelcol where a binary says its version and what it has.

    The binary is the configured one, that of the environment's PHOENIX_OTELCOL, or the first on PATH.
    """
    found = [HostEngine(engine=Engine.EMBEDDED, version=phoenix.engine.VERSION)]
    configured_path = whole_path(configured_path or os.environ.get(_ENVIRONMENT, ""))
    path = configured_path or next((path for name in _BINARIES if (path := shutil.which(name))), "")
    if path:
        (code, said), (listed, output) = await asyncio.gather(_output(path, "--version"), _output(path, "components"))
        version = _VERSION.search(said)
        if code == 0:
            components = parse_components(output) if listed == 0 else []
            known = version[0] if version else ""
            found.append(HostEngine(engine=Engine.OTELCOL, version=known, path=path, components=components))
        elif configured_path:
            _LOG.warning(
                "the configured collector does not run, so only Embedded does path=%s said=%r", path, said[:200]
            )
    return found


def whole_path(program: str) -> str:
    """Where a program that people name is; as it is where nothing is found, empty where nothing is named.

    Workloads run in folders of their own and are executed by path: neither our folder nor PATH is looked in again.
    """
    found = shutil.which(program) or program
    return os.path.abspath(found) if os.sep in found else found  # NB: links stay, such as those of version managers


def parse_components(text: str) -> list[str]:
    """Components such as `processors/batch` from what a binary's `components` prints."""
    section, found = "", []
    for line in text.splitlines():
        if line[:1].isalpha():
            section = line.split(":", 1)[0]
        elif section in _SECTIONS and (match := _COMPONENT.match(line)):
            found.append(f"{section}/{match[1]}")
    return found


async def validate(launch: Launch, facts: HostFacts) -> str:
    """Why a configuration cannot run, for people; empty: as far as can be known before, it can."""
    ports = dict.fromkeys(launch.ports, 1024)
    try:
        content = launch.content(facts, ports)
    except ConfigRejected as error:
        return str(error)
    if launch.path:
        return await _ask_binary(launch.path, content)
    if launch.program != "collector":
        return ""
    findings = await asyncio.to_thread(phoenix.engine.check, launch.config)
    lines = [f"{finding.path}: {finding.message} ({finding.hint})" for finding in findings[:_FINDINGS_SHOWN]]
    if len(findings) > _FINDINGS_SHOWN:
        lines.append(f"and {len(findings) - _FINDINGS_SHOWN} more")
    return "; ".join(lines)


async def _ask_binary(path: str, content: bytes) -> str:
    with tempfile.TemporaryDirectory(prefix="phoenix-validate-") as folder:
        file = Path(folder) / "config.yaml"
        file.write_bytes(content)
        code, output = await _output(path, "validate", "--config", str(file))
    if code in (0, None):  # no answer in time is no answer: the start will tell
        return ""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " | ".join(lines[-_FINDINGS_SHOWN:]) or f"{path} validate exited with {code}"


async def _output(path: str, *argv: str) -> tuple[int | None, str]:
    """Exit code and output of a short run; None where it cannot be run or takes more than 20 s."""
    try:
        process = await asyncio.create_subprocess_exec(
            path, *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return None, str(error)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        return None, "no answer in time"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode(errors="replace")


def facts_with(facts: HostFacts, found: list[HostEngine]) -> HostFacts:
    """The facts with the binary that was found."""
    path = next((engine.path for engine in found if engine.engine is Engine.OTELCOL), "")
    return replace(facts, otelcol_path=path)
