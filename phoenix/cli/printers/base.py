"""What printers print, and the choice of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from phoenix.apimachinery.meta import KindInfo
from phoenix.cli.errors import UsageError, did_you_mean

Wire = dict[str, Any]
FORMATS = (
    "wide", "yaml", "json", "name", "jsonpath", "jsonpath-as-json", "jsonpath-file", "custom-columns",
    "custom-columns-file",
)  # fmt: skip
TEMPLATED = frozenset({"jsonpath", "jsonpath-as-json", "jsonpath-file", "custom-columns", "custom-columns-file"})
OBJECT_FORMATS = tuple(name for name in FORMATS if name not in ("wide", "custom-columns", "custom-columns-file"))
"""Of what a change says of one object."""
OUTPUT_HELP = (
    "wide, yaml, json, name, jsonpath=TEMPLATE, jsonpath-as-json=, jsonpath-file=FILE, "
    "custom-columns=TITLE:PATH,… or custom-columns-file= (default: a table)"
)
_EXAMPLES = {
    "jsonpath": "jsonpath='{.metadata.name}'",
    "jsonpath-as-json": "jsonpath-as-json='{.metadata.labels}'",
    "jsonpath-file": "jsonpath-file=FILE",
    "custom-columns": "custom-columns=NAME:.metadata.name,PHASE:.status.phase",
    "custom-columns-file": "custom-columns-file=FILE",
}


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of one kind, as the server gave them.

    Args:
        info: of the kind.
        objects: in order; empty where a printer takes a table.
        table: a `Table` of them, for printers that take one.
        single: one object was asked for by name, not a list.
        version: of the list, to watch from; empty where it is not known.
    """

    info: KindInfo
    objects: Sequence[Wire] = ()
    table: Wire | None = None
    single: bool = False
    version: str = ""


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
    label_columns: tuple[str, ...] = ()
    show_labels: bool = False
    show_kind: bool = False


def check_output(text: str, formats: Sequence[str] = FORMATS) -> str:
    """The value of -o. Raises UsageError."""
    name, equals, template = text.partition("=")
    if name.startswith(("go-template", "template")):
        raise UsageError(
            "Go templates are not spoken here", "write a JSONPath: -o jsonpath='{.status.phase}', or -o json | jq"
        )
    if name not in formats:
        hint = did_you_mean(name, list(formats))
        raise UsageError(f'there is no output "{text}"', hint or f"choose from {', '.join(formats)}")
    if name in TEMPLATED and not template:
        raise UsageError(f'"{text}" lacks what is to be printed', f"write {_EXAMPLES[name]}")
    if equals and name not in TEMPLATED:
        raise UsageError(f'-o {name} takes no "={template}"', f"write -o {name}")
    return text


def printer_for(output: str, style: TableStyle) -> Printer:
    """The printer for -o (empty: a table). Raises UsageError."""
    name, _, template = output.partition("=")
    if name in TEMPLATED:
        return _templated(name, template, style)
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
        case "wide":
            from phoenix.cli.printers.wide import WidePrinter

            return WidePrinter(style)
        case _:
            from phoenix.cli.printers.table import TablePrinter

            return TablePrinter(style)


def _templated(name: str, template: str, style: TableStyle) -> Printer:
    from phoenix.cli.printers.columns import ColumnsPrinter
    from phoenix.cli.printers.jsonpath import JsonPathAsJsonPrinter, JsonPathPrinter

    match name:
        case "jsonpath-as-json":
            return JsonPathAsJsonPrinter(template)
        case "jsonpath-file":
            return JsonPathPrinter(_read(template))
        case "custom-columns":
            return ColumnsPrinter(template, style)
        case "custom-columns-file":
            return ColumnsPrinter.from_file(_read(template), style)
    return JsonPathPrinter(template)


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def as_one(pages: Sequence[Page]) -> Wire:
    """One object, or a List of all."""
    if len(pages) == 1 and pages[0].single and len(pages[0].objects) == 1:
        return pages[0].objects[0]
    items = [item for page in pages for item in page.objects]
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}
