"""`phoenixctl validate -f`: everything that can be told without a server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from phoenix.cli.catalogue import Catalogue, shipped_catalogue
from phoenix.cli.checking import Report, check, rendered_configs
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.files import add_files_flag, load, nothing_in
from phoenix.cli.levels import Levels, find_binary, levels_of
from phoenix.cli.session import Session
from phoenix.manifest.objects import ManifestObject
from phoenix.pipelines.errors import Severity

DESCRIPTION = (
    "Check manifests without a server: YAML, fields, schema, references, parameters, known mistakes of collector\n"
    "configuration, signal queries; and of each pipeline whether its language is right, whether the embedded engine\n"
    "runs it, and whether a collector on PATH does. Each finding has its file and line. Exit 1 on errors."
)
EXAMPLES = """
phoenixctl validate -f resources/examples/
phoenixctl validate -f experiment.yaml --strict      warnings count as errors
phoenixctl validate -f edge.yaml --otelcol=/opt/otelcol-contrib
phoenixctl validate -f edge.yaml -o json
"""


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """strict: warnings count as errors. otelcol: path of a collector; empty: one on PATH, if there is one."""

    files: tuple[str, ...]
    strict: bool = False
    otelcol: str = ""
    json: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, --strict, --otelcol, -o."""
    add_files_flag(parser, required=True)
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument("--otelcol", default="", metavar="PATH", help="a collector to ask (default: one on PATH)")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="(default: text)")


def options(arguments: argparse.Namespace) -> ValidateOptions:
    """As typed."""
    return ValidateOptions(tuple(arguments.filename), arguments.strict, arguments.otelcol, arguments.output == "json")


@dataclass(slots=True)
class _Tally:
    """What was found in all files. `found` and `objects` are what -o json prints."""

    errors: int = 0
    warnings: int = 0
    found: list[dict[str, Any]] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)

    def lines(self, severity: Severity, ref: str, lines: Iterable[str]) -> None:
        """Findings that are lines only."""
        for line in lines:
            self.found.append({"severity": str(severity), "object": ref, "message": line})

    def report(self, found: ManifestObject, report: Report) -> None:
        """Findings of one document."""
        self.errors, self.warnings = self.errors + len(report.errors), self.warnings + len(report.warnings)
        if not report.found:
            self.lines(Severity.ERROR, found.ref, report.errors)
        for where, item in report.found:
            self.found.append(
                {
                    "severity": str(item.severity), "object": found.ref, "where": where, "field": item.path,
                    "code": item.code, "message": item.message, "fix": item.hint,
                }
            )  # fmt: skip


def run(session: Session, options: ValidateOptions) -> int:
    """Check; findings to stderr, a line for each sound object to stdout; as JSON all to stdout."""
    loaded = load(options.files)
    if not loaded.objects and not loaded.errors:
        raise nothing_in(options.files, "check")
    catalogue = shipped_catalogue()
    catalogue.add(loaded.objects)
    tally, binary = _Tally(errors=len(loaded.errors)), find_binary(options.otelcol)
    tally.lines(Severity.ERROR, "", map(str, loaded.errors))
    if not options.json:
        for fault in loaded.errors:
            session.error(str(fault))
    for found in loaded.objects:
        report = check(found, catalogue)
        tally.report(found, report)
        levels = _levels(found, catalogue, binary) if not report.errors or report.found else []
        refused = [f"{path}: {levels_.reasons['binary']}" for path, levels_ in levels if levels_.binary is False]
        tally.objects.append({"object": found.ref, "valid": not report.errors, "pipelines": _wire(levels)})
        if not options.json:
            _say(session, found, report, levels, refused)
    if options.json:
        session.line(json.dumps({"objects": tally.objects, "findings": tally.found}, indent=2))
    else:
        session.note(f"{len(loaded.objects)} objects, {tally.errors} errors, {tally.warnings} warnings")
    return ExitCode.ERROR if tally.errors or (options.strict and tally.warnings) else ExitCode.OK


def _levels(found: ManifestObject, catalogue: Catalogue, binary: str) -> list[tuple[str, Levels]]:
    return [(path, levels_of(config, binary)) for path, config in rendered_configs(found, catalogue)]


def _wire(levels: list[tuple[str, Levels]]) -> list[dict[str, Any]]:
    return [
        {
            "field": path, "otelcol": item.otelcol, "embedded": item.embedded, "binary": item.binary,
            "reasons": dict(item.reasons),
        }
        for path, item in levels
    ]  # fmt: skip


def _say(
    session: Session, found: ManifestObject, report: Report, levels: list[tuple[str, Levels]], refused: list[str]
) -> None:
    for line in report.errors:
        session.error(line)
    for line in report.warnings:
        session.warn(line)
    for text in refused:
        session.warn(f"{found.where()}: {found.ref}: the collector refuses it: {text}")
    if not report.errors:
        session.line(f"{found.where()}: {found.ref} is valid")
    for path, item in levels:
        session.line(f"  {path}: {item.line()}")
