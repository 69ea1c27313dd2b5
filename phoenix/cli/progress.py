"""Word of what is being waited for, once it takes more than two seconds. On stderr."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from phoenix.cli.session import Session

QUIET_S = 2.0
_TERMINAL_EVERY_S = 0.25
_PLAIN_EVERY_S = 10.0


class Progress:
    """Shows `text` and the seconds passed while its block runs; set `text` when there is something new to say.

    On a terminal one line that is rewritten and removed at the end; elsewhere a line every ten seconds.
    """

    def __init__(self, session: Session, text: str) -> None:
        self.text = text
        self._session = session
        self._began = time.monotonic()
        self._shown = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._show(), name="progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None  # __aenter__ set it
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._shown:
            self._session.err.write("\r\x1b[K")
            self._session.err.flush()

    async def _show(self) -> None:
        await asyncio.sleep(QUIET_S)
        terminal = self._session.err.isatty()
        while True:
            passed = f"{self.text} ({time.monotonic() - self._began:.0f} s)"
            if terminal:
                self._shown = True
                self._session.err.write(f"\r\x1b[K{passed[: self._session.width - 1]}")
                self._session.err.flush()
            else:
                self._session.note(passed)
            await asyncio.sleep(_TERMINAL_EVERY_S if terminal else _PLAIN_EVERY_S)
