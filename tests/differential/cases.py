"""Cases as data, in `cases/`: statements in `*.txt`, whole processors in `*.yaml`.

A line of a `.txt` file is one case, named by itself: a statement of the transform processor, `= EXPRESSION` (set an
attribute to it), `? CONDITION` (set an attribute where it holds) or `! CONDITION` (of the filter processor). They are
written as OTTL has them: a `$` is doubled for the configuration here. Directives hold until the next one of their kind:
`@input NAME`, `@mode propagate|ignore|silent`, `@context NAME|none`. Errors are propagated unless said otherwise: a
statement that fails at run time then refuses the request.

A `.yaml` file is a list of {name, input, processors}: `processors` a list of one-key maps, type to configuration, in
order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).with_name("cases")
_SHORT = {"=": 'set(datapoint.attributes["x"], {})', "?": 'set(datapoint.attributes["x"], "y") where {}'}


@dataclass(frozen=True, slots=True)
class Case:
    """One pipeline and what is sent through it."""

    name: str
    input: str
    processors: tuple[tuple[str, dict[str, Any]], ...]

    def __str__(self) -> str:
        return self.name


def load(file: str) -> list[Case]:
    """The cases of a file, by its name without ending."""
    path = FOLDER / file
    if path.with_suffix(".txt").exists():
        found = list(_statements(path.with_suffix(".txt").read_text("utf-8")))
    else:
        rows = YAML(typ="safe").load(path.with_suffix(".yaml").read_text("utf-8"))
        found = [_case(row["name"], row.get("input", "rich"), row["processors"]) for row in rows]
    names = [case.name for case in found]
    assert len(set(names)) == len(names), sorted({name for name in names if names.count(name) > 1})
    return found


def _statements(text: str) -> Iterator[Case]:
    held = {"input": "rich", "mode": "propagate", "context": "none"}
    for line in text.splitlines():
        if line.startswith("@"):
            key, value = line[1:].split()
            assert key in held, line
            held[key] = value
        elif line and not line.startswith("#"):
            yield _case(_name(line, held), held["input"], [_processor(line.replace("$", "$$"), held)])


def _name(line: str, held: dict[str, str]) -> str:
    extra = [held["context"]] * (held["context"] != "none") + [held["mode"]] * (held["mode"] != "propagate")
    return f"{line} [{', '.join(extra)}]" if extra else line


def _processor(line: str, held: dict[str, str]) -> dict[str, Any]:
    kind, _, rest = line.partition(" ")
    if kind == "!":
        condition: Any = rest
        if held["context"] != "none":
            condition = {"context": held["context"], "conditions": [rest]}
        return {"filter": {"error_mode": held["mode"], "metric_conditions": [condition]}}
    statement: Any = _SHORT[kind].format(rest) if kind in _SHORT else line
    if held["context"] != "none":
        statement = {"context": held["context"], "statements": [statement]}
    return {"transform": {"error_mode": held["mode"], "metric_statements": [statement]}}


def _case(name: str, sent: str, processors: list[dict[str, Any]]) -> Case:
    return Case(name, sent, tuple((kind, config or {}) for one in processors for kind, config in one.items()))


FILES = sorted({path.stem for path in FOLDER.iterdir()})
