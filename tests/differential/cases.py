"""Cases as data: `cases/*.yaml`, each file a list of {name, input, processors} or {name, input, statement}.

`processors` is a list of one-key maps, type to configuration, run in order. `statement` (or `statements`) is short for
a transform processor with it, its errors propagated: a statement that fails at run time then refuses the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).with_name("cases")


@dataclass(frozen=True, slots=True)
class Case:
    """One pipeline and what is sent through it."""

    name: str
    input: str
    processors: tuple[tuple[str, dict[str, Any]], ...]

    def __str__(self) -> str:
        return self.name


def load(file: str) -> list[Case]:
    """The cases of a file."""
    found = [_case(row, file) for row in YAML(typ="safe", pure=True).load((FOLDER / f"{file}.yaml").read_text("utf-8"))]
    names = [case.name for case in found]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
    return found


def _case(row: dict[str, Any] | str, file: str) -> Case:
    if isinstance(row, str):
        row = {"statement": row}
    statements = row.get("statements") or ([row["statement"]] if "statement" in row else [])
    if statements:
        config = {"error_mode": row.get("error_mode", "propagate"), "metric_statements": statements}
        processors: list[dict[str, Any]] = [{"transform": config}]
    elif "condition" in row:
        processors = [{"filter": {"error_mode": "propagate", "metric_conditions": [row["condition"]]}}]
    else:
        processors = row["processors"]
    name = row.get("name") or (statements[0] if statements else row.get("condition"))
    assert name, (file, row)
    return Case(
        name,
        row.get("input", "rich"),
        tuple((kind, config or {}) for one in processors for kind, config in one.items()),
    )


FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
