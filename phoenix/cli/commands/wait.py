"""`phoenixctl wait`: until something is so, or time is over."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from phoenix.cli.completing import complete_refs
from phoenix.cli.errors import WaitFailed
from phoenix.cli.exitcodes import exit_code_of
from phoenix.cli.finding import fetch
from phoenix.cli.following import follow
from phoenix.cli.kinds import Ref, parse_refs, qualified, scope
from phoenix.cli.options import add_timeout_flag
from phoenix.cli.progress import Progress
from phoenix.cli.session import Session
from phoenix.cli.waiting import Goal, parse_goal
from phoenix.client.http import HttpClient

DESCRIPTION = (
    "Wait until something is so of each object. Exit 3 when time is over or it cannot happen any more;\n"
    "--for=verdict waits for the end of the run and exits with the code of its verdict."
)
EXAMPLES = """
phoenixctl wait experiment/http-lean --for=verdict --timeout=5m
phoenixctl wait pd/edge --for=condition=Available
phoenixctl wait exp/http-lean --for=phase=Running
phoenixctl wait pd/edge --for='jsonpath={.status.revision}=2'
phoenixctl wait exp/http-lean --for=delete --timeout=1m
"""


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """For what, of whom, how long at most."""

    refs: tuple[Ref, ...]
    goal: Goal
    timeout_s: float


def flags(parser: argparse.ArgumentParser) -> None:
    """What, --for, --timeout."""
    words = parser.add_argument("what", nargs="+", metavar="KIND/NAME", help="objects: KIND NAME... or KIND/NAME...")
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    parser.add_argument(
        "--for", dest="goal", required=True, metavar="WHAT",
        help="condition=NAME[=VALUE], phase=NAME, jsonpath={PATH}[=VALUE], delete, create, verdict[=VALUE]",
    )  # fmt: skip
    add_timeout_flag(parser, "30s")


def options(arguments: argparse.Namespace) -> WaitOptions:
    """Raises UsageError."""
    return WaitOptions(tuple(parse_refs(arguments.what)), parse_goal(arguments.goal), arguments.timeout)


async def run(session: Session, options: WaitOptions) -> int:
    """One object after the other, all within the time. The exit code of the worst verdict."""
    code = 0
    async with session.client() as client:
        deadline = asyncio.get_running_loop().time() + options.timeout_s
        for ref in options.refs:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            wire = await wait_for(session, client, ref, options.goal, left)
            session.line(f"{qualified(ref.kind.info)}/{ref.name} {_met(options.goal, wire)}")
            if options.goal.verdict and wire is not None:
                code = max(code, exit_code_of((wire.get("status") or {}).get("verdict")))
    return code


def _met(goal: Goal, wire: dict[str, Any] | None) -> str:
    if not goal.verdict or wire is None:
        return f"{goal.text} met"
    status = wire["status"]
    return f"{status['phase']}, verdict {status.get('verdict') or 'none'}"


async def wait_for(
    session: Session, client: HttpClient, ref: Ref, goal: Goal, timeout_s: float
) -> dict[str, Any] | None:
    """Wait; the object for which it holds (None: it is gone).

    Raises:
        WaitFailed: out of time, or hopeless; says what is so instead.
        CliError: there is no such object (but for `delete` and `create`).
    """
    info, namespace = ref.kind.info, scope(ref.kind.info, session.namespace)
    if goal.text not in ("delete", "create"):
        await fetch(client, info, ref.name, session.namespace)
    last: dict[str, Any] | None = None
    try:
        async with asyncio.timeout(timeout_s), Progress(session, f"waiting for {goal.text} of {ref}") as progress:
            changes = follow(
                client, info, namespace, field_selector=f"metadata.name={ref.name}", on_trouble=session.note
            )
            synced = False
            async with aclosing(changes):
                async for change in changes:
                    if change.type == "SYNCED":
                        synced = True
                    else:
                        last = None if change.type == "DELETED" else change.wire
                    if not synced and last is None:
                        continue
                    if goal.reached(last):
                        return last
                    if why := goal.hopeless(last) or (
                        "" if last or goal.text in ("delete", "create") else "it is gone"
                    ):
                        raise WaitFailed(f"{ref}: {goal.text} cannot happen: {why}", f"see `phoenixctl describe {ref}`")
                    progress.text = f"waiting for {goal.text} of {ref}: {goal.state(last)}"
    except TimeoutError:
        raise WaitFailed(
            f"{ref}: {goal.text} not met within {timeout_s:.3g} s: {goal.state(last)}",
            f"see `phoenixctl describe {ref}`",
        ) from None
    raise AssertionError("follow() does not end")
