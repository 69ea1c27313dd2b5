"""The documentation as tests read it: pages, fenced blocks, tables, and what the code says of itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"(?:^<!-- test: (?P<tag>[a-z-]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
_ROW = re.compile(r"^\| `(?P<first>[^`]+)` \|(?P<rest>.*)$", re.M)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `tag`: of the comment `<!-- test: TAG -->` right above it; `line`: where it begins."""

    page: Path
    line: int
    language: str
    tag: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page people read: introductions of the reference are read in the pages made of them."""
    written = [path for path in sorted(DOCS.rglob("*.md")) if "_intro" not in path.parts]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *written]


def blocks(page: Path) -> Iterator[Block]:
    """Its fenced blocks in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(page, line, found["language"], found["tag"] or "", found["text"])


def section(page: Path, heading: str) -> str:
    """The text below a heading such as `## Reasons`, up to the next of its level or above."""
    text = page.read_text(encoding="utf-8")
    level = heading.split(" ", 1)[0]
    found = re.search(rf"^{re.escape(heading)}$\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.M | re.S)
    assert found, f"{page.name} has no section {heading!r}"
    return found[1]


def rows(text: str) -> list[tuple[str, str]]:
    """Of tables whose first cell is `code`: that code and the rest of the row."""
    return [(found["first"], found["rest"]) for found in _ROW.finditer(text)]


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every module below these folders of the repository, parsed."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def words(node: ast.AST) -> Iterator[str]:
    """Every text constant at or below a node."""
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
