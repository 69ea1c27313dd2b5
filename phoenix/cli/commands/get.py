"""`phoenixctl get`: list objects."""

from __future__ import annotations

import argparse
import sys
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import Resource
from phoenix.cli.changing import without_managed_fields
from phoenix.cli.completing import complete_outputs, complete_refs
from phoenix.cli.errors import UsageError
from phoenix.cli.files import add_files_flag
from phoenix.cli.finding import namespace_hint, not_found
from phoenix.cli.getting import Collection, changes, listed, merged, sorted_by
from phoenix.cli.kinds import kinds_of, parse_refs, scope
from phoenix.cli.options import add_selector_flag
from phoenix.cli.printers.base import OUTPUT_HELP, Page, Printer, TableStyle, check_output, printer_for
from phoenix.cli.printers.table import TablePrinter
from phoenix.cli.progress import Progress
from phoenix.cli.selecting import Target, check_selector, from_files
from phoenix.cli.session import Session
from phoenix.cli.wire import send
from phoenix.client.http import HttpClient
from phoenix.client.transport import to_error

DESCRIPTION = "List objects of a kind, of several (exp,pd), of a category (all), or by name."
EXAMPLES = """
phoenixctl get experiments                 or: get exp
phoenixctl get all -A                      experiments and deployments of every namespace
phoenixctl get exp/http-lean pd/edge -o yaml
phoenixctl get collectors -l phoenix.io/experiment=http-lean -o wide
phoenixctl get exp http-lean -o jsonpath='{.status.verdict}'
phoenixctl get exp -o custom-columns=NAME:.metadata.name,VERDICT:.status.verdict
phoenixctl get exp --sort-by=.status.progress -L team
phoenixctl get pd -w --output-watch-events go on with every change
phoenixctl get events --field-selector involvedObject.name=http-lean
phoenixctl get --raw /apis/phoenix.io/v1alpha1
"""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class GetOptions:
    """One of `raw` (a path), `refs`, `files` and `kinds`."""

    raw: str = ""
    refs: tuple[tuple[type[Resource], str], ...] = ()
    files: tuple[str, ...] = ()
    kinds: tuple[type[Resource], ...] = ()
    output: str = ""
    label_selector: str = ""
    field_selector: str = ""
    all_namespaces: bool = False
    watch: bool = False
    watch_only: bool = False
    watch_events: bool = False
    sort_by: str = ""
    no_headers: bool = False
    chunk_size: int = _PAGE
    ignore_not_found: bool = False
    subresource: str = ""
    show_labels: bool = False
    show_kind: bool = False
    show_managed_fields: bool = False
    label_columns: tuple[str, ...] = ()


def flags(parser: argparse.ArgumentParser) -> None:
    """What, and how to show it."""
    words = parser.add_argument("what", nargs="*", metavar="KIND|KIND/NAME", help="kinds, or objects: KIND NAME...")
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    add_files_flag(parser, required=False)
    parser.add_argument("--raw", default="", metavar="PATH", help="print what the server answers at a path")
    shown = parser.add_argument("-o", "--output", default="", metavar="FORMAT", help=OUTPUT_HELP)
    shown.completer = complete_outputs  # type: ignore[attr-defined]  # argcomplete's own way
    add_selector_flag(parser)
    parser.add_argument("--field-selector", default="", metavar="SELECTOR", help="fields: status.phase=Running")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="of every namespace")
    parser.add_argument("-w", "--watch", action="store_true", help="go on with every change until interrupted")
    parser.add_argument("--watch-only", action="store_true", help="every change, without what there is now")
    parser.add_argument("--output-watch-events", action="store_true", help="with -w: ADDED, MODIFIED or DELETED, too")
    parser.add_argument("--sort-by", default="", metavar="PATH", help="sort by a JSONPath: .metadata.creationTimestamp")
    parser.add_argument("-L", "--label-columns", action="append", default=[], metavar="LABELS",
                        help="labels to show as columns, by comma")  # fmt: skip
    parser.add_argument("--show-labels", action="store_true", help="all labels as the last column")
    parser.add_argument("--show-kind", action="store_true", help="names with their kind")
    parser.add_argument("--no-headers", action="store_true", help="tables without titles")
    parser.add_argument("--ignore-not-found", action="store_true", help="a name that is not there is no error")
    parser.add_argument("--chunk-size", type=int, default=_PAGE, metavar="N",
                        help="objects asked for at once; 0: all (default: %(default)s)")  # fmt: skip
    parser.add_argument("--subresource", choices=("", "status"), default="", metavar="NAME", help="status")
    parser.add_argument("--show-managed-fields", action="store_true", help="with -o yaml or json: who owns what")


