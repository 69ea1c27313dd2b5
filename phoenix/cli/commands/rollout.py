"""`phoenixctl rollout status|history|diff|undo|pause|resume|abort`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.api.pipeline import PipelineDeployment
from phoenix.cli.commands.wait import wait_for
from phoenix.cli.completing import complete_refs
from phoenix.cli.errors import UsageError
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.finding import fetch_typed
from phoenix.cli.kinds import Ref, expect, parse_refs, qualified
from phoenix.cli.options import add_timeout_flag, add_wait_flag
from phoenix.cli.parsing import Parser
from phoenix.cli.printers.yaml import to_yaml
from phoenix.cli.rollouts import history_grid, revision_object, rolled_out, state_of, undo
from phoenix.cli.rolloutsteps import STEERING, diff_lines, revisions_to_compare
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient

DESCRIPTION = "Follow, look back on, and undo the rollouts of a deployment."
EXAMPLES = """
phoenixctl rollout status pipelinedeployment/edge --timeout=30s
phoenixctl rollout history pd/edge
phoenixctl rollout history pd/edge --revision=2      what revision 2 was
phoenixctl rollout diff pd/edge                      what the newest changes against what runs
phoenixctl rollout diff pd/edge --from=1 --to=3
phoenixctl rollout resume pd/edge                    go on from a held step
phoenixctl rollout abort pd/edge                     back to the revision before
phoenixctl rollout undo pd/edge                      to the good revision before
phoenixctl rollout undo pd/edge --to-revision=1
"""


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """Which action, on which deployment; the rest is for some of them."""

    action: str
    ref: Ref
    revision: int | None = None
    from_revision: int | None = None
    wait: bool = True
    timeout_s: float = 60.0
    dry_run: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """One sub-parser an action."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    status = actions.add_parser(
        "status", help="wait until the rollout is done; exit 3 if it is not, or was rolled back"
    )
    _add_name(status)
    add_wait_flag(status, default=True, help_text="wait; false: say what is so now (default: true)")
    add_timeout_flag(status, "60s")
    history = actions.add_parser("history", help="revisions and what became of them; * runs now")
    _add_name(history)
    history.add_argument("--revision", type=int, metavar="N", help="show this revision")
    diff_parser = actions.add_parser("diff", help="what changed between two revisions")
    _add_name(diff_parser)
    diff_parser.add_argument("--from", dest="from_revision", type=int, metavar="N", help="(default: the one that runs)")
    diff_parser.add_argument("--to", dest="revision", type=int, metavar="N", help="(default: the newest)")
    undo_parser = actions.add_parser("undo", help="copy an earlier revision's pipeline and engine into the spec")
    _add_name(undo_parser)
    undo_parser.add_argument(
        "--to-revision", dest="revision", type=int, metavar="N", help="(default: the last good one)"
    )
    undo_parser.add_argument("--dry-run", choices=("none", "server"), default="none", help="server: change nothing")
    for action, text in (
        ("pause", "roll nothing further out"),
        ("resume", "roll out again, or go on from a held step"),
        ("abort", "take the revision that is being rolled out back"),
    ):
        _add_name(actions.add_parser(action, help=text))


def _add_name(parser: argparse.ArgumentParser) -> None:
    words = parser.add_argument("what", nargs="+", metavar="pipelinedeployment/NAME", help="the deployment")
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way


def options(arguments: argparse.Namespace) -> RolloutOptions:
    """Raises UsageError."""
    refs = parse_refs(arguments.what)
    if len(refs) != 1:
        raise UsageError("rollout takes one deployment", "write pipelinedeployment/NAME")
    return RolloutOptions(
        action=arguments.action,
        ref=expect(refs[0], PipelineDeployment),
        revision=getattr(arguments, "revision", None),
        from_revision=getattr(arguments, "from_revision", None),
        wait=getattr(arguments, "wait", True),
        timeout_s=float(getattr(arguments, "timeout", 60.0)),
        dry_run=getattr(arguments, "dry_run", "none") == "server",
    )


async def run(session: Session, options: RolloutOptions) -> int:
    """Do the action."""
    async with session.client() as client:
        match options.action:
            case "status":
                return await _status(session, client, options)
            case "history":
                return await _history(session, client, options)
            case "undo":
                return await _undo(session, client, options)
            case "diff":
                return await _diff(session, client, options)
            case _:
                deployment = await fetch_typed(client, PipelineDeployment, options.ref.name, session.namespace)
                patch, said = STEERING[options.action](deployment)
                await client.raw_patch(PipelineDeployment.info, options.ref.name, session.namespace, patch)
                session.line(f"{qualified(PipelineDeployment.info)}/{options.ref.name} {said}")
                return ExitCode.OK


async def _diff(session: Session, client: HttpClient, options: RolloutOptions) -> int:
    deployment = await fetch_typed(client, PipelineDeployment, options.ref.name, session.namespace)
    before, after = revisions_to_compare(deployment, options.from_revision, options.revision)
    lines = diff_lines(
        (await revision_object(client, deployment, before))[1], (await revision_object(client, deployment, after))[1]
    )
    for line in lines:
        session.line(line)
    if not lines:
        session.note(f"revisions {before} and {after} are the same pipeline")
    return ExitCode.OK


async def _status(session: Session, client: HttpClient, options: RolloutOptions) -> int:
    if not options.wait:
        state = state_of(await fetch_typed(client, PipelineDeployment, options.ref.name, session.namespace))
        session.line(f"{options.ref}: {state.failed or state.said}")
        return ExitCode.OK if state.done else ExitCode.WAIT_FAILED
    wire = await wait_for(session, client, options.ref, rolled_out(), options.timeout_s)
    state = state_of(PipelineDeployment.from_stored(wire or {}))
    session.line(f"{options.ref} is rolled out: {state.said}")
    return ExitCode.OK


async def _history(session: Session, client: HttpClient, options: RolloutOptions) -> int:
    deployment = await fetch_typed(client, PipelineDeployment, options.ref.name, session.namespace)
    if options.revision is None:
        if not deployment.status.history:
            session.note(f"{options.ref} has no revision yet")
            return ExitCode.OK
        for line in history_grid(deployment).lines(session.width, session.style):
            session.line(line)
        return ExitCode.OK
    record, revision = await revision_object(client, deployment, options.revision)
    session.line(f"revision {record.revision} of {options.ref}: {record.outcome}")
    for line in to_yaml({"history": record.to_wire(), "spec": revision.spec.to_wire()}).splitlines():
        session.line(line)
    return ExitCode.OK


async def _undo(session: Session, client: HttpClient, options: RolloutOptions) -> int:
    name = options.ref.name
    undone = await undo(client, name, session.namespace, options.revision, dry_run=options.dry_run)
    if not undone.changed:
        session.line(f"{qualified(options.ref.kind.info)}/{name} unchanged")
        session.note(f"its spec is that of revision {undone.revision} already")
        return ExitCode.OK
    suffix = " (server dry run)" if options.dry_run else ""
    session.line(f"{qualified(options.ref.kind.info)}/{name} undone to revision {undone.revision}{suffix}")
    if not options.dry_run:
        session.note(
            f"pipeline {undone.pipeline_hash} is rolled out again as a new revision; "
            f"`phoenixctl rollout status {options.ref}` follows it"
        )
    return ExitCode.OK
