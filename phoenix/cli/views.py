"""How a watched run is shown: live on a terminal, as lines elsewhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from phoenix.cli.board import Board
from phoenix.cli.session import Session
from phoenix.cli.style import Style

_PER_SECOND = 4


class View(Protocol):
    """Shows a board; a context manager around the time it is shown."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def changed(self, board: Board) -> None:
        """The experiment changed."""
        ...

    def happened(self, board: Board) -> None:
        """An event was added."""
        ...

    def tick(self, board: Board) -> None:
        """Time has passed."""
        ...


def view_for(session: Session) -> View:
    """Live where stdout is a terminal that can, else lines."""
    if session.out.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return LiveView(session)
    return LineView(session)


class LiveView:
    """A picture that is drawn over itself."""

    def __init__(self, session: Session) -> None:
        self._style = session.style
        console = Console(file=session.out, no_color=not session.style.enabled, highlight=False)
        self._width = console.width
        self._live = Live(console=console, refresh_per_second=_PER_SECOND, vertical_overflow="crop", transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def changed(self, board: Board) -> None:
        """Draw."""
        self._live.update(self._picture(board))

    happened = changed
    tick = changed

    def _picture(self, board: Board) -> Group:
        status, style = board.experiment.status, self._style
        share, words = board.progress(datetime.now(UTC))
        head = f"{style.bold(board.experiment.ref)}  run {status.run}  {style.word(str(status.phase))}"
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(total=1.0, completed=share, width=30),
            Text(f"{share:4.0%}"),
            Text(words, overflow="ellipsis", no_wrap=True),
        )
        body = "\n".join(board.body(self._width, style))
        return Group(Text.from_ansi(head), bar, Text(""), Text.from_ansi(body, no_wrap=True, overflow="ellipsis"))


class LineView:
    """A line whenever something is new: for logs and pipes."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: tuple[object, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.out.flush()

    def changed(self, board: Board) -> None:
        """A line if the phase, the reason to wait or the figures are new."""
        status, now = board.experiment.status, datetime.now(UTC)
        computed = status.results.computed_at if status.results else ""
        seen = (status.run, status.phase, board.why_waiting(), computed)
        if seen != self._last:
            self._last = seen
            self._say(f"{now:%H:%M:%S}  {board.one_line(now)}")

    def happened(self, board: Board) -> None:
        """A line for the event."""
        event = board.events[-1]
        if event.get("type") == "Warning":
            self._say(board.event_line(event, Style(enabled=False)))

    def tick(self, board: Board) -> None:
        """Nothing: only what is new gets a line."""

    def _say(self, line: str) -> None:
        self._session.line(line)
        self._session.out.flush()
