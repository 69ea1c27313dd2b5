"""Plain tables that fit: columns are cut with `…` from the widest on, lines never wrap."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from phoenix.cli.style import Style

GAP = 3
_SMALLEST = 4
PLAIN = Style(enabled=False)


class Grid:
    """A header and rows of text.

    Args:
        header: column titles; empty for none.
        right: columns whose cells are numbers.
        keep: columns that are cut last: names, which people copy.
    """

    def __init__(self, header: Sequence[str], *, right: Collection[int] = (), keep: Collection[int] = (0,)) -> None:
        self.header = tuple(header)
        self.rows: list[tuple[str, ...]] = []
        self._right, self._keep = frozenset(right), frozenset(keep)

    def add(self, *cells: str) -> None:
        """One more row; line ends inside cells become spaces."""
        self.rows.append(tuple(" ".join(cell.split()) if "\n" in cell else cell for cell in cells))

    def widths(self, width: int) -> list[int]:
        """Widths of the columns within a line of `width` characters."""
        lines = [self.header, *self.rows] if self.header else self.rows
        count = max(map(len, lines), default=0)
        found = [max((len(line[at]) for line in lines if at < len(line)), default=0) for at in range(count)]
        room = width - GAP * (count - 1)
        for movable in (set(range(count)) - self._keep, set(range(count))):
            while sum(found) > room and (wide := max(movable, key=lambda at: found[at], default=None)) is not None:
                if found[wide] <= _SMALLEST:
                    break
                # To the next widest at once rather than a character at a time.
                others = [found[at] for at in movable if at != wide]
                excess = sum(found) - room
                target = max(_SMALLEST, min(found[wide] - 1, max(others, default=0)), found[wide] - excess)
                found[wide] = min(found[wide] - 1, target)
        return found

    def lines(self, width: int, style: Style = PLAIN, widths: Sequence[int] = ()) -> list[str]:
        """The table as lines of at most `width` characters; `widths` of an earlier part keep a watch aligned."""
        columns = list(widths) or self.widths(width)
        shown = [style.bold(self._line(self.header, columns, PLAIN))] if self.header else []
        return shown + [self._line(row, columns, style) for row in self.rows]

    def _line(self, cells: Sequence[str], widths: Sequence[int], style: Style) -> str:
        parts = []
        for at, (cell, width) in enumerate(zip(cells, widths, strict=False)):
            cut = cell if len(cell) <= width else cell[: width - 1] + "…"
            last = at == len(cells) - 1
            padded = cut.rjust(width) if at in self._right else cut if last else cut.ljust(width)
            parts.append(style.word(padded))
        return (" " * GAP).join(parts).rstrip()
