"""`phoenixctl wait`: until something is so, or time is over."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import KindInfo
from phoenix.cli.errors import CliError, WaitFailed
from phoenix.cli.exitcodes import exit_code_of
from phoenix.cli.finding import fetch
from phoenix.cli.following import follow
from phoenix.cli.kinds import Ref, qualified, scope
from phoenix.cli.options import add_timeout_flag
from phoenix.cli.progress import Progress
from phoenix.cli.selecting import Selection, Target, add_selection_flags, read_selection, targets
from phoenix.cli.session import Session
from phoenix.cli.waiting import FORMS, Goal, parse_goal
from phoenix.client.http import HttpClient

_LONGEST_S = 7 * 86400.0
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
phoenixctl wait hosts --all --for=condition=Ready
"""


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """For what, of whom, how long at most."""

    selection: Selection
    goal: Goal
    timeout_s: float


def flags(parser: argparse.ArgumentParser) -> None:
    """What, --for, --timeout."""
    add_selection_flags(parser)
    wanted = parser.add_argument(
        "--for", dest="goal", required=True, metavar="WHAT",
        help="condition=NAME[=VALUE], phase=NAME, jsonpath={PATH}[=VALUE], delete, create, verdict[=VALUE]",
    )  # fmt: skip
    wanted.completer = complete_goals  # type: ignore[attr-defined]  # argcomplete's own way
    add_timeout_flag(parser, "30s")


def complete_goals(**_: Any) -> list[str]:
    """Forms of --for."""
    return [f"{form}=" if form in ("condition", "jsonpath", "phase") else form for form in FORMS]


def options(arguments: argparse.Namespace) -> WaitOptions:
    """Raises UsageError."""
    # NB: as kubectl: 0 looks once, less than nothing waits for a week.
    timeout_s = arguments.timeout if arguments.timeout >= 0 else _LONGEST_S
    return WaitOptions(read_selection(arguments, "waited for"), parse_goal(arguments.goal), timeout_s)


async def run(session: Session, options: WaitOptions) -> int:
    """One object after the other, all within the time. The exit code of the worst verdict."""
    code, goal = 0, options.goal
    async with session.client() as client:
        deadline = asyncio.get_running_loop().time() + options.timeout_s
        found, failed = await targets(session, client, options.selection)
        if not found and not failed and goal.text != "delete":
            raise CliError("there is nothing to wait for", "no object matches: see `phoenixctl get`")
        for target in found:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            wire = await wait_for(session, client, target, goal, left, of_s=options.timeout_s)
            session.line(f"{qualified(target.info)}/{target.name} {_met(goal, wire)}")
            if goal.verdict and wire is not None:
                code = max(code, exit_code_of((wire.get("status") or {}).get("verdict")))
    return max(code, int(failed))


def _met(goal: Goal, wire: dict[str, Any] | None) -> str:
    if not goal.verdict or wire is None:
        return f"{goal.text} met"
    status = wire["status"]
    return f"{status['phase']}, verdict {status.get('verdict') or 'none'}"


async def wait_for(
    session: Session, client: HttpClient, ref: Ref | Target, goal: Goal, timeout_s: float, *, of_s: float = 0.0
) -> dict[str, Any] | None:
    """Wait; the object for which it holds (None: it is gone). `of_s` is the whole time, of which `timeout_s` is left.

    Raises:
        WaitFailed: out of time, or hopeless; says what is so instead.
        CliError: there is no such object (but for `delete` and `create`).
    """
    info = ref.kind.info
    namespace = ref.namespace if isinstance(ref, Target) else scope(info, session.namespace)
    last = await _first(client, info, ref.name, namespace, goal)
    if goal.reached(last):
        return last
    try:
        async with asyncio.timeout(timeout_s), Progress(session, f"waiting for {goal.text} of {ref}") as progress:
            changes = follow(
                client, info, namespace, field_selector=f"metadata.name={ref.name}", on_trouble=session.note
            )
            synced, listed = False, None
            async with aclosing(changes):
                async for change in changes:
                    if change.type == "SYNCED":
                        synced, last = True, listed
                    else:
                        last = listed = None if change.type == "DELETED" else change.wire
                    if not synced and listed is None:
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
            f"{ref}: {goal.text} not met within {of_s or timeout_s:.3g} s: {goal.state(last)}",
            f"see `phoenixctl describe {ref}`",
        ) from None
    raise AssertionError("follow() does not end")


async def _first(client: HttpClient, info: KindInfo, name: str, namespace: str, goal: Goal) -> dict[str, Any] | None:
    """The object as it is, so that `--timeout=0` looks once."""
    if goal.text not in ("delete", "create"):
        return await fetch(client, info, name, namespace)
    try:
        return await client.raw_get(info, name, namespace)
    except NotFound:
        return None
