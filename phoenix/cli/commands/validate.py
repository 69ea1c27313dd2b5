"""`phoenixctl validate -f`: everything that can be told without a server."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.cli.catalogue import shipped_catalogue
from phoenix.cli.checking import check
from phoenix.cli.errors import UsageError
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.files import add_files_flag, load
from phoenix.cli.session import Session

DESCRIPTION = (
    "Check manifests without a server: YAML, fields, schema, references, parameters, collector configuration and\n"
    "whether the embedded engine runs it, signal queries. Each finding has its file and line. Exit 1 on errors."
)
EXAMPLES = """
phoenixctl validate -f resources/examples/
phoenixctl validate -f experiment.yaml --strict      warnings count as errors
"""


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """strict: warnings count as errors."""

    files: tuple[str, ...]
    strict: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, --strict."""
    add_files_flag(parser, required=True)
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")


def options(arguments: argparse.Namespace) -> ValidateOptions:
    """As typed."""
    return ValidateOptions(tuple(arguments.filename), arguments.strict)


def run(session: Session, options: ValidateOptions) -> int:
    """Check; findings to stderr, a line for each sound object to stdout."""
    loaded = load(options.files)
    if not loaded.objects and not loaded.errors:
        raise UsageError(f"nothing to check in {', '.join(options.files)}", "it holds no manifest")
    catalogue = shipped_catalogue()
    catalogue.add(loaded.objects)
    errors, warnings = len(loaded.errors), 0
    for fault in loaded.errors:
        session.error(str(fault))
    for found in loaded.objects:
        report = check(found, catalogue)
        for line in report.errors:
            session.error(line)
        for line in report.warnings:
            session.warn(line)
        errors, warnings = errors + len(report.errors), warnings + len(report.warnings)
        if not report.errors:
            session.line(f"{found.where()}: {found.ref} is valid")
    session.note(f"{len(loaded.objects)} objects, {errors} errors, {warnings} warnings")
    return ExitCode.ERROR if errors or (options.strict and warnings) else ExitCode.OK