def options(arguments: argparse.Namespace) -> GetOptions:
    """Raises UsageError."""
    words = arguments.what
    if sum(map(bool, (words, arguments.filename, arguments.raw))) != 1:
        raise UsageError("what is to be shown?", "name a kind, or objects, files with -f, or a path with --raw")
    check_selector(arguments.selector)
    named = len(words) > 1 or "/" in "".join(words)
    found = GetOptions(
        raw=arguments.raw,
        refs=tuple((ref.kind, ref.name) for ref in parse_refs(words)) if named else (),
        files=tuple(arguments.filename),
        kinds=tuple(kinds_of(words[0])) if words and not named else (),
        output=check_output(arguments.output) if arguments.output else "",
        label_selector=arguments.selector,
        field_selector=arguments.field_selector,
        all_namespaces=arguments.all_namespaces,
        watch=arguments.watch or arguments.watch_only,
        watch_only=arguments.watch_only,
        watch_events=arguments.output_watch_events,
        sort_by=arguments.sort_by,
        no_headers=arguments.no_headers,
        chunk_size=arguments.chunk_size,
        ignore_not_found=arguments.ignore_not_found,
        subresource=arguments.subresource,
        show_labels=arguments.show_labels,
        show_kind=arguments.show_kind,
        show_managed_fields=arguments.show_managed_fields,
        label_columns=tuple(key for text in arguments.label_columns for key in text.split(",") if key),
    )
    _check(found)
    return found


def _check(found: GetOptions) -> None:
    if found.raw and not found.raw.startswith("/"):
        raise UsageError(f'--raw "{found.raw}" is no path', "write --raw /version")
    if found.refs and (found.label_selector or found.field_selector or found.all_namespaces):
        raise UsageError("a name and a selector do not go together", "give names, or a selector")
    if found.watch and len(found.kinds) + len(found.refs) != 1:
        raise UsageError("-w watches one kind or one object", "name one")
    if found.watch_events and not found.watch:
        raise UsageError("--output-watch-events is of -w", "add -w")
    if found.chunk_size < 0:
        raise UsageError(f"--chunk-size {found.chunk_size} is less than nothing", "give a number, 0 for all at once")
    if found.subresource and not found.refs:
        raise UsageError("--subresource is of objects by name", "write KIND/NAME")


async def run(session: Session, options: GetOptions) -> int:
    """Print, and with -w go on."""
    style = TableStyle(
        width=session.width,
        colour=session.style.enabled,
        with_namespace=options.all_namespaces,
        headers=not options.no_headers,
        label_columns=options.label_columns,
        show_labels=options.show_labels,
        show_kind=options.show_kind,
    )
    printer = printer_for(options.output, style)
    async with session.client() as client:
        if options.raw:
            return await _raw(session, client, options.raw)
        async with Progress(session, "waiting for the server"):
            pages, failed = await _pages(session, client, options, printer)
        if not options.watch_only and not _print(session, options, printer, pages):
            session.note(await _nothing(session, client, options))
        if options.watch and pages:
            await _watch(session, client, options, printer, pages[0])
    return int(failed)


async def _raw(session: Session, client: HttpClient, path: str) -> int:
    answer = await client.request("GET", path, headers={"Accept": "application/json, */*"})
    if answer.status >= 400:
        raise to_error(answer, client.server)
    session.out.flush()
    stream = getattr(session.out, "buffer", None)
    if stream is not None:
        stream.write(answer.body)
        stream.flush()
    else:
        sys.stdout.write(answer.body.decode("utf-8", "replace"))
    return 0


