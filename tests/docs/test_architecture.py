"""Every room has its paragraph, and none is described that is not there."""

from __future__ import annotations

import re

from tests.docs.pages import DOCS, ROOT, section

PAGE = DOCS / "architecture.md"


def test_every_room_has_a_paragraph() -> None:
    rooms = {path.parent.name for path in (ROOT / "phoenix").glob("*/__init__.py")}
    controllers = {f"controllers/{path.parent.name}" for path in (ROOT / "controllers").glob("*/__init__.py")}
    described = re.findall(r"\*\*`([^`]+)`\*\*", section(PAGE, "## Room by room"))
    assert sorted(described) == sorted({*rooms, *controllers, "phoenix/up.py", "phoenix/serve.py", "phoenix/shim.py"})


def test_decisions_are_numbered_without_gaps_and_say_what_was_decided() -> None:
    found = sorted((DOCS / "adr").glob("*.md"))
    assert [int(path.name[:4]) for path in found] == list(range(1, len(found) + 1))
    for path in found:
        assert path.read_text(encoding="utf-8").startswith("# "), path.name
