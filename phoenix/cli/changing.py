"""What verbs that change objects share: --dry-run, -o, --field-manager, and words about what was done or refused."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.errors import ApiError, NotFound
from phoenix.apimachinery.meta import KindInfo
from phoenix.cli.completing import complete_outputs
from phoenix.cli.explain import explain_change
from phoenix.cli.finding import not_found
from phoenix.cli.kinds import qualified
from phoenix.cli.printers.base import OBJECT_FORMATS, Page, TableStyle, check_output, printer_for
from phoenix.cli.selecting import Target
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient

Wire = dict[str, Any]
WHERE = ("none", "server", "client")
_VALIDATION = {
    "strict": "Strict", "true": "Strict", "warn": "Warn", "ignore": "Ignore", "false": "Ignore",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How to change: dry_run is none, server or client; output as -o (empty: a line of words)."""

    field_manager: str
    dry_run: str = "none"
    output: str = ""
    show_managed_fields: bool = False
    validation: str = "Strict"

    @property
    def params(self) -> dict[str, str]:
        """Of a write's query."""
        dry_run = {"dryRun": "All"} if self.dry_run == "server" else {}
        return {"fieldManager": self.field_manager, "fieldValidation": self.validation} | dry_run

    @property
    def suffix(self) -> str:
        """What is said after the outcome."""
        return f" ({self.dry_run} dry run)" if self.dry_run != "none" else ""


def add_dry_run_flag(parser: argparse.ArgumentParser, where: Sequence[str] = WHERE) -> None:
    """--dry-run."""
    told = {"server": "server: the server does everything but store", "client": "client: nothing is sent"}
    text = "; ".join(told[name] for name in where if name in told)
    parser.add_argument(
        "--dry-run", choices=where, default="none", nargs="?", const=where[-1], metavar="WHERE",
        help=f"{text} (default: none)",
    )  # fmt: skip


def add_change_flags(parser: argparse.ArgumentParser, verb: str, where: Sequence[str] = WHERE) -> None:
    """--dry-run, -o, --field-manager, --show-managed-fields, --validate."""
    add_dry_run_flag(parser, where)
    shown = parser.add_argument(
        "-o", "--output", default="", metavar="FORMAT", help=f"print the object: {', '.join(OBJECT_FORMATS)}"
    )
    shown.completer = complete_outputs  # type: ignore[attr-defined]  # argcomplete's own way
    parser.add_argument(
        "--field-manager", default=f"phoenixctl-{verb}", metavar="NAME",
        help="who owns the fields written (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--show-managed-fields", action="store_true", help="with -o yaml or json: who owns what")
    parser.add_argument(
        "--validate", choices=tuple(_VALIDATION), default="strict", nargs="?", const="strict", metavar="HOW",
        help="fields nobody knows: strict refuses, warn warns, ignore drops them (default: strict)",
    )  # fmt: skip


def read_change(arguments: argparse.Namespace) -> ChangeOptions:
    """Raises UsageError."""
    return ChangeOptions(
        field_manager=arguments.field_manager,
        dry_run=arguments.dry_run,
        output=check_output(arguments.output, OBJECT_FORMATS) if arguments.output else "",
        show_managed_fields=arguments.show_managed_fields,
        validation=_VALIDATION[arguments.validate],
    )


def without_managed_fields(wire: Wire) -> Wire:
    """The object without the bookkeeping that people seldom want to see."""
    meta = wire.get("metadata") or {}
    if "managedFields" not in meta:
        return wire
    return {**wire, "metadata": {key: value for key, value in meta.items() if key != "managedFields"}}


class Outcomes:
    """Says what was done to each object, as words or as -o wants it; collects what went wrong."""

    def __init__(self, session: Session, options: ChangeOptions) -> None:
        self._session, self._options = session, options
        self._pages: list[Page] = []
        self.failed = False

    def done(self, info: KindInfo, outcome: str, wire: Wire) -> None:
        """`experiment.phoenix.io/a patched`, or the object when -o asks for objects."""
        if self._options.output:
            shown = wire if self._options.show_managed_fields else without_managed_fields(wire)
            self._pages.append(Page(info, [shown], single=True))
        else:
            self._session.line(f"{qualified(info)}/{wire['metadata']['name']} {outcome}{self._options.suffix}")

    def report(self, lines: Sequence[str]) -> None:
        """Faults, a line each."""
        self.failed = True
        for line in lines:
            self._session.error(line)

    async def refused(self, client: HttpClient, target: Target, error: ApiError) -> None:
        """What the server said of an object, with what was probably meant."""
        if isinstance(error, NotFound) and error.name == target.name:
            self.failed = True
            said = await not_found(client, target.info, target.name, target.namespace)
            self._session.error(said.message, said.hint)
        else:
            self.report(explain_change(error, target.kind, str(target)))

    def finish(self) -> int:
        """Print what was held back for -o; the exit code."""
        if self._pages:
            printer_for(self._options.output, TableStyle()).print(self._pages, self._session.out)
        return int(self.failed)
