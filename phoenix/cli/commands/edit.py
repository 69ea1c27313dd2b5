"""`phoenixctl edit`: objects in an editor, changes sent when it is closed."""

from __future__ import annotations

import argparse
import asyncio
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.errors import ApiError, BadRequest, Conflict, Invalid
from phoenix.cli.changing import ChangeOptions, Outcomes, add_change_flags, read_change, without_managed_fields
from phoenix.cli.editing import Buffer, Fault
from phoenix.cli.errors import CliError
from phoenix.cli.explain import explain_fields
from phoenix.cli.finding import fetch
from phoenix.cli.printers.yaml import to_yaml
from phoenix.cli.selecting import Selection, Target, add_selection_flags, read_selection, targets
from phoenix.cli.session import Session
from phoenix.cli.wire import MERGE_PATCH, send
from phoenix.client.http import HttpClient
from phoenix.client.merge import diff
from phoenix.manifest.objects import ManifestObject

Wire = dict[str, Any]
DESCRIPTION = (
    "Edit objects in $EDITOR (or $KUBE_EDITOR, else vi). What you change is sent when the editor is closed; what is\n"
    "wrong with it is shown in the editor again. What others changed meanwhile stays."
)
EXAMPLES = """
phoenixctl edit exp http-lean
phoenixctl edit exp/a exp/b                   both in one file
EDITOR='code --wait' phoenixctl edit pd/edge
phoenixctl edit exp -l team=checkout --dry-run=server -o yaml
"""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class EditOptions:
    """Which objects, and how to change them."""

    selection: Selection
    change: ChangeOptions
    subresource: str = ""


def flags(parser: argparse.ArgumentParser) -> None:
    """What, --subresource, --dry-run, -o."""
    add_selection_flags(parser)
    parser.add_argument(
        "--subresource", choices=("", "status"), default="", metavar="NAME", help="status: edit the status"
    )
    add_change_flags(parser, "edit", ("none", "server"))


def options(arguments: argparse.Namespace) -> EditOptions:
    """Raises UsageError."""
    return EditOptions(read_selection(arguments, "edited"), read_change(arguments), arguments.subresource)


def run(session: Session, options: EditOptions) -> int:
    """Fetch, edit, send; as often as the person tries. Exit 1 if something was refused."""
    editing = _Editing(session, options)
    # NB: an event loop before and after the editor, none while it is open: nothing is to time out then.
    asyncio.run(editing.fetch())
    if not editing.originals:
        return int(editing.outcomes.failed)
    buffer = Buffer(editing.text(), "edit")
    faults: list[Fault] = []
    while (edited := buffer.edit(faults)) is not None:
        try:
            faults = asyncio.run(editing.send(edited))
        except ApiError as error:
            raise buffer.kept(error.message) from error
        if not faults:
            buffer.discard()
            return editing.finish()
    session.note("nothing was changed")
    return editing.finish()


class _Editing:
    """Objects as they were fetched, and what became of each."""

    def __init__(self, session: Session, options: EditOptions) -> None:
        self.session, self.options = session, options
        self.outcomes = Outcomes(session, options.change)
        self.originals: dict[Target, Wire] = {}
        self._seen: dict[Target, Wire] = {}  # as somebody else left it, and the person was told
        self._done: set[Target] = set()

    async def fetch(self) -> None:
        """Read the objects. Raises CliError naming what is near where one is not there."""
        async with self.session.client() as client:
            found, self.outcomes.failed = await targets(self.session, client, self.options.selection)
            for target in found:
                wire = await fetch(client, target.info, target.name, target.namespace or self.session.namespace)
                shown = wire if self.options.change.show_managed_fields else without_managed_fields(wire)
                self.originals[target] = shown

    def text(self) -> str:
        """The objects as documents."""
        return "---\n".join(to_yaml(copy.deepcopy(wire)) for wire in self.originals.values())

    def finish(self) -> int:
        """Print what -o wants; the exit code."""
        return self.outcomes.finish()

    async def send(self, edited: Sequence[ManifestObject]) -> list[Fault]:
        """Send what differs; why something cannot be. Raises ApiError where another try would not help."""
        faults: list[Fault] = []
        async with self.session.client() as client:
            for found in edited:
                meta = found.wire["metadata"]
                target = Target(found.kind, str(meta.get("name", "")), str(meta.get("namespace") or ""))
                original = self.originals.get(target)
                if original is None:
                    known = ", ".join(map(str, self.originals))
                    message = f"{target} was not opened ({known}): kind, name and namespace cannot be edited"
                    faults.append(Fault(message, found.line))
                elif target not in self._done:
                    faults += await self._send_one(client, target, original, found)
        return faults

    async def _send_one(self, client: HttpClient, target: Target, original: Wire, found: ManifestObject) -> list[Fault]:
        patch = diff(original, found.wire)
        if not patch:
            return []
        if not self.options.subresource and "status" in patch and target.info.has_status:
            del patch["status"]
            self.session.warn(f"{target}: its status is not changed by this: use --subresource=status")
            if not patch:
                return []
        try:
            after = await self._patch(client, target, patch)
        except (Invalid, BadRequest) as error:
            return list(_faults(error, target, found))
        except _Overlap as overlap:
            self._seen[target] = overlap.live
            return [Fault(f"{target}: {line}", found.line, confirmable=True) for line in overlap.lines]
        self._done.add(target)
        self.outcomes.done(target.info, "edited", after)
        return []

    async def _patch(self, client: HttpClient, target: Target, patch: Wire) -> Wire:
        path = target.info.path(target.namespace, target.name, self.options.subresource)
        seen = self._seen.get(target, self.originals[target])
        version = seen["metadata"].get("resourceVersion")
        for _ in range(_TRIES):
            locked = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": version}}
            try:
                return await send(
                    client, "PATCH", path, locked, content_type=MERGE_PATCH, params=self.options.change.params
                )
            except Conflict:
                live = without_managed_fields(await send(client, "GET", target.path))
                if taken := _overlap(diff(seen, live), patch):
                    raise _Overlap(live, taken) from None
                version = live["metadata"]["resourceVersion"]
        message = f"{target} changes all the time: try again"
        raise CliError(message)


class _Overlap(Exception):
    """Somebody else changed the same fields meanwhile."""

    def __init__(self, live: Wire, fields: Sequence[str]) -> None:
        super().__init__(", ".join(fields))
        self.live = live
        self.lines = [
            f"{field} was changed meanwhile, to {_at(live, field)!r}: save again to put yours in its place"
            for field in fields
        ]


def _leaves(patch: Wire, above: str = "") -> Iterator[str]:
    """Paths a merge patch writes."""
    for key, value in patch.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path


def _overlap(one: Wire, other: Wire) -> list[str]:
    """Fields both patches write, or one writes and the other writes below."""
    ones = set(_leaves(one)) - {"metadata.resourceVersion"}
    return sorted(
        {
            path
            for path in _leaves(other)
            if any(path == field or path.startswith(f"{field}.") or field.startswith(f"{path}.") for field in ones)
        }
    )


def _at(wire: Any, path: str) -> Any:
    for step in path.split("."):
        wire = wire.get(step) if isinstance(wire, dict) else None
    return wire


def _faults(error: ApiError, target: Target, found: ManifestObject) -> Iterator[Fault]:
    for field, line in explain_fields(error, target.kind):
        yield Fault(f"{target}: {line}", found.position_of(field))
