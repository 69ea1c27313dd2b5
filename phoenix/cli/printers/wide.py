"""Tables with every column."""

from __future__ import annotations

from phoenix.cli.printers.table import TablePrinter


class WidePrinter(TablePrinter):
    """Also the columns of priority 1."""

    priority = 1
