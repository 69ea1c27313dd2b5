"""The table of what works with which client, filled by the tests that show it.

    with compatibility.row("kubectl 1.32.5", "apply, client-side"):
        ...what must hold...

A row is what one client does, and whether it worked when the table was made. `make compatibility` runs the tests with
PHOENIX_COMPATIBILITY naming a file to collect rows in, and writes docs/compatibility.json and the page from it. In any
other run a test fails when its row is missing from the table, or when the table says it works and it does not.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "compatibility.json"
PAGE = ROOT / "docs" / "compatibility.md"
VARIABLE = "PHOENIX_COMPATIBILITY"

_HEAD = """# Compatibility

Written by `make compatibility` from what the tests did; do not edit. Each row is one operation of an unmodified client
against a server that `phoenixctl up` or the test started; the test named fails when it does not hold.

"""


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One operation of one client. `test` is the file and function that shows it; `note` says where its limit is."""

    client: str
    operation: str
    version: str
    result: str
    test: str
    note: str = ""


@contextlib.contextmanager
def row(client: str, operation: str, *, version: str = "", note: str = "") -> Iterator[None]:
    """What happens inside shows that `client` can do `operation`.

    Args:
        client: name without version (`kubectl`, `kr8s`): the table has a section for each.
        operation: as a user would type or call it, short.
        version: the client's, as it says itself.
        note: a limit of it, where there is one.

    Raises:
        AssertionError: the table has no such row, or another result.
    """
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0].partition("[")[0]
    collect = os.environ.get(VARIABLE)
    result = "fail"
    try:
        yield
        result = "pass"
    finally:
        if collect:
            line = json.dumps(asdict(Row(client, operation, version, result, test, note)))
            with Path(collect).open("a", encoding="utf-8") as file:
                file.write(line + "\n")  # one write, appended: tests may run in several processes
    if not collect:
        known = {(item.client, item.operation, item.test): item for item in read(TABLE)}
        found = known.get((client, operation, test))
        assert found is not None, f"{TABLE.name} has no row for {client}, {operation} by {test}: run make compatibility"
        assert found.result == result, f"{client}, {operation}: works now, the table says it fails: make compatibility"


def read(path: Path) -> list[Row]:
    """Rows of a table; none where there is no file."""
    return [Row(**item) for item in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def collected(path: Path) -> list[Row]:
    """Rows as tests appended them, once each; one that failed anywhere fails."""
    found: dict[tuple[str, str, str], Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        item = Row(**json.loads(line))
        key = (item.client, item.operation, item.version)
        if key not in found or item.result == "fail":
            found[key] = item
    return sorted(found.values())


def render(rows: Iterable[Row]) -> str:
    """The page: a section a client, a line an operation."""
    rows = sorted(rows)
    text = _HEAD
    for client in sorted({item.client for item in rows}):
        mine = [item for item in rows if item.client == client]
        versions = sorted({item.version for item in mine if item.version})
        passed = sum(item.result == "pass" for item in mine)
        text += f"## {client}\n\n{passed} of {len(mine)} pass"
        text += f"; version {', '.join(versions)}.\n\n" if versions else ".\n\n"
        text += "| operation | version | result | shown by |\n|---|---|---|---|\n"
        for item in mine:
            name = item.operation.replace("|", "\\|") + (f" ({item.note})" if item.note else "")
            text += f"| {name} | {item.version or '–'} | {item.result} | `{item.test}` |\n"
        text += "\n"
    return text.rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """`python -m tests.harness.compatibility FILE`: table and page from FILE; other clients' rows stay as they are."""
    new = collected(Path(arguments[0]))
    clients = {item.client for item in new}
    rows = sorted([*new, *(item for item in read(TABLE) if item.client not in clients)])
    TABLE.write_text(json.dumps([asdict(item) for item in rows], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(render(rows), encoding="utf-8")
    failed = [item for item in rows if item.result != "pass"]
    print(f"{len(rows)} rows, {len(failed)} fail", *(f"  {item.client}: {item.operation}" for item in failed), sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
