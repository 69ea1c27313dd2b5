"""KIND/NAME, one a line: for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from phoenix.cli.kinds import qualified
from phoenix.cli.printers.base import Page


class NamePrinter:
    """`experiment.phoenix.io/http-lean`."""

    wants_table = False

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """Print them."""
        for page in pages:
            for item in page.objects:
                out.write(f"{qualified(page.info)}/{item['metadata'].get('name', '')}\n")
