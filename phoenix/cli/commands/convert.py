"""`phoenixctl convert -f`: legacy Phoenix templates to what collectors of today run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from phoenix.cli.errors import CliError
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.printers.yaml import to_yaml
from phoenix.cli.session import Session
from phoenix.pipelines.legacy import convert

DESCRIPTION = (
    "Mend a collector configuration of an older Phoenix: environment references, operators that are no OTTL,\n"
    "exporters and keys that are gone, the order of processors. What was changed is told; what cannot be mended\n"
    "without guessing is refused, with what to use instead, and nothing is printed then. Exit 1 where anything was."
)
EXAMPLES = """
phoenixctl convert -f process-topk-v1.yaml
phoenixctl convert -f legacy.yaml --name=edge > template.yaml      as a PipelineTemplate
"""


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """Which file; `name`: of the PipelineTemplate to make of it, empty for bare configuration."""

    file: Path
    name: str = ""


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, --name."""
    parser.add_argument("-f", "--filename", required=True, metavar="FILE", help="collector configuration")
    parser.add_argument("--name", default="", metavar="NAME", help="print a PipelineTemplate of this name")


def options(arguments: argparse.Namespace) -> ConvertOptions:
    """As typed."""
    return ConvertOptions(Path(arguments.filename), arguments.name)


def run(session: Session, options: ConvertOptions) -> int:
    """Changes to stderr, the result to stdout. Raises CliError."""
    try:
        found = YAML(typ="safe", pure=True).load(options.file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CliError(f"{options.file}: cannot be read: {error.strerror}", "name a file") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise CliError(f"{options.file}: is not YAML", " ".join(str(error).split())[:300]) from error
    if not isinstance(found, dict):
        raise CliError(f"{options.file}: holds no collector configuration", "it must have service.pipelines")
    made = convert(found)
    for change in made.changes:
        session.note(f"{options.file}: {change}")
    for finding in made.refused:
        session.error(f"{options.file}: {finding}")
    if made.refused:
        session.note(f"{len(made.changes)} changes; {len(made.refused)} refused, so nothing is printed")
        return ExitCode.ERROR
    result = made.config
    if options.name:
        result = {
            "apiVersion": "phoenix.io/v1alpha1",
            "kind": "PipelineTemplate",
            "metadata": {"name": options.name},
            "spec": {"description": f"converted from {options.file.name}", "config": made.config},
        }
    session.out.write(to_yaml(result))
    session.note(f"{len(made.changes)} changes" if made.changes else "nothing had to be changed")
    return ExitCode.OK
