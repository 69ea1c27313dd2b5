"""The kube-apiserver's answers on disk: `golden/SCENARIO.json`, one answer a line, and `golden/version.txt`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from conformance.runner import Answer

FOLDER = Path(__file__).with_name("golden")


def version() -> str:
    """Version of the kube-apiserver that answered."""
    return (FOLDER / "version.txt").read_text(encoding="utf-8").strip()


def read(name: str) -> list[Answer]:
    """Answers to one scenario. Raises FileNotFoundError: it was never recorded."""
    found: list[Answer] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def write(answers: Mapping[str, list[Answer]], version: str) -> list[str]:
    """Replace all of it; the names of scenarios whose answers changed, came or went."""
    FOLDER.mkdir(exist_ok=True)
    before = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    after = {name: _encoded(found) for name, found in answers.items()}
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    for name in changed:
        path = FOLDER / f"{name}.json"
        if name in after:
            path.write_text(after[name], encoding="utf-8")
        else:
            path.unlink()
    (FOLDER / "version.txt").write_text(f"{version}\n", encoding="utf-8")
    return changed


def _encoded(answers: list[Answer]) -> str:
    lines = (json.dumps(answer, ensure_ascii=False, separators=(",", ":")) for answer in answers)
    return "[\n" + ",\n".join(lines) + "\n]\n"
