"""`python -m tests.differential.page` writes into docs/engines.md what the code and the golden data say of engines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from phoenix.engine.ottl.functions import ELSEWHERE
from phoenix.engine.registry import EXPORTERS, EXTENSIONS, PROCESSORS, RECEIVERS
from tests.differential.cases import FILES, load
from tests.differential.probes.defaults import OWN
from tests.differential.probes.exposition import CASES
from tests.differential.probes.internal import LEVELS
from tests.differential.real import GOLDEN
from tests.differential.realtemplates import RUNNABLE
from tests.differential.refused import load as load_refused

PAGE = Path(__file__).resolve().parents[2] / "docs" / "engines.md"
_HEADINGS = {
    "cases": "| case | what the embedded engine does otherwise |",
    "options": "| component | refused, although written as it is anyway |",
    "exposition": "| page for Prometheus | why it is refused |",
    "telemetry": "| own telemetry | why it is not told |",
}


def components() -> str:
    """A row a component, by kind."""
    lines = ["| | |", "|---|---|"]
    for kind, table in (
        ("receivers", RECEIVERS), ("processors", PROCESSORS), ("exporters", EXPORTERS), ("extensions", EXTENSIONS),
    ):  # fmt: skip
        names = {tuple(sorted(factory.types)) for name, factory in table.items() if name not in OWN}
        lines.append(f"| {kind} | {', '.join(' = '.join(f'`{name}`' for name in known) for known in sorted(names))} |")
    return "\n".join(lines)


def functions() -> str:
    """Those it has not."""
    return f"{', '.join(f'`{name}`' for name in sorted(ELSEWHERE))}."


def compared() -> str:
    """What was asked, how often, and how many differences are listed."""
    listed, version = differences(), json.loads((GOLDEN / "catalogue" / "templates.json").read_text("utf-8"))["version"]
    cases = sum(len(load(file)) for file in FILES)
    rows = [
        ("statements, conditions and processors on their own", _over(cases, 500), len(listed["cases"])),
        ("templates of the catalogue on the load models M1, M2 and M3 at size S", len(RUNNABLE), 0),
        ("wrong configurations, and the phase at which each is refused", _over(len(load_refused()), 50), "see there"),
        ("pages of the prometheus exporter", len(CASES), len(listed["exposition"])),
        ("levels of own telemetry: names, types, counts of points", len(LEVELS), f"{len(listed['telemetry'])} names"),
        ("defaults of all options, of each component", _defaults(), len(listed["options"])),
    ]
    lines = [f"With Collector {version}:", "", "| compared | cases | listed differences |", "|---|--:|--:|"]
    return "\n".join([*lines, *(f"| {what} | {count} | {found} |" for what, count, found in rows)])


def _over(count: int, step: int) -> str:
    return f"over {(count - 1) // step * step:,}"  # so that not every new case changes the page


def _defaults() -> int:
    answers = json.loads((GOLDEN / "probes" / "defaults.json").read_text("utf-8"))["answers"]
    return sum(len(answers[kind]) for kind in ("receivers", "processors", "exporters", "extensions"))


def differences() -> Mapping[str, Any]:
    """The list."""
    path = Path(__file__).with_name("differences.yaml")
    found: dict[str, Any] = YAML(typ="safe").load(path.read_text("utf-8"))
    return found


def tables() -> str:
    """A table for each part of the list."""
    parts = []
    for key, rows in differences().items():
        lines = [_HEADINGS.get(key, f"| {key} | why |"), "|---|---|"]
        for name, reason in rows.items():
            text = "; ".join(reason) if isinstance(reason, list) else reason
            lines.append(f"| {_code(name)} | {text.replace('|', chr(92) + '|')} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text.replace('|', chr(92) + '|')}{fence}"


MADE = {"components": components, "functions": functions, "compared": compared, "differences": tables}
_PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """The page with all that is made put in."""
    return _PART.sub(lambda found: f"{found[1]}\n{MADE[found[2]]()}\n\n{found[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
