"""-o custom-columns=TITLE:PATH,…: columns of one's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TextIO

from phoenix.cli.errors import UsageError
from phoenix.cli.grid import Grid
from phoenix.cli.printers.base import Page, TableStyle, Wire
from phoenix.cli.printers.jsonpath import as_text, compile_path
from phoenix.cli.style import Style

_COMMA = re.compile(r",(?![^\[]*\])")
_HINT = "write custom-columns=NAME:.metadata.name,PHASE:.status.phase"
ABSENT = "<none>"


class ColumnsPrinter:
    """A column a path; `<none>` where an object has nothing there. Kept for a watch: titles are printed once."""

    wants_table = False

    def __init__(self, template: str, style: TableStyle) -> None:
        self._style = style
        self._titles, self._paths = [], []
        for part in _COMMA.split(template):
            title, colon, path = part.strip().partition(":")
            if not (title and colon and path):
                raise UsageError(f'"{part}" is no column', _HINT)
            self._titles.append(title)
            self._paths.append(compile_path(path))
        self._printed = False
        self._widths: list[int] = []

    @classmethod
    def from_file(cls, text: str, style: TableStyle) -> ColumnsPrinter:
        """From a file's text: a line of titles, a line of paths."""
        lines = [line.split() for line in text.splitlines() if line.strip()]
        if len(lines) != 2 or len(lines[0]) != len(lines[1]):
            raise UsageError("a file of columns has two lines: titles, and as many paths", _HINT)
        return cls(",".join(f"{title}:{path}" for title, path in zip(*lines, strict=True)), style)

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """Print them."""
        headers = self._style.headers and not self._printed
        grid = Grid(self._titles if headers else ())
        for page in pages:
            for item in page.objects:
                grid.add(*(self._cell(at, item) for at in range(len(self._paths))))
        needed = grid.widths(self._style.width)
        if self._printed and len(needed) == len(self._widths):
            needed = [max(pair) for pair in zip(self._widths, needed, strict=True)]
        self._widths, self._printed = needed, True
        out.writelines(f"{line}\n" for line in grid.lines(self._style.width, Style(self._style.colour), needed))

    def _cell(self, at: int, item: Wire) -> str:
        found = [as_text(value) for value in self._paths[at].find(item)]
        return ",".join(found) or ABSENT
