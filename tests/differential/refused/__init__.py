"""Configurations that are wrong: at which phase the Collector refuses each, with which exit code and words.

`cases.yaml` has them, `python -m tests.differential.refused` (a part of `make differential`) records the real one.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.differential.embedded import text

FOLDER = Path(__file__).parent
GOLDEN = FOLDER.parent / "golden" / "refused.json"
_SOUND: dict[str, Any] = {
    "receivers": {"otlp": {"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}}, "exporters": {"debug": None},
}  # fmt: skip
_QUIET = {"metrics": {"level": "none"}, "logs": {"level": "error"}}


@dataclass(frozen=True, slots=True)
class Bad:
    """One wrong configuration, as a file's text."""

    name: str
    text: str


def load() -> list[Bad]:
    """All cases, in order."""
    rows = YAML(typ="safe").load((FOLDER / "cases.yaml").read_text("utf-8"))
    cases = [Bad(row["name"], row["text"] if "text" in row else text(_with(row))) for row in rows]
    assert len({case.name for case in cases}) == len(cases)
    return cases


def free_port() -> int:
    """A port of the loopback address that nobody has."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def _with(row: dict[str, Any]) -> dict[str, Any]:
    config = {**_SOUND, **{key: value for key, value in row.items() if key != "name"}}
    if "service" not in row:
        pipeline = {key: list(config.get(key) or {}) for key in ("receivers", "processors", "exporters")}
        config["service"] = {"extensions": list(config.get("extensions") or {}), "pipelines": {"metrics": pipeline}}
    if config["service"] is not None:
        config["service"] = {"telemetry": _QUIET, **config["service"]}
    return config
