"""`phoenixctl delete`: delete objects and wait until they, and their processes, are gone."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.errors import ApiError, NotFound
from phoenix.cli.changing import add_dry_run_flag
from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.explain import explain
from phoenix.cli.finding import not_found
from phoenix.cli.gone import until_gone
from phoenix.cli.kinds import qualified
from phoenix.cli.options import add_timeout_flag, add_wait_flag, boolean
from phoenix.cli.selecting import Selection, Target, add_selection_flags, read_selection, targets
from phoenix.cli.session import Session
from phoenix.cli.wire import send
from phoenix.client.http import HttpClient

DESCRIPTION = "Delete objects. Waits until each is gone: an experiment goes when its last process has ended."
EXAMPLES = """
phoenixctl delete experiment http-lean
phoenixctl delete exp/http-lean pd/edge --timeout=1m
phoenixctl delete -f resources/examples/
phoenixctl delete experiments -l team=checkout --wait=false
phoenixctl delete pd edge --cascade=orphan          its collectors run on
"""
_CASCADE = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """What, and how: propagation is what becomes of dependents; grace_s None is the server's own."""

    selection: Selection
    propagation: str = "Background"
    grace_s: int | None = None
    wait: bool = True
    timeout_s: float = 60.0
    ignore_not_found: bool = False
    dry_run: str = "none"
    names_only: bool = False
    ask: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """What, how, and how long to wait."""
    add_selection_flags(parser)
    how = parser.add_argument(
        "--cascade", default="background", nargs="?", const="background", metavar="HOW",
        help="what becomes of what it owns: background or foreground deletion, or orphan (default: background)",
    )  # fmt: skip
    how.completer = lambda **_: list(_CASCADE)  # type: ignore[attr-defined]  # argcomplete's own way
    parser.add_argument("--grace-period", type=int, metavar="SECONDS", help="0 or more; -1: as the object says")
    parser.add_argument("--now", action="store_true", help="same as --grace-period=1")
    parser.add_argument("--force", action="store_true", help="with --grace-period=0; finalizers still hold")
    add_wait_flag(parser, default=True, help_text="wait until they are gone (default: true)")
    add_timeout_flag(parser, "60s")
    parser.add_argument("--ignore-not-found", action="store_true", help="an object that is not there is no error")
    parser.add_argument("-i", "--interactive", action="store_true", help="ask before anything is deleted")
    parser.add_argument("-o", "--output", choices=("name",), default="", metavar="FORMAT", help="name")
    add_dry_run_flag(parser)


def options(arguments: argparse.Namespace) -> DeleteOptions:
    """Raises UsageError."""
    selection = read_selection(arguments, "deleted")
    return DeleteOptions(
        selection,
        propagation=_propagation(arguments.cascade),
        grace_s=_grace_s(arguments),
        wait=arguments.wait,
        timeout_s=arguments.timeout,
        # NB: with --all and -l what went meanwhile is gone, which is what was wanted.
        ignore_not_found=arguments.ignore_not_found or not selection.named,
        dry_run=arguments.dry_run,
        names_only=arguments.output == "name",
        ask=arguments.interactive,
    )


def _propagation(text: str) -> str:
    if text.lower() in _CASCADE:
        return _CASCADE[text.lower()]
    try:
        return "Background" if boolean(text) else "Orphan"  # kubectl's older words
    except argparse.ArgumentTypeError:
        raise UsageError(f'--cascade "{text}"', f"choose from {', '.join(_CASCADE)}") from None


def _grace_s(arguments: argparse.Namespace) -> int | None:
    given = arguments.grace_period
    if arguments.now and given not in (None, -1):
        raise UsageError("--now and --grace-period contradict each other", "give one of them")
    if arguments.force and given not in (None, 0):
        raise UsageError("--force goes with --grace-period=0", "leave --grace-period out")
    if given is not None and given < -1:
        raise UsageError(f"--grace-period {given} is less than nothing", "give seconds, or -1")
    if arguments.now:
        return 1
    return 0 if arguments.force else None if given == -1 else given


async def run(session: Session, options: DeleteOptions) -> int:
    """Delete all, then wait for all. Exit 1 if one could not be deleted, 3 if the wait ran out."""
    async with session.client() as client:
        found, failed = await targets(session, client, options.selection)
        if options.selection.files:
            found.reverse()  # what refers goes before what it refers to
        if options.ask and found and not _agreed(session, found):
            session.note("nothing was deleted")
            return int(failed)
        waiting: list[tuple[Target, str]] = []
        for target in found:
            try:
                uid = await _delete(client, target, options)
            except NotFound:
                if not options.ignore_not_found:
                    failed = True
                    said = await not_found(client, target.info, target.name, target.namespace)
                    session.error(said.message, said.hint)
                continue
            except ApiError as error:
                failed = True
                session.error(explain(error)[0])
                continue
            _say(session, target, options)
            if uid:
                waiting.append((target, uid))
        session.out.flush()
        if options.wait and waiting:
            await until_gone(session, client, waiting, options.timeout_s)
    return int(failed)


def _say(session: Session, target: Target, options: DeleteOptions) -> None:
    suffix = f" ({options.dry_run} dry run)" if options.dry_run != "none" else ""
    words = "" if options.names_only else f" deleted{suffix}"
    session.line(f"{qualified(target.info)}/{target.name}{words}")


def _agreed(session: Session, found: list[Target]) -> bool:
    if not session.err.isatty():
        raise CliError("-i asks, and there is nobody at a terminal to answer", "leave -i out")
    session.note("to be deleted: " + ", ".join(map(str, found)))
    session.err.write("delete them? (y/N) ")
    session.err.flush()
    return input().strip().lower() in ("y", "yes")


async def _delete(client: HttpClient, target: Target, options: DeleteOptions) -> str:
    """Ask for it; the uid to wait for, empty when it is gone already, or stays."""
    if options.dry_run == "client":
        await send(client, "GET", target.path)
        return ""
    body: dict[str, Any] = {
        "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": options.propagation,
    }  # fmt: skip
    if options.grace_s is not None:
        body["gracePeriodSeconds"] = options.grace_s
    if options.dry_run == "server":
        body["dryRun"] = ["All"]
    answer = await send(client, "DELETE", target.path, body)
    if options.dry_run == "server" or answer.get("kind") == "Status":
        return ""
    return str(answer["metadata"]["uid"])
