"""Plain tables that fit: prose is cut with `…`, then titles, names in their middle, and last of all words."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from itertools import zip_longest

from phoenix.cli.style import Style

GAP = 2
_WIDE_GAP = 3
_SMALLEST = 4
_WORD = 16
"""Columns up to this wide hold words and figures, of which half says nothing."""
_TITLE = 6
_PROSE = 30
_LINES = 4
"""Of a wrapped cell; what is longer ends with `…`."""
PLAIN = Style(enabled=False)


class Grid:
    """A header and rows of text.

    Args:
        header: column titles; empty for none.
        right: columns whose cells are numbers.
        keep: columns that are cut after the others, and in the middle: names, which people copy, and which begin alike.
        wrap_last: the last column goes on below rather than being cut, where it has room for a few words.
    """

    def __init__(
        self,
        header: Sequence[str],
        *,
        right: Collection[int] = (),
        keep: Collection[int] = (0,),
        wrap_last: bool = False,
    ) -> None:
        self.header = tuple(header)
        self.rows: list[tuple[str, ...]] = []
        self._right, self._keep, self._wrap_last = frozenset(right), frozenset(keep), wrap_last

    def add(self, *cells: str) -> None:
        """One more row; line ends inside cells become spaces."""
        self.rows.append(tuple(" ".join(cell.split()) if "\n" in cell else cell for cell in cells))

    def widths(self, width: int) -> list[int]:
        """Widths of the columns within a line of `width` characters."""
        count = max(map(len, [self.header, *self.rows]), default=0)
        cells = [max((len(row[at]) for row in self.rows if at < len(row)), default=0) for at in range(count)]
        titles = zip_longest(cells, map(len, self.header), fillvalue=0)
        found = [max(pair) for pair in titles]
        prose, names = [at for at in range(count) if at not in self._keep], [at for at in self._keep if at < count]
        words, least = [_WORD] * count, [_SMALLEST] * count
        _narrow(found, prose, width - _WIDE_GAP * (count - 1), words)
        room = width - (_WIDE_GAP if _fits(found, _WIDE_GAP, width) else GAP) * (count - 1)
        titles_alone = [max(_TITLE, min(cell, _WORD)) for cell in cells]
        for movable, smallest in (
            (prose, words), (prose, titles_alone), (names, words), (prose, least), (range(count), least),
        ):  # fmt: skip
            _narrow(found, movable, room, smallest)
        return found

    def lines(self, width: int, style: Style = PLAIN, widths: Sequence[int] = ()) -> list[str]:
        """The table as lines of at most `width` characters; `widths` of an earlier part keep a watch aligned."""
        columns = list(widths) or self.widths(width)
        gap = " " * (_WIDE_GAP if _fits(columns, _WIDE_GAP, width) else GAP)
        shown = [style.bold(self._line(self.header, columns, PLAIN, gap))] if self.header else []
        return shown + [
            self._line(part, columns, style, gap) for row in self.rows for part in self._parts(row, columns)
        ]

    def _parts(self, row: tuple[str, ...], widths: Sequence[int]) -> list[tuple[str, ...]]:
        """A row as one, or as several of which the later have the rest of its last cell."""
        if not self._wrap_last or len(row) != len(widths) or widths[-1] < _PROSE or len(row[-1]) <= widths[-1]:
            return [row]
        first, *rest = textwrap.wrap(row[-1], widths[-1], max_lines=_LINES, placeholder=" …")
        return [(*row[:-1], first), *((*("" for _ in row[:-1]), piece) for piece in rest)]

    def _line(self, cells: Sequence[str], widths: Sequence[int], style: Style, gap: str) -> str:
        parts = []
        for at, (cell, width) in enumerate(zip(cells, widths, strict=False)):
            cut = _cut(cell, width, middle=at in self._keep)
            last = at == len(cells) - 1
            padded = cut.rjust(width) if at in self._right else cut if last else cut.ljust(width)
            parts.append(style.word(padded))
        return gap.join(parts).rstrip()


def _fits(widths: Sequence[int], gap: int, width: int) -> bool:
    return sum(widths) + gap * (len(widths) - 1) <= width


def _narrow(widths: list[int], movable: Sequence[int], room: int, smallest: Sequence[int]) -> None:
    """Make columns narrower, the widest first, until they fit into `room` or each is as narrow as its `smallest`."""
    while (excess := sum(widths) - room) > 0:
        left = [at for at in movable if widths[at] > smallest[at]]
        if not left:
            return
        wide = max(left, key=widths.__getitem__)
        # To the next widest at once rather than a character at a time.
        others = max((widths[at] for at in left if at != wide), default=0)
        widths[wide] = max(smallest[wide], min(widths[wide] - 1, others), widths[wide] - excess)


def _cut(cell: str, width: int, *, middle: bool) -> str:
    if len(cell) <= width:
        return cell
    tail = (width - 1) // 2 if middle else 0
    return cell[: width - 1 - tail] + "…" + cell[len(cell) - tail :]