async def _pages(
    session: Session, client: HttpClient, options: GetOptions, printer: Printer
) -> tuple[list[Page], bool]:
    failed = False
    if options.files:
        wanted, failed = from_files(session, options.files)
    else:
        wanted = [Target(kind, name, scope(kind.info, session.namespace)) for kind, name in options.refs]
    pages = []
    for target in wanted:
        try:
            pages.append(await _named(client, target, options, printer))
        except NotFound:
            if not options.ignore_not_found:
                failed = True
                said = await not_found(client, target.info, target.name, target.namespace)
                session.error(said.message, said.hint)
    if options.sort_by:
        pages = sorted_by(pages, options.sort_by)
    for kind in options.kinds:
        of = _collection(session, kind, options)
        pages.append(
            await listed(
                client, of, table=printer.wants_table, sort_by=options.sort_by, chunk_size=options.chunk_size
            )
        )  # fmt: skip
    return [_shown(page, options) for page in pages], failed


async def _named(client: HttpClient, target: Target, options: GetOptions, printer: Printer) -> Page:
    path = target.info.path(target.namespace, target.name, options.subresource)
    params = {"includeObject": "Object"} if options.sort_by and printer.wants_table else {}
    wire = await send(client, "GET", path, params=params, table=printer.wants_table)
    if printer.wants_table:
        return Page(target.info, table=wire, single=True)
    return Page(target.info, [wire], single=True)


def _collection(session: Session, kind: type[Resource], options: GetOptions) -> Collection:
    namespace = scope(kind.info, "" if options.all_namespaces else session.namespace)
    return Collection(kind.info, namespace, options.label_selector, options.field_selector)


def _shown(page: Page, options: GetOptions) -> Page:
    if options.show_managed_fields or not page.objects:
        return page
    return Page(page.info, [without_managed_fields(wire) for wire in page.objects], None, page.single, page.version)


def _print(session: Session, options: GetOptions, printer: Printer, pages: list[Page]) -> bool:
    """Print what there is; whether there was anything to."""
    if not pages:
        return True
    pages = merged(pages)
    if printer.wants_table and not options.watch and not any((page.table or {}).get("rows") for page in pages):
        return False
    if options.watch_events:
        for page in pages:
            _print_events(session, printer, page)
        return True
    printer.print(pages, session.out)
    session.out.flush()
    return True


def _print_events(session: Session, printer: Printer, page: Page) -> None:
    """What is there now, as the ADDED events it would have been."""
    items: list[Any] = [page.table] if page.table is not None else list(page.objects)
    for item in items:
        _print_change(session, printer, page, {"type": "ADDED", "object": item}, events=True)


async def _nothing(session: Session, client: HttpClient, options: GetOptions) -> str:
    namespace = session.namespace
    scoped = any(kind.info.namespaced for kind in options.kinds) and not options.all_namespaces
    if not scoped:
        return "No resources found"
    hint = await namespace_hint(client, namespace) if namespace != "default" else ""
    return f"No resources found in {namespace} namespace" + (f": {hint}" if hint else ".")


async def _watch(session: Session, client: HttpClient, options: GetOptions, printer: Printer, page: Page) -> None:
    """Changes after what was printed. Ends when the user ends it."""
    kind, name = options.refs[0] if options.refs else (options.kinds[0], "")
    of = _collection(session, kind, options)
    if name:
        of = Collection(of.info, of.namespace, field_selector=f"metadata.name={name}")
    # NB: a named object's own version would do for a watch of its collection, too, but only while it is kept.
    events = changes(session, client, of, _version(page), table=printer.wants_table)
    async with aclosing(events):
        async for event in events:
            _print_change(session, printer, page, event, events=options.watch_events, options=options)


def _version(page: Page) -> str:
    if page.version:
        return page.version
    if page.table is not None:
        return str((page.table.get("metadata") or {}).get("resourceVersion", ""))
    versions = [int(item["metadata"].get("resourceVersion") or 0) for item in page.objects]
    return str(max(versions)) if versions else ""


def _print_change(
    session: Session,
    printer: Printer,
    page: Page,
    event: dict[str, Any],
    *,
    events: bool,
    options: GetOptions | None = None,
) -> None:
    wire = event["object"]
    if isinstance(printer, TablePrinter):
        printer.print_change(wire, session.out, event=event["type"] if events else "")
    else:
        if options is None or not options.show_managed_fields:
            wire = without_managed_fields(wire)
        shown = {"type": event["type"], "object": wire} if events and _prints_whole(printer) else wire
        printer.print([Page(page.info, [shown], single=True)], session.out)
    session.out.flush()


def _prints_whole(printer: Printer) -> bool:
    return bool(getattr(printer, "prints_whole", False))
