"""Tables from the columns the server chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from phoenix.cli.grid import GAP, Grid
from phoenix.cli.printers.base import Page, TableStyle, Wire
from phoenix.cli.style import Style

_NUMBERS = frozenset({"integer", "number"})


class TablePrinter:
    """Columns of priority 0, within the width of the terminal. Kept for a watch: later rows line up."""

    wants_table = True
    priority = 0

    def __init__(self, style: TableStyle) -> None:
        self._style = style
        self._colour = Style(style.colour)
        self._widths: list[int] = []
        self._definitions: list[Wire] = []

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """One table a kind, an empty line between; with several kinds names carry theirs."""
        shown = [page for page in pages if page.table is not None and (page.table.get("rows") or page.single)]
        for number, page in enumerate(shown):
            if number:
                out.write("\n")
            prefix = f"{page.info.singular}/" if len(pages) > 1 or self._style.show_kind else ""
            assert page.table is not None  # filtered above
            grid = self._grid(page.table, prefix, headers=self._style.headers)
            self._widths = grid.widths(self._style.width)
            out.writelines(f"{line}\n" for line in grid.lines(self._style.width, self._colour, self._widths))

    def print_change(self, table: Wire, out: TextIO, *, event: str = "") -> None:
        """Rows of a watch, below those printed before; titles first where there were none. `event`: what happened."""
        first = not self._widths
        grid = self._grid(table, "", headers=first and self._style.headers, event=event)
        # Columns grow with what comes, rather than cut it; they never shrink, so that most lines still line up.
        needed = grid.widths(self._style.width)
        grown = [max(pair) for pair in zip(self._widths or needed, needed, strict=False)]
        fits = len(grown) == len(needed) and sum(grown) + GAP * (len(grown) - 1) <= self._style.width
        self._widths = grown if fits else needed
        lines = grid.lines(self._style.width, self._colour, self._widths)
        out.writelines(f"{line}\n" for line in lines)
        out.flush()

    def _grid(self, table: Wire, prefix: str, *, headers: bool, event: str = "") -> Grid:
        # NB: in a watch Kubernetes sends them with the first event only.
        definitions = self._definitions = table.get("columnDefinitions") or self._definitions
        columns = [at for at, column in enumerate(definitions) if column.get("priority", 0) <= self.priority]
        right = [at for at, column in enumerate(columns) if definitions[column].get("type") in _NUMBERS]
        names = [at for at, column in enumerate(columns) if definitions[column].get("format") == "name"]
        before = ["EVENT"] * bool(event) + ["NAMESPACE"] * self._style.with_namespace
        after = [key.rpartition("/")[2].upper() for key in self._style.label_columns]
        after += ["LABELS"] * self._style.show_labels
        titles = [*before, *(str(definitions[at]["name"]).upper() for at in columns), *after]
        shift = len(before)
        grid = Grid(titles if headers else (), right=[at + shift for at in right], keep=[at + shift for at in names])
        for row in table.get("rows") or []:
            cells = [
                _text(row["cells"][at], definitions[at], prefix if definitions[at].get("format") == "name" else "")
                for at in columns
            ]
            meta = (row.get("object") or {}).get("metadata") or {}
            named = [str(meta.get("namespace") or "")] * self._style.with_namespace
            grid.add(*([event] * bool(event)), *named, *cells, *self._labels(meta))
        return grid

    def _labels(self, meta: Wire) -> list[str]:
        labels = meta.get("labels") or {}
        cells = [str(labels.get(key) or "-") for key in self._style.label_columns]
        if self._style.show_labels:
            cells.append(",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>")
        return cells


def _text(value: Any, column: Wire, prefix: str) -> str:
    if value is None or value == "":
        return "-"
    if column.get("name") == "Progress" and isinstance(value, int | float):
        return f"{value:.0%}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{prefix}{value}"
