"""`phoenixctl describe`: everything about an object, with its events."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.apimachinery.meta import KindInfo
from phoenix.cli.completing import complete_refs
from phoenix.cli.figures import age
from phoenix.cli.finding import fetch
from phoenix.cli.grid import Grid
from phoenix.cli.happenings import data_text, event_grid, events_of
from phoenix.cli.kinds import Ref, kind_of, parse_refs, scope
from phoenix.cli.options import add_selector_flag
from phoenix.cli.printers.yaml import to_yaml
from phoenix.cli.report import headline, report, section_lines, wrapped
from phoenix.cli.session import Session
from phoenix.client.apply import LAST_APPLIED
from phoenix.client.http import HttpClient

DESCRIPTION = (
    "Show everything about objects: spec, status, results, conditions, and their events with their data. Of an\n"
    "experiment first what came of it: the verdict, and of a rejected candidate each cause with what to change."
)
EXAMPLES = """
phoenixctl describe experiment http-lean
phoenixctl describe pd/edge
phoenixctl describe hosts                       every host
"""
_LONG = 200
"""From here on a text is not told twice, characters."""
_TOLD_APART = ("conditions", "results", "resolved", "previousRuns")


@dataclass(frozen=True, slots=True)
class DescribeOptions:
    """Names, or a kind with a selector."""

    refs: tuple[Ref, ...]
    kind: KindInfo | None = None
    label_selector: str = ""


def flags(parser: argparse.ArgumentParser) -> None:
    """What."""
    words = parser.add_argument(
        "what", nargs="+", metavar="KIND|KIND/NAME", help="objects: KIND NAME... or KIND/NAME..."
    )
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    add_selector_flag(parser)


def options(arguments: argparse.Namespace) -> DescribeOptions:
    """Raises UsageError."""
    if len(arguments.what) == 1 and "/" not in arguments.what[0]:
        return DescribeOptions((), kind_of(arguments.what[0]).info, arguments.selector)
    return DescribeOptions(tuple(parse_refs(arguments.what)))


async def run(session: Session, options: DescribeOptions) -> int:
    """Print each, an empty line between."""
    async with session.client() as client:
        found: list[tuple[KindInfo, dict[str, Any]]] = []
        if options.kind is not None:
            namespace = scope(options.kind, session.namespace)
            listed = await client.raw_list(options.kind, namespace, label_selector=options.label_selector)
            found = [(options.kind, wire) for wire in listed.get("items") or []]
            if not found:
                session.note(f"no {options.kind.plural}")
        for ref in options.refs:
            found.append((ref.kind.info, await fetch(client, ref.kind.info, ref.name, session.namespace)))
        for number, (info, wire) in enumerate(found):
            if number:
                session.line("\n" + "─" * min(session.width, 80) + "\n")
            await _describe(session, client, info, wire)
    return 0


async def _describe(session: Session, client: HttpClient, info: KindInfo, wire: dict[str, Any]) -> None:
    meta = wire["metadata"]
    # NB: events of cluster-scoped objects are kept in the namespace `default`.
    events = await events_of(client, meta.get("namespace") or "default", kind=info.kind, name=meta["name"])
    for line in description(session, info, wire, events):
        session.line(line)


def description(session: Session, info: KindInfo, wire: dict[str, Any], events: list[dict[str, Any]]) -> Iterator[str]:
    """The lines of one object."""
    title, width = session.style.bold, session.width
    yield from _head(info, wire)
    found = Experiment.from_stored(wire) if info.kind == Experiment.info.kind else None
    if found is not None and found.status.phase != ExperimentPhase.PENDING:
        # Before all else: whoever describes a run wants to know what came of it.
        yield title("Outcome:")
        for line in headline(found)[1:] or [str(found.status.phase)]:
            yield from wrapped(f"  {line}", width)
    if wire.get("spec"):
        yield title("Spec:")
        yield from _indented(wire["spec"])
    status = {key: value for key, value in (wire.get("status") or {}).items() if key not in _TOLD_APART}
    if status:
        yield title("Status:")
        yield from _indented(status)
    if found is not None:
        yield title("Results:")
        sections = report(found)[1:]
        yield from (f"  {line}".rstrip() for line in section_lines(sections, width - 2, session.style))
    extra = {key: wire[key] for key in wire if key not in ("apiVersion", "kind", "metadata", "spec", "status")}
    if extra:
        yield from _indented(extra, "")
    conditions = (wire.get("status") or {}).get("conditions")
    if conditions:
        yield title("Conditions:")
        yield from _conditions(session, conditions, found.status.verdict_reason if found else "")
    data = [(str(event.get("reason")), data_text(event)) for event in events]
    if any(text for _, text in data):
        yield title("Data of events:")
        for reason, text in data:
            yield from wrapped(f"  {reason}: {text}", width) if text else ()
    yield title("Events:") + ("" if events else "  none")
    if events:
        yield from (f"  {line}" for line in event_grid(events, objects=False).lines(width - 2, session.style))


def _head(info: KindInfo, wire: dict[str, Any]) -> Iterator[str]:
    meta = wire["metadata"]
    rows: list[tuple[str, str]] = [("Name", meta["name"])]
    if info.namespaced:
        rows.append(("Namespace", meta.get("namespace", "")))
    rows.append(("Kind", f"{info.kind} ({info.api_version})"))
    rows += _mapping("Labels", meta.get("labels") or {})
    shown = {key: value for key, value in (meta.get("annotations") or {}).items() if key != LAST_APPLIED}
    rows += _mapping("Annotations", shown)
    created = meta.get("creationTimestamp")
    rows.append(("Created", f"{age(created)} ago ({created})"))
    if meta.get("deletionTimestamp"):
        held = ", ".join(meta.get("finalizers") or [])
        rows.append(("Deleted", f"{age(meta['deletionTimestamp'])} ago; held by {held or 'nothing'}"))
    owners = [f"{owner['kind'].lower()}/{owner['name']}" for owner in meta.get("ownerReferences") or []]
    if owners:
        rows.append(("Owned by", ", ".join(owners)))
    observed = (wire.get("status") or {}).get("observedGeneration")
    behind = "" if observed is None or observed == meta.get("generation") else f" (status speaks of {observed})"
    rows.append(("Generation", f"{meta.get('generation', 0)}{behind}"))
    yield from (f"{name + ':' if name else '':<13}{value}" for name, value in rows)


def _mapping(title: str, values: dict[str, str]) -> list[tuple[str, str]]:
    return [(title if not at else "", f"{key}={value}") for at, (key, value) in enumerate(sorted(values.items()))]


def _indented(value: Any, indent: str = "  ") -> Iterator[str]:
    for line in to_yaml(copy.deepcopy(value)).splitlines():
        yield indent + line


def _conditions(session: Session, conditions: list[dict[str, Any]], verdict_reason: str) -> Iterator[str]:
    grid = Grid(("TYPE", "STATUS", "SINCE", "REASON"))
    for item in conditions:
        since = age(item.get("lastTransitionTime"))
        grid.add(item.get("type", ""), str(item.get("status", "")), since, item.get("reason", ""))
    for at, line in enumerate(grid.lines(session.width - 2, session.style)):
        yield f"  {line}"
        # The message is what a person needs most, so it is never cut: below, rather than in a column.
        message = conditions[at - 1].get("message") if at else ""
        if message and len(message) > _LONG and verdict_reason.startswith(message[:_LONG]):
            message = "the verdict's reason: see the outcome above"
        if message:
            yield from wrapped(f"      {message}", session.width)
