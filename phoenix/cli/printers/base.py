"""What printers print, and the choice of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from phoenix.apimachinery.meta import KindInfo
from phoenix.cli.errors import UsageError, did_you_mean

Wire = dict[str, Any]
FORMATS = ("wide", "yaml", "json", "name", "jsonpath")
OUTPUT_HELP = "wide, yaml, json, name or jsonpath=TEMPLATE (default: a table)"


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of one kind, as the server gave them.

    Args:
        info: of the kind.
        objects: in order; empty where a printer takes a table.
        table: a `Table` of them, for printers that take one.
        single: one object was asked for by name, not a list.
    """

    info: KindInfo
    objects: Sequence[Wire] = ()
    table: Wire | None = None
    single: bool = False


class Printer(Protocol):
    """Prints pages."""

    wants_table: bool

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """Print everything asked for by one command."""
        ...


@dataclass(frozen=True, slots=True)
class TableStyle:
    """How tables look."""

    width: int = 80
    colour: bool = False
    with_namespace: bool = False
    headers: bool = True


def check_output(text: str) -> str:
    """The value of -o. Raises UsageError."""
    name, equals, template = text.partition("=")
    if name not in FORMATS or bool(equals) != (name == "jsonpath") or (equals and not template):
        hint = did_you_mean(name, list(FORMATS)) if name not in FORMATS else "write jsonpath='{.metadata.name}'"
        raise UsageError(f'there is no output "{text}"', hint or f"choose from {', '.join(FORMATS)}")
    return text


def printer_for(output: str, style: TableStyle) -> Printer:
    """The printer for -o (empty: a table). Raises UsageError."""
    name, _, template = output.partition("=")
    match name:
        case "yaml":
            from phoenix.cli.printers.yaml import YamlPrinter

            return YamlPrinter()
        case "json":
            from phoenix.cli.printers.json import JsonPrinter

            return JsonPrinter()
        case "name":
            from phoenix.cli.printers.name import NamePrinter

            return NamePrinter()
        case "jsonpath":
            from phoenix.cli.printers.jsonpath import JsonPathPrinter

            return JsonPathPrinter(template)
        case "wide":
            from phoenix.cli.printers.wide import WidePrinter

            return WidePrinter(style)
        case _:
            from phoenix.cli.printers.table import TablePrinter

            return TablePrinter(style)


def as_one(pages: Sequence[Page]) -> Wire:
    """One object, or a List of all."""
    if len(pages) == 1 and pages[0].single and len(pages[0].objects) == 1:
        return pages[0].objects[0]
    items = [item for page in pages for item in page.objects]
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}
