"""What start, stop, promote and rollback share: look, patch spec, say what happens next, wait if asked to."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from phoenix.api.experiment import Experiment
from phoenix.cli.commands.wait import wait_for
from phoenix.cli.completing import complete_experiments
from phoenix.cli.finding import fetch_typed
from phoenix.cli.kinds import Ref, expect, parse_ref, qualified
from phoenix.cli.options import add_timeout_flag, add_wait_flag
from phoenix.cli.session import Session
from phoenix.cli.waiting import Goal

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SteerOptions:
    """Which experiment, and whether to wait until it is so."""

    ref: Ref
    wait: bool
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Steer:
    """What to do.

    Args:
        spec: merge patch of spec; empty: it is so already.
        done: `stopped`, for the line on stdout.
        next: what happens now, for people.
        reached: whether it has happened, of an experiment; None: there is nothing to wait for.
        hopeless: why it will not; empty while it can.
    """

    spec: Wire
    done: str
    next: str
    reached: Callable[[Experiment], bool] | None = None
    hopeless: Callable[[Experiment], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class SteerCommand:
    """`flags`, `options` and `run` of a verb."""

    flags: Callable[[argparse.ArgumentParser], None]
    options: Callable[[argparse.Namespace], SteerOptions]
    run: Callable[[Session, SteerOptions], Coroutine[Any, Any, int]]


def steering(decide: Callable[[Experiment], Steer], wait_help: str) -> SteerCommand:
    """The verb that does what `decide` says; `wait_help` is what --wait waits for."""

    def flags(parser: argparse.ArgumentParser) -> None:
        """experiment/NAME, --wait, --timeout."""
        words = parser.add_argument("experiment", metavar="experiment/NAME", help="the experiment")
        words.completer = complete_experiments  # type: ignore[attr-defined]  # argcomplete's own way
        add_wait_flag(parser, default=False, help_text=f"wait until {wait_help} (default: false)")
        add_timeout_flag(parser, "2m")

    def options(arguments: argparse.Namespace) -> SteerOptions:
        """Raises UsageError."""
        ref = expect(parse_ref(arguments.experiment, Experiment), Experiment)
        return SteerOptions(ref, arguments.wait, arguments.timeout)

    async def run(session: Session, options: SteerOptions) -> int:
        """Patch spec."""
        return await steer(session, options, decide)

    return SteerCommand(flags, options, run)


async def steer(session: Session, options: SteerOptions, decide: Callable[[Experiment], Steer]) -> int:
    """Do what `decide` says of the experiment as it is now. Raises what `decide` raises, WaitFailed."""
    ref = options.ref
    async with session.client() as client:
        experiment = await fetch_typed(client, Experiment, ref.name, session.namespace)
        decided = decide(experiment)
        if decided.spec:
            await client.raw_patch(ref.kind.info, ref.name, session.namespace, {"spec": decided.spec})
        session.line(f"{qualified(ref.kind.info)}/{ref.name} {decided.done}")
        session.out.flush()
        session.note(decided.next)
        if options.wait and decided.reached is not None:
            await wait_for(session, client, ref, _goal(decided, decided.reached), options.timeout_s)
            session.note(f"{ref}: done")
    return 0


def _goal(decided: Steer, reached: Callable[[Experiment], bool]) -> Goal:
    def state(wire: Wire | None) -> str:
        status = Experiment.from_stored(wire).status if wire else None
        return f"its phase is {status.phase}" if status else "it is not there"

    return Goal(
        text=f"it to be {decided.done}",
        reached=lambda wire: wire is not None and reached(Experiment.from_stored(wire)),
        state=state,
        hopeless=lambda wire: decided.hopeless(Experiment.from_stored(wire)) if wire is not None else "",
    )
