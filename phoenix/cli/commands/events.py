"""`phoenixctl events`: what happened, in order."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from phoenix.api.core import Event
from phoenix.cli.completing import complete_refs
from phoenix.cli.following import follow
from phoenix.cli.happenings import event_grid, events_of, in_order, selector
from phoenix.cli.kinds import Ref, parse_ref
from phoenix.cli.printers.yaml import to_yaml
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient

DESCRIPTION = "Show events in the order they were recorded. -o wide adds the data they carry."
EXAMPLES = """
phoenixctl events
phoenixctl events --for experiment/http-lean -w
phoenixctl events --for experiment/http-lean -o wide
phoenixctl events --types Warning -A
"""


@dataclass(frozen=True, slots=True)
class EventsOptions:
    """Of whom (None: all), of which types (empty: all), and how to show them."""

    ref: Ref | None = None
    types: frozenset[str] = frozenset()
    output: str = ""
    watch: bool = False
    all_namespaces: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """--for, --types, -w, -A, -o."""
    of = parser.add_argument("--for", dest="about", metavar="KIND/NAME", help="events of this object")
    of.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    parser.add_argument("--types", default="", metavar="TYPES", help="Normal, Warning or both, by comma")
    parser.add_argument("-w", "--watch", action="store_true", help="go on with every new one until interrupted")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="of every namespace")
    parser.add_argument("-o", "--output", choices=("wide", "json", "yaml"), default="", metavar="FORMAT",
                        help="wide (with data), json or yaml")  # fmt: skip


def options(arguments: argparse.Namespace) -> EventsOptions:
    """Raises UsageError."""
    return EventsOptions(
        ref=parse_ref(arguments.about) if arguments.about else None,
        types=frozenset(filter(None, arguments.types.split(","))),
        output=arguments.output,
        watch=arguments.watch,
        all_namespaces=arguments.all_namespaces,
    )


async def run(session: Session, options: EventsOptions) -> int:
    """Print, and with -w go on."""
    async with session.client() as client:
        if options.watch:
            await _watch(session, client, options)
            return 0
        kind, name = _about(options)
        found = [
            item
            for item in await events_of(client, _namespace(session, options), kind=kind, name=name)
            if _wanted(item, options)
        ]
    if options.output in ("json", "yaml"):
        document = {"apiVersion": "v1", "kind": "EventList", "items": found}
        text = (
            to_yaml(document)
            if options.output == "yaml"
            else orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
        )
        session.line(text.rstrip("\n"))
        return 0
    if not found:
        session.note("no events" + (f" of {options.ref}" if options.ref else ""))
        return 0
    _print(session, options, found, headers=True)
    return 0


def _about(options: EventsOptions) -> tuple[str, str]:
    return (options.ref.kind.info.kind, options.ref.name) if options.ref else ("", "")


def _namespace(session: Session, options: EventsOptions) -> str:
    if options.all_namespaces:
        return ""
    # NB: events of cluster-scoped objects are kept in the namespace `default`.
    return "default" if options.ref and not options.ref.kind.info.namespaced else session.namespace


def _wanted(event: dict[str, object], options: EventsOptions) -> bool:
    return not options.types or event.get("type") in options.types


def _print(session: Session, options: EventsOptions, found: list[dict[str, object]], *, headers: bool) -> None:
    grid = event_grid(
        found,
        wide=options.output == "wide",
        namespaces=options.all_namespaces,
        objects=options.ref is None,
        headers=headers,
    )
    for line in grid.lines(session.width, session.style):
        session.line(line)
    session.out.flush()


async def _watch(session: Session, client: HttpClient, options: EventsOptions) -> None:
    changes = follow(
        client,
        Event.info,
        _namespace(session, options),
        field_selector=selector(*_about(options)),
        on_trouble=session.note,
    )
    before: list[dict[str, object]] | None = []
    async with aclosing(changes):
        async for change in changes:
            if change.type == "SYNCED":
                if before:
                    _print(session, options, in_order(before), headers=True)
                before = None
            elif change.type != "DELETED" and _wanted(change.wire, options):
                if before is not None:
                    before.append(change.wire)
                else:
                    _print(session, options, [change.wire], headers=False)
