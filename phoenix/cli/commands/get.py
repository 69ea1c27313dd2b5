"""`phoenixctl get`: list objects."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.errors import Expired
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.cli.completing import complete_refs
from phoenix.cli.errors import UsageError
from phoenix.cli.finding import fetch
from phoenix.cli.kinds import Ref, kinds_of, parse_refs, scope
from phoenix.cli.options import add_selector_flag
from phoenix.cli.printers.base import OUTPUT_HELP, Page, Printer, TableStyle, check_output, printer_for
from phoenix.cli.printers.table import TablePrinter
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient

DESCRIPTION = "List objects of a kind, of several (exp,pd), of a category (all), or by name."
EXAMPLES = """
phoenixctl get experiments                 or: get exp
phoenixctl get all -A                      experiments and deployments of every namespace
phoenixctl get exp/http-lean -o yaml
phoenixctl get collectors -l phoenix.io/experiment=http-lean -o wide
phoenixctl get exp http-lean -o jsonpath='{.status.verdict}'
phoenixctl get pd -w                       go on with every change
phoenixctl get events --field-selector involvedObject.name=http-lean
"""


@dataclass(frozen=True, slots=True)
class GetOptions:
    """Either `refs` or `kinds`."""

    refs: tuple[Ref, ...] = ()
    kinds: tuple[type[Resource], ...] = ()
    output: str = ""
    label_selector: str = ""
    field_selector: str = ""
    all_namespaces: bool = False
    watch: bool = False
    sort_by: str = ""
    no_headers: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """What, and how to show it."""
    words = parser.add_argument("what", nargs="+", metavar="KIND|KIND/NAME", help="kinds, or objects: KIND NAME...")
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    parser.add_argument("-o", "--output", default="", metavar="FORMAT", help=OUTPUT_HELP)
    add_selector_flag(parser)
    parser.add_argument("--field-selector", default="", metavar="SELECTOR", help="fields: status.phase=Running")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="of every namespace")
    parser.add_argument("-w", "--watch", action="store_true", help="go on with every change until interrupted")
    parser.add_argument("--sort-by", default="", metavar="PATH", help="sort by a JSONPath: .metadata.creationTimestamp")
    parser.add_argument("--no-headers", action="store_true", help="tables without titles")


def options(arguments: argparse.Namespace) -> GetOptions:
    """Raises UsageError."""
    words = arguments.what
    named = len(words) > 1 or "/" in words[0]
    found = GetOptions(
        refs=tuple(parse_refs(words)) if named else (),
        kinds=() if named else tuple(kinds_of(words[0])),
        output=check_output(arguments.output) if arguments.output else "",
        label_selector=arguments.selector,
        field_selector=arguments.field_selector,
        all_namespaces=arguments.all_namespaces,
        watch=arguments.watch,
        sort_by=arguments.sort_by,
        no_headers=arguments.no_headers,
    )
    if found.refs and (found.label_selector or found.field_selector or found.all_namespaces):
        raise UsageError("a name and a selector do not go together", "give names, or a selector")
    if found.watch and (len(found.kinds) > 1 or len(found.refs) > 1):
        raise UsageError("-w watches one kind or one object", "name one")
    return found


async def run(session: Session, options: GetOptions) -> int:
    """Print, and with -w go on."""
    style = TableStyle(
        width=session.width,
        colour=session.style.enabled,
        with_namespace=options.all_namespaces,
        headers=not options.no_headers,
    )
    printer = printer_for(options.output, style)
    async with session.client() as client:
        pages = [await _named(client, ref, session.namespace, printer) for ref in options.refs]
        namespace = "" if options.all_namespaces else session.namespace
        pages += [await _listed(client, kind.info, namespace, options, printer) for kind in options.kinds]
        if printer.wants_table and not options.watch and not any((page.table or {}).get("rows") for page in pages):
            session.note(_nothing(options, session.namespace))
        else:
            printer.print(_merged(pages), session.out)
            session.out.flush()
        if options.watch:
            await _watch(session, client, options, printer, pages[0])
    return 0


def _nothing(options: GetOptions, namespace: str) -> str:
    plural = ", ".join(kind.info.plural for kind in options.kinds)
    scoped = any(kind.info.namespaced for kind in options.kinds) and not options.all_namespaces
    return f"no {plural}" + (f" in namespace {namespace}" if scoped else "")


async def _named(client: HttpClient, ref: Ref, namespace: str, printer: Printer) -> Page:
    info = ref.kind.info
    wire = await fetch(client, info, ref.name, namespace, table=printer.wants_table)
    if printer.wants_table:
        return Page(info, table=wire, single=True)
    return Page(info, [wire], single=True)


async def _listed(client: HttpClient, info: KindInfo, namespace: str, options: GetOptions, printer: Printer) -> Page:
    async def ask(*, table: bool) -> dict[str, Any]:
        return await client.raw_list(
            info,
            scope(info, namespace),
            label_selector=options.label_selector,
            field_selector=options.field_selector,
            table=table,
        )

    wire = await ask(table=printer.wants_table)
    key = "rows" if printer.wants_table else "items"
    if options.sort_by:
        objects = wire["items"] if key == "items" else (await ask(table=False))["items"]
        ranks = _ranks(objects, options.sort_by)
        wire[key].sort(key=lambda item: ranks.get(_uid(item if key == "items" else item["object"]), len(ranks)))
    return Page(info, table=wire) if printer.wants_table else Page(info, wire["items"])


def _uid(wire: dict[str, Any]) -> str:
    return str(wire["metadata"].get("uid", ""))


def _ranks(objects: list[dict[str, Any]], path: str) -> dict[str, int]:
    """uid → position when sorted: absent values first, numbers by size, then text."""
    from phoenix.cli.printers.jsonpath import compile_path, find_all

    compiled = compile_path(path)

    def rank(wire: dict[str, Any]) -> tuple[int, float, str]:
        value = next(iter(find_all(compiled, wire)), None)
        if value is None:
            return (0, 0.0, "")
        return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value))

    return {_uid(wire): at for at, wire in enumerate(sorted(objects, key=rank))}


def _merged(pages: list[Page]) -> list[Page]:
    """Rows of the same kind as one table: `get exp a b`."""
    merged: dict[str, Page] = {}
    for page in pages:
        first = merged.get(page.info.kind)
        if first is None:
            merged[page.info.kind] = page
        elif first.table is not None and page.table is not None:
            first.table["rows"] += page.table["rows"]
        else:
            merged[page.info.kind] = Page(page.info, [*first.objects, *page.objects])
    return list(merged.values())


async def _watch(session: Session, client: HttpClient, options: GetOptions, printer: Printer, page: Page) -> None:
    """Changes after what was printed. Ends when the user ends it."""
    info = page.info
    namespace = scope(info, "" if options.all_namespaces else session.namespace)
    selector = f"metadata.name={options.refs[0].name}" if options.refs else options.field_selector
    # NB: a named object's own version would do for a watch of its collection, too, but only while it is kept.
    version = _version(page)
    while True:
        try:
            events = client.raw_watch(
                info,
                namespace,
                resource_version=version,
                label_selector=options.label_selector,
                field_selector=selector,
                table=printer.wants_table,
            )
            async with aclosing(events):
                async for event in events:
                    wire = event["object"]
                    version = str(wire["metadata"].get("resourceVersion") or version)
                    if event["type"] != "BOOKMARK":
                        _print_change(session, printer, info, wire)
        except Expired:
            version = ""


def _version(page: Page) -> str:
    if page.table is not None:
        return str((page.table.get("metadata") or {}).get("resourceVersion", ""))
    versions = [int(item["metadata"].get("resourceVersion") or 0) for item in page.objects]
    return str(max(versions)) if versions else ""


def _print_change(session: Session, printer: Printer, info: KindInfo, wire: dict[str, Any]) -> None:
    if isinstance(printer, TablePrinter):
        printer.print_change(wire, session.out)
    else:
        printer.print([Page(info, [wire], single=True)], session.out)
        session.out.flush()
