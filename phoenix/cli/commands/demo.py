"""`phoenixctl demo`: from nothing to a verdict and back to nothing, in under a minute and a half."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineDeployment
from phoenix.cli.board import Board
from phoenix.cli.commands.wait import wait_for
from phoenix.cli.demophoenix import DemoPhoenix
from phoenix.cli.errors import UsageError, did_you_mean
from phoenix.cli.exitcodes import ExitCode, exit_code_of
from phoenix.cli.finding import fetch_typed
from phoenix.cli.kinds import Ref
from phoenix.cli.report import report, section_lines
from phoenix.cli.session import GlobalOptions, Session
from phoenix.cli.waiting import parse_goal
from phoenix.cli.watching import watch_run
from phoenix.client.apply import apply
from phoenix.client.http import HttpClient
from phoenix.manifest.objects import load_file

DESCRIPTION = (
    "Start a Phoenix of its own in .demo, run an example experiment to its verdict, show every figure, stop, and\n"
    "check that no process is left. Ctrl-C at any moment cleans up, too."
)
EXAMPLES = """
phoenixctl demo
phoenixctl demo --example negative-control      a candidate that must be rejected (exit code 10)
phoenixctl demo --keep                          keep .demo to look into it afterwards
"""
EXAMPLE_FOLDER = Path(__file__).resolve().parents[3] / "resources" / "examples"
_AVAILABLE_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Which example; whether its folder stays."""

    example: Path
    folder: Path
    keep: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """--example, --keep."""
    parser.add_argument(
        "--example",
        default="http-microservices",
        metavar="NAME",
        help="file in resources/examples (default: %(default)s)",
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder .demo (Phoenix is stopped all the same)")


def options(arguments: argparse.Namespace) -> DemoOptions:
    """Raises UsageError."""
    name = str(arguments.example).removesuffix(".yaml")
    path = EXAMPLE_FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = sorted(found.stem for found in EXAMPLE_FOLDER.glob("*.yaml"))
        raise UsageError(f'there is no example "{name}"', did_you_mean(name, known) or f"examples: {', '.join(known)}")
    return DemoOptions(path, Path(".demo").resolve(), arguments.keep)


async def run(session: Session, options: DemoOptions) -> int:
    """Run it; the exit code of the verdict, or 1 where something was left behind."""
    began = time.monotonic()
    phoenix = DemoPhoenix(session, options.folder)
    phoenix.prepare()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # we run in one
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    code: int = ExitCode.INTERRUPTED
    try:
        code = await _run(session, phoenix, options)
    except asyncio.CancelledError:
        session.note("interrupted: cleaning up")
    finally:
        # From here on nothing may keep us from cleaning up.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, session.note, "cleaning up already")
        await phoenix.stop()
    session.line(f"Phoenix is stopped; none of its {phoenix.started} processes is left.")
    failed = code in (ExitCode.ERROR, ExitCode.RUN_FAILED)
    if options.keep or failed:
        session.line(f"Kept: {phoenix.folder} (`phoenixctl up --state {phoenix.state}` goes on with it)")
    else:
        phoenix.remove()
    session.line(f"{time.monotonic() - began:.0f} s in all.")
    return code


async def _run(session: Session, phoenix: DemoPhoenix, options: DemoOptions) -> int:
    objects = load_file(options.example)
    experiment = next((found for found in objects if found.kind is Experiment), None)
    if experiment is None:
        raise UsageError(f"{options.example.name} holds no Experiment", "the demo runs experiments")
    session.line("Starting Phoenix (API server, controllers, agent) in .demo/state")
    session.out.flush()
    session.line(await phoenix.start())
    inner = Session(GlobalOptions(state=phoenix.state), session.out, session.err)
    async with inner.client() as client:
        for found in objects:
            applied = await apply(client, found.wire)
            session.line(f"{found.ref} {applied.action} from {options.example.name}")
        session.out.flush()
        async with asyncio.TaskGroup() as group:
            remembering = group.create_task(phoenix.remember(), name="remember processes")
            board = await watch_run(inner, client, experiment.key.name, "default")
            _show(session, board)
            await _show_promoted(inner, client, board)
            remembering.cancel()
    return exit_code_of(board.experiment.status.verdict)


def _show(session: Session, board: Board) -> None:
    session.line()
    for line in section_lines(report(board.experiment), session.width, session.style):
        session.line(line)
    session.line()
    if board.experiment.status.verdict is None:
        for line in board.summary(session.width, session.style):
            session.line(line)
    session.out.flush()


async def _show_promoted(session: Session, client: HttpClient, board: Board) -> None:
    promotion = board.experiment.status.promotion
    if promotion is None:
        return
    ref = Ref(PipelineDeployment, promotion.deployment)
    await wait_for(session, client, ref, parse_goal("condition=Available"), _AVAILABLE_WITHIN_S)
    deployment = await fetch_typed(client, PipelineDeployment, promotion.deployment, "default")
    status = deployment.status
    same = "the one that was judged" if status.pipeline_hash == promotion.pipeline_hash else "NOT the one judged"
    session.line(
        f"Promoted: {ref} is available: revision {status.revision}, pipeline {status.pipeline_hash} ({same}), "
        f"{status.collectors.ready} of {status.collectors.desired} collectors ready"
    )
