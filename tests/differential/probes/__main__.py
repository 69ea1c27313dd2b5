"""`python -m tests.differential.probes [NAME ...]`: ask the real Collector, keep what it answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from tests.differential.probes import defaults, exposition, internal, reload
from tests.differential.real import GOLDEN, version
from tests.harness.otelcol import binary

PROBES: dict[str, Callable[[str], Any]] = {
    "defaults": defaults.ask,
    "exposition": exposition.asked,
    "internal": internal.asked,
    "reload": reload.asked,
}


def main(names: list[str]) -> int:
    """Record."""
    path = binary()
    if not path:
        print("the real Collector is not built: run `make otelcol`", file=sys.stderr)
        return 2
    (GOLDEN / "probes").mkdir(exist_ok=True)
    for name in names or PROBES:
        kept = {"version": version(path), "answers": PROBES[name](path)}
        file = GOLDEN / "probes" / f"{name}.json"
        file.write_text(json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
        print(f"probes: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
