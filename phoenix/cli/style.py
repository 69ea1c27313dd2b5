"""Colours, on terminals only, unless $FORCE_COLOR says otherwise."""

from __future__ import annotations

import os
from typing import TextIO

_GOOD = frozenset({"True", "Running", "Completed", "Promote", "Deployed", "pass", "Active"})
_BAD = frozenset({"False", "Failed", "Reject", "Invalid", "RolledBack", "Warning", "FAIL"})
_DOUBTFUL = frozenset({"Unknown", "Stopped", "Inconclusive", "Pending", "Terminating", "unknown"})


class Style:
    """Wraps text in escapes, or leaves it."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """Colours if the stream is a terminal that can, or somebody said FORCE_COLOR; never where NO_COLOR is said."""
        if os.environ.get("NO_COLOR"):
            return cls(False)
        if os.environ.get("FORCE_COLOR", "0") != "0":
            return cls(True)
        return cls(os.environ.get("TERM", "dumb") != "dumb" and stream.isatty())

    def _wrap(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled and text else text

    def bold(self, text: str) -> str:
        """Bold."""
        return self._wrap(text, 1)

    def dim(self, text: str) -> str:
        """Faint."""
        return self._wrap(text, 2)

    def red(self, text: str) -> str:
        """Red."""
        return self._wrap(text, 31)

    def green(self, text: str) -> str:
        """Green."""
        return self._wrap(text, 32)

    def yellow(self, text: str) -> str:
        """Yellow."""
        return self._wrap(text, 33)

    def word(self, text: str) -> str:
        """A state by what it means: good green, bad red, doubtful yellow, others plain."""
        if not self.enabled:
            return text
        bare = text.strip()
        if bare in _GOOD:
            return self.green(text)
        if bare in _BAD:
            return self.red(text)
        return self.yellow(text) if bare in _DOUBTFUL else text
