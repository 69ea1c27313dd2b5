"""`label` and `annotate`: KEY=VALUE sets, KEY- removes. The same but for where they write and what they say."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phoenix.apimachinery.errors import ApiError
from phoenix.cli.changing import ChangeOptions, Outcomes, add_change_flags, read_change
from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.selecting import Selection, Target, add_selection_flags, read_selection, targets
from phoenix.cli.session import Session
from phoenix.cli.wire import MERGE_PATCH, send
from phoenix.client.http import HttpClient

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """The field of metadata, and the verb's words: `label`, `labeled`."""

    field: str
    verb: str
    done: str
    removed: str


@dataclass(frozen=True, slots=True)
class MarkOptions:
    """Of which objects; `changes` holds None for what is to go."""

    selection: Selection
    change: ChangeOptions
    changes: Mapping[str, str | None] = field(default_factory=dict)
    overwrite: bool = False
    listing: bool = False
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class MarkCommand:
    """`flags`, `options` and `run` of a verb."""

    flags: Callable[[argparse.ArgumentParser], None]
    options: Callable[[argparse.Namespace], MarkOptions]
    run: Callable[[Session, MarkOptions], Any]


def marking(mark: Mark) -> MarkCommand:
    """The verb that writes this field."""

    def flags(parser: argparse.ArgumentParser) -> None:
        """What, KEY=VALUE, --overwrite, --list."""
        add_selection_flags(parser)
        noun = mark.field.removesuffix("s")
        parser.add_argument("--overwrite", action="store_true", help=f"replace a {noun} that has another value")
        parser.add_argument("--list", action="store_true", help=f"print the {mark.field} there are")
        parser.add_argument(
            "--resource-version", default="", metavar="VERSION", help="only if the object still has this version"
        )
        add_change_flags(parser, mark.verb, ("none", "server"))

    def options(arguments: argparse.Namespace) -> MarkOptions:
        """Raises UsageError."""
        what, changes = split_marks(arguments.what)
        arguments.what = what
        selection = read_selection(arguments, mark.done)
        if not changes and not arguments.list:
            raise UsageError(f"which {mark.field}?", "write KEY=VALUE to set, KEY- to remove, or --list")
        if arguments.resource_version and (len(selection.refs) != 1):
            raise UsageError("--resource-version is of one object", "name one")
        return MarkOptions(
            selection, read_change(arguments), changes, arguments.overwrite, arguments.list, arguments.resource_version
        )

    async def run(session: Session, options: MarkOptions) -> int:
        """Each object by itself; exit 1 if any failed."""
        outcomes = Outcomes(session, options.change)
        async with session.client() as client:
            found, outcomes.failed = await targets(session, client, options.selection)
            for target in found:
                try:
                    await _mark(session, client, target, mark, options, outcomes)
                except ApiError as error:
                    await outcomes.refused(client, target, error)
                except CliError as error:
                    outcomes.failed = True
                    session.error(error.message, error.hint)
        return outcomes.finish()

    return MarkCommand(flags, options, run)


def split_marks(words: Sequence[str]) -> tuple[list[str], dict[str, str | None]]:
    """Words for objects, and what is to be set (or removed: None). Raises UsageError."""
    at = next((at for at, word in enumerate(words) if "=" in word or word.endswith("-")), len(words))
    changes: dict[str, str | None] = {}
    for word in words[at:]:
        key, equals, value = word.partition("=")
        removed = not equals and word.endswith("-")
        key = key.removesuffix("-") if removed else key
        if not key or not (equals or removed):
            raise UsageError(f'"{word}" is neither KEY=VALUE nor KEY-', "name objects first, then what to set")
        if key in changes:
            raise UsageError(f'"{key}" is given twice', "give it once")
        changes[key] = None if removed else value
    return list(words[:at]), changes


async def _mark(
    session: Session, client: HttpClient, target: Target, mark: Mark, options: MarkOptions, outcomes: Outcomes
) -> None:
    live = await send(client, "GET", target.path)
    now: dict[str, str] = live["metadata"].get(mark.field) or {}
    changes = {key: value for key, value in options.changes.items() if now.get(key) != value}
    if not options.overwrite:
        taken = [key for key, value in changes.items() if value is not None and key in now]
        if taken:
            raise CliError(
                f"{target}: {mark.field.removesuffix('s')} {taken[0]} is {now[taken[0]]!r} already",
                "add --overwrite to replace it",
            )
    if changes:
        meta: Wire = {mark.field: changes}
        if options.resource_version:
            meta["resourceVersion"] = options.resource_version
        live = await send(
            client, "PATCH", target.path, {"metadata": meta}, content_type=MERGE_PATCH, params=options.change.params
        )
    if options.listing:
        for key, value in sorted((live["metadata"].get(mark.field) or {}).items()):
            session.line(f"{key}={value}")
        return
    gone = changes and all(value is None for value in changes.values())
    outcomes.done(target.info, mark.removed if gone else mark.done if changes else f"not {mark.done}", live)
