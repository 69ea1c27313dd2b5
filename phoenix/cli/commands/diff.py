"""`phoenixctl diff -f`: what apply would change, as the server would do it."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from phoenix.apimachinery.errors import ApiError
from phoenix.cli.applying import How, add_how_flags, apply_one, how_from, to_prune
from phoenix.cli.documents import Failures, load_some
from phoenix.cli.errors import CliError
from phoenix.cli.explain import explain
from phoenix.cli.files import add_files_flag
from phoenix.cli.printers.yaml import to_yaml
from phoenix.cli.session import Session
from phoenix.cli.style import Style
from phoenix.client.apply import LAST_APPLIED
from phoenix.client.errors import ConfigError
from phoenix.client.http import HttpClient
from phoenix.gitops.drift import without_server_fields

DESCRIPTION = """Show what apply would change: every manifest is sent to the server as a dry run, and what would be
stored is compared with what is. Exit code 0: nothing would change; 1: something would; 2: it could not be found out."""
EXAMPLES = """
phoenixctl diff -f pipelines/
phoenixctl diff -f pipelines/ --prune -l team=edge      with what --prune would delete
phoenixctl diff -f pipelines/ || phoenixctl apply -f pipelines/
"""
SAME, DIFFERENT, TROUBLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """Which manifests, and how they would be applied."""

    files: tuple[str, ...]
    how: How = field(default_factory=How)


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, and how."""
    add_files_flag(parser, required=True)
    add_how_flags(parser)


def options(arguments: argparse.Namespace) -> DiffOptions:
    """Raises UsageError."""
    return DiffOptions(tuple(arguments.filename), how_from(arguments))


async def run(session: Session, options: DiffOptions) -> int:
    """Print the differences; 0 none, 1 some, 2 it could not be found out."""
    try:
        return await _diff(session, options)
    except CliError as error:
        session.error(error.message, error.hint)
    except ConfigError as error:
        session.error(str(error))
    except ApiError as error:
        for line in explain(error):
            session.error(line)
    return TROUBLE


async def _diff(session: Session, options: DiffOptions) -> int:
    loaded = load_some(options.files, "compare")
    failures = Failures(session, loaded)
    differs, wires = False, [found.wire for found in loaded.objects]
    async with session.client() as client:
        for found in loaded.objects:
            if failures.in_document(found):
                continue
            try:
                done = await apply_one(client, found.wire, options.how, session.namespace, dry_run=True)
            except ApiError as error:
                failures.add(explain(error, found))
                continue
            differs |= _print(session, done.before, done.wire)
        if options.how.prune:
            differs |= await _pruned(session, client, options, wires, failures)
    return TROUBLE if failures.count else DIFFERENT if differs else SAME


async def _pruned(
    session: Session, client: HttpClient, options: DiffOptions, wires: list[dict[str, Any]], failures: Failures
) -> bool:
    whole = not failures.count
    pruned, live = await to_prune(client, wires, options.how, session.namespace, sound=whole, applied=whole)
    for ident in pruned.allowed:
        _print(session, live[ident], None)
    return bool(pruned.allowed)


def _print(session: Session, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """Print how one object differs; whether it does."""
    lines = list(unified(before, after))
    for line in lines:
        session.line(_coloured(session.style, line))
    return bool(lines)


def unified(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[str]:
    """Lines of a unified diff of two states of an object; None: it is not there. Status and bookkeeping left out."""
    one = after if after is not None else before
    assert one is not None
    meta = one["metadata"]
    where = f"{meta['namespace']}." if meta.get("namespace") else ""
    name = f"{one['apiVersion'].replace('/', '.')}.{one['kind']}.{where}{meta['name']}"
    yield from difflib.unified_diff(_text(before), _text(after), f"LIVE/{name}", f"MERGED/{name}", lineterm="")


def _text(state: Mapping[str, Any] | None) -> list[str]:
    if state is None:
        return []
    shown = without_server_fields(state)
    annotations = {key: value for key, value in shown["metadata"].get("annotations", {}).items() if key != LAST_APPLIED}
    shown["metadata"] = {key: value for key, value in shown["metadata"].items() if key != "annotations"}
    if annotations:
        shown["metadata"]["annotations"] = annotations
    ordered = {key: shown[key] for key in ("apiVersion", "kind", "metadata") if key in shown}
    return to_yaml({**ordered, **shown}).splitlines()


def _coloured(style: Style, line: str) -> str:
    if line.startswith(("---", "+++")):
        return style.bold(line)
    if line.startswith("+"):
        return style.green(line)
    return style.red(line) if line.startswith("-") else style.dim(line) if line.startswith("@@") else line
