"""`phoenixctl delete`: delete objects and wait until they, and their processes, are gone."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from phoenix.apimachinery.errors import ApiError, NotFound
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.cli.completing import complete_refs
from phoenix.cli.errors import CliError, UsageError, WaitFailed
from phoenix.cli.explain import explain
from phoenix.cli.files import add_files_flag, load
from phoenix.cli.finding import not_found
from phoenix.cli.following import follow
from phoenix.cli.kinds import Ref, kind_of, parse_refs, qualified, scope
from phoenix.cli.options import add_selector_flag, add_timeout_flag, add_wait_flag
from phoenix.cli.progress import Progress
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient

DESCRIPTION = "Delete objects. Waits until each is gone: an experiment goes when its last process has ended."
EXAMPLES = """
phoenixctl delete experiment http-lean
phoenixctl delete exp/http-lean pd/edge --timeout=1m
phoenixctl delete -f resources/examples/
phoenixctl delete experiments -l team=checkout --wait=false
"""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """What: `refs`, `files`, or objects of `kind` by selector (empty with --all)."""

    refs: tuple[Ref, ...] = ()
    files: tuple[str, ...] = ()
    kind: type[Resource] | None = None
    label_selector: str = ""
    wait: bool = True
    timeout_s: float = 60.0
    ignore_not_found: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Doomed:
    """One object to delete."""

    info: KindInfo
    name: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.info.singular}/{self.name}"


def flags(parser: argparse.ArgumentParser) -> None:
    """What, and how long to wait."""
    words = parser.add_argument(
        "what", nargs="*", metavar="KIND|KIND/NAME", help="objects: KIND NAME... or KIND/NAME..."
    )
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    add_files_flag(parser, required=False)
    add_selector_flag(parser)
    parser.add_argument("--all", action="store_true", help="every object of the kind in the namespace")
    add_wait_flag(parser, default=True, help_text="wait until they are gone (default: true)")
    add_timeout_flag(parser, "60s")
    parser.add_argument("--ignore-not-found", action="store_true", help="an object that is not there is no error")
    parser.add_argument("--dry-run", choices=("none", "server"), default="none", help="server: check, delete nothing")


def options(arguments: argparse.Namespace) -> DeleteOptions:
    """Raises UsageError."""
    words, by_selector = arguments.what, bool(arguments.selector or arguments.all)
    if bool(words) == bool(arguments.filename):
        raise UsageError("what is to be deleted?", "name objects, or files with -f")
    kind = None
    if by_selector:
        if len(words) != 1 or "/" in words[0]:
            raise UsageError("-l and --all take one kind and no name", "write `delete experiments -l a=b`")
        kind = kind_of(words[0])
    return DeleteOptions(
        refs=tuple(parse_refs(words)) if words and not by_selector else (),
        files=tuple(arguments.filename),
        kind=kind,
        label_selector=arguments.selector,
        wait=arguments.wait,
        timeout_s=arguments.timeout,
        ignore_not_found=arguments.ignore_not_found,
        dry_run=arguments.dry_run == "server",
    )


async def run(session: Session, options: DeleteOptions) -> int:
    """Delete all, then wait for all. Exit 1 if one could not be deleted, 3 if the wait ran out."""
    async with session.client() as client:
        doomed, failed = await _doomed(session, client, options)
        waiting: list[tuple[_Doomed, str]] = []
        for item in doomed:
            try:
                uid = await _delete(client, item, dry_run=options.dry_run)
            except NotFound:
                if not options.ignore_not_found:
                    failed = True
                    said = await not_found(client, item.info, item.name, item.namespace)
                    session.error(said.message, said.hint)
                continue
            except ApiError as error:
                failed = True
                session.error(explain(error)[0])
                continue
            suffix = " (server dry run)" if options.dry_run else ""
            session.line(f"{qualified(item.info)}/{item.name} deleted{suffix}")
            if uid and not options.dry_run:
                waiting.append((item, uid))
        session.out.flush()
        if options.wait and waiting:
            await _wait(session, client, waiting, options.timeout_s)
    return 1 if failed else 0


async def _doomed(session: Session, client: HttpClient, options: DeleteOptions) -> tuple[list[_Doomed], bool]:
    namespace = session.namespace
    if options.kind is not None:
        info = options.kind.info
        listed = await client.raw_list(info, scope(info, namespace), label_selector=options.label_selector)
        names = [item["metadata"]["name"] for item in listed.get("items") or []]
        if not names:
            session.note(f"no {info.plural} match")
        return [_Doomed(info, name, scope(info, namespace)) for name in names], False
    if options.refs:
        return [_Doomed(ref.kind.info, ref.name, scope(ref.kind.info, namespace)) for ref in options.refs], False
    loaded = load(options.files)
    for fault in loaded.errors:
        session.error(str(fault))
    # The other way round than they were made: what refers goes before what it refers to.
    found = [
        _Doomed(item.kind.info, item.key.name, scope(item.kind.info, item.key.namespace or namespace))
        for item in reversed(loaded.objects)
    ]
    return found, bool(loaded.errors)


async def _delete(client: HttpClient, item: _Doomed, *, dry_run: bool) -> str:
    """Ask for it; the uid to wait for, empty when it is gone already."""
    params = {"dryRun": "All"} if dry_run else None
    answer = await client.raw_delete(item.info, item.name, item.namespace, params=params)
    return "" if answer.get("kind") == "Status" else str(answer["metadata"]["uid"])


async def _wait(session: Session, client: HttpClient, waiting: list[tuple[_Doomed, str]], timeout_s: float) -> None:
    left = list(waiting)
    try:
        async with asyncio.timeout(timeout_s), Progress(session, "") as progress:
            while left:
                item, uid = left[0]
                progress.text = f"waiting until {item} is gone"
                await _until_gone(session, client, item, uid, progress)
                left.pop(0)
    except TimeoutError:
        item, _ = left[0]
        raise await _still_there(client, item, timeout_s) from None


async def _until_gone(session: Session, client: HttpClient, item: _Doomed, uid: str, progress: Progress) -> None:
    changes = follow(
        client, item.info, item.namespace, field_selector=f"metadata.name={item.name}", on_trouble=session.note
    )
    there = False
    async with aclosing(changes):
        async for change in changes:
            if change.type == "SYNCED":
                if not there:
                    return
                continue
            same = change.wire["metadata"].get("uid") == uid
            if change.type == "DELETED" and same:
                return
            if same:
                there = True
                held = change.wire["metadata"].get("finalizers") or []
                progress.text = f"waiting until {item} is gone (held by {', '.join(held) or 'nothing any more'})"


async def _still_there(client: HttpClient, item: _Doomed, timeout_s: float) -> CliError:
    try:
        wire = await client.raw_get(item.info, item.name, item.namespace)
        held = ", ".join(wire["metadata"].get("finalizers") or [])
    except ApiError:
        held = ""
    return WaitFailed(
        f"{item} is still there after {timeout_s:g} s" + (f", held by {held}" if held else ""),
        f"it is being deleted: see `phoenixctl describe {item}`, or wait with `phoenixctl wait {item} --for=delete`",
    )
