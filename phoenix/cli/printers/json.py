"""JSON, indented, keys in the server's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

import orjson

from phoenix.cli.printers.base import Page, as_one


class JsonPrinter:
    """One object, or a List."""

    wants_table = False
    prints_whole = True  # a watch event, where events are asked for

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """Print it."""
        out.write(orjson.dumps(as_one(pages), option=orjson.OPT_INDENT_2).decode() + "\n")
