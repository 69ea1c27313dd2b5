"""Record what the real Collector says to each wrong configuration: `python -m tests.differential.refused`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.differential.real import version
from tests.differential.refused import GOLDEN, free_port, load
from tests.harness.otelcol import binary

_PHASES = (
    ("cannot retrieve the configuration", "retrieve"),
    ("retrieved value", "retrieve"),
    ("cannot resolve the configuration", "expand"),
    ("cannot unmarshal the configuration", "decode"),
    ("failed to build pipelines", "build"),
)
_PREFIXES = re.compile(
    r"^(?:Error: |failed to get config: |cannot resolve the configuration: |cannot retrieve the configuration: |"
    r"cannot unmarshal the configuration: |decoding failed due to the following error\(s\):|"
    r"failed to build pipelines: |"
    r"collector server run finished with error: |\s)+"
)
_SET = re.compile(r"""\[(?:"\w+"|\w+)(?: (?:"\w+"|\w+))+\]""")
_KEPT = 240
_RUNS_S = 3.0


def phase_of(said: str) -> str:
    """Where in loading the Collector was."""
    return next((phase for words, phase in _PHASES if words in said), "validate")


def ask(path: str, config: str) -> dict[str, Any]:
    """{"phase", "exit", "says"} of one configuration; phase "none": it runs."""
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "c.yaml"
        port = free_port()
        file.write_text(config.replace("@PORT@", str(port)), "utf-8")
        ran = _run([path, "validate", "--config", str(file)], made)
        if ran.returncode:
            return {"phase": phase_of(ran.stderr), "exit": ran.returncode, "says": _essence(ran.stderr, made)}
        try:
            ran = _run([path, "--config", str(file)], made, _RUNS_S)
        except subprocess.TimeoutExpired:
            return {"phase": "none", "exit": 0, "says": ""}
        said = ran.stderr[ran.stderr.rfind("Error: ") :]
        return {"phase": "start", "exit": ran.returncode, "says": _essence(said.replace(str(port), "@PORT@"), made)}


def _run(command: list[str], folder: str, timeout_s: float = 20) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME"}}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=timeout_s, env=own, cwd=folder,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _essence(said: str, folder: str) -> str:
    """Its first sentences, without what differs from run to run: paths, and the order of sets."""
    text = " ".join(_PREFIXES.sub("", said.partition("\n20")[0]).split()).replace(folder, "DIR")
    text = text.replace(' "', '"') if "duplicate name" in text else text  # either of the two may be found first
    return _SET.sub(lambda match: f"[{' '.join(sorted(match[0][1:-1].split()))}]", text)[:_KEPT]


def record(path: str) -> dict[str, Any]:
    """By the names of the cases."""
    cases = load()
    with ThreadPoolExecutor(2) as pool:
        return {case.name: said for case, said in zip(cases, pool.map(lambda c: ask(path, c.text), cases), strict=True)}


def main() -> int:
    """Record."""
    path = binary()
    if not path:
        print("the real Collector is not built: run `make otelcol`", file=sys.stderr)
        return 2
    golden = {"version": version(path), "cases": record(path)}
    GOLDEN.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", "utf-8")
    phases = [said["phase"] for said in golden["cases"].values()]
    print(f"{len(phases)} configurations:", ", ".join(f"{phases.count(one)} {one}" for one in sorted(set(phases))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
