"""`phoenixctl logs`: what processes wrote."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import Resource
from phoenix.apimachinery.names import LABEL_DEPLOYMENT, LABEL_EXPERIMENT
from phoenix.cli.completing import complete_refs
from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.finding import fetch
from phoenix.cli.kinds import Ref, parse_refs
from phoenix.cli.loglines import PROCESS_KINDS, LogRequest, all_logs, follow_all, one_log
from phoenix.cli.session import Session

DESCRIPTION = (
    "Show what a process wrote; of an experiment or deployment what all of its processes wrote, each line named."
)
EXAMPLES = """
phoenixctl logs collector/http-lean-candidate-vm
phoenixctl logs experiment/http-lean -f              until the run has ended
phoenixctl logs pd/edge --tail 20
"""
_LABELS: dict[type[Resource], str] = {Experiment: LABEL_EXPERIMENT, PipelineDeployment: LABEL_DEPLOYMENT}


@dataclass(frozen=True, slots=True)
class LogsOptions:
    """Of whom, how much (None: all), and whether to go on."""

    ref: Ref
    follow: bool = False
    tail_lines: int | None = None


def flags(parser: argparse.ArgumentParser) -> None:
    """KIND/NAME, -f, --tail."""
    words = parser.add_argument("what", nargs="+", metavar="KIND/NAME", help="a process, experiment or deployment")
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    parser.add_argument("-f", "--follow", action="store_true", help="go on with every line as it is written")
    parser.add_argument("--tail", type=int, metavar="N", help="only the last N lines of each (default: all)")


def options(arguments: argparse.Namespace) -> LogsOptions:
    """Raises UsageError."""
    refs = parse_refs(arguments.what)
    if len(refs) != 1:
        raise UsageError("logs takes one object", "of an experiment it shows all its processes")
    if refs[0].kind not in (*PROCESS_KINDS, *_LABELS):
        known = ", ".join(kind.info.singular for kind in (*PROCESS_KINDS, *_LABELS))
        raise UsageError(f"a {refs[0].kind.info.singular} has no log", f"logs are of: {known}")
    if arguments.tail is not None and arguments.tail < 0:
        raise UsageError(f"--tail {arguments.tail} is less than nothing", "give a number of lines")
    return LogsOptions(refs[0], arguments.follow, arguments.tail)


async def run(session: Session, options: LogsOptions) -> int:
    """Print, and with -f go on."""
    ref = options.ref
    request = LogRequest(session.namespace, options.follow, options.tail_lines)
    label = _LABELS.get(ref.kind)

    def say(origin: str, line: str) -> None:
        session.line(f"{session.style.dim(f'[{origin}]')} {line}" if label else line)
        if options.follow:
            session.out.flush()

    async with session.client() as client:
        await fetch(client, ref.kind.info, ref.name, session.namespace)
        if label is None:
            try:
                await one_log(client, ref.kind.info, ref.name, request, say)
            except NotFound as error:
                raise CliError(error.message, f"see `phoenixctl describe {ref}`") from error
        elif options.follow:
            await follow_all(client, f"{label}={ref.name}", ref.kind.info, ref.name, request, say)
        elif not await all_logs(client, f"{label}={ref.name}", request, say):
            session.note(f"{ref} has no process now: logs go with their processes, see `phoenixctl events --for {ref}`")
    return 0
