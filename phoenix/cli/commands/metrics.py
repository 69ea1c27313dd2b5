"""`phoenixctl metrics experiment/x`: baseline and candidates side by side."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import orjson

from phoenix.api.experiment import Experiment
from phoenix.cli.completing import complete_experiments
from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.finding import fetch
from phoenix.cli.kinds import Ref, expect, parse_refs
from phoenix.cli.printers.yaml import to_yaml
from phoenix.cli.report import report, section_lines
from phoenix.cli.session import Session

DESCRIPTION = (
    "Compare baseline and candidates figure by figure: input, series, samples, bytes, CPU, memory, criteria,\n"
    "signals, cost with its sums, and what costs most. While a run goes on, what is known so far."
)
EXAMPLES = """
phoenixctl metrics experiment/http-lean
phoenixctl metrics experiment/http-lean -o json
phoenixctl metrics experiment/http-lean --run=1      an earlier run
"""


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """Which experiment and run (None: the current one), and how: empty, json or yaml."""

    ref: Ref
    output: str = ""
    run: int | None = None


def flags(parser: argparse.ArgumentParser) -> None:
    """experiment/NAME, -o, --run."""
    words = parser.add_argument("what", nargs="+", metavar="experiment/NAME", help="the experiment")
    words.completer = complete_experiments  # type: ignore[attr-defined]  # argcomplete's own way
    parser.add_argument("-o", "--output", choices=("json", "yaml"), default="", metavar="FORMAT", help="json or yaml")
    parser.add_argument("--run", type=int, metavar="N", help="number of the run (default: the current one)")


def options(arguments: argparse.Namespace) -> MetricsOptions:
    """Raises UsageError."""
    words = arguments.what
    refs = [Ref(Experiment, words[0])] if len(words) == 1 and "/" not in words[0] else parse_refs(words)
    if len(refs) != 1:
        raise UsageError("metrics takes one experiment", "write experiment/NAME")
    return MetricsOptions(expect(refs[0], Experiment), arguments.output, arguments.run)


async def run(session: Session, options: MetricsOptions) -> int:
    """Print."""
    async with session.client() as client:
        wire = await fetch(client, Experiment.info, options.ref.name, session.namespace)
    if options.run is not None and options.run != wire.get("status", {}).get("run"):
        wire = _of_run(wire, options.run)
    if options.output:
        document = _document(wire)
        if options.output == "yaml":
            session.out.write(to_yaml(document))
        else:
            session.line(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return 0
    for line in section_lines(report(Experiment.from_stored(wire)), session.width, session.style):
        session.line(line)
    return 0


def _of_run(wire: dict[str, Any], number: int) -> dict[str, Any]:
    """The experiment as if an earlier run were its last."""
    status = wire.get("status", {})
    earlier = {item["run"]: item for item in status.get("previousRuns") or []}
    if number not in earlier:
        there = ", ".join(map(str, [*earlier, status.get("run", 0)]))
        raise CliError(f"{wire['metadata']['name']} has no run {number}", f"runs there: {there}")
    kept = {"conditions": status.get("conditions", []), "verdictReason": ""}
    return wire | {"status": kept | earlier[number]}


def _document(wire: dict[str, Any]) -> dict[str, Any]:
    status = wire.get("status", {})
    return {
        "experiment": wire["metadata"]["name"],
        "namespace": wire["metadata"].get("namespace", ""),
        "run": status.get("run", 0),
        "phase": status.get("phase", "Pending"),
        "verdict": status.get("verdict"),
        "verdictReason": status.get("verdictReason", ""),
        "results": status.get("results"),
    }
