"""What the Collector's options are when nothing is written: `print-config` of every component."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from phoenix.engine.registry import EXPORTERS, EXTENSIONS, PROCESSORS, RECEIVERS

DELETE = [{"key": "a", "action": "delete"}]
URL, ADDRESS = "http://127.0.0.1:1", "127.0.0.1:1"
NEEDED: dict[str, Any] = {
    "attributes": {"actions": DELETE},
    "file": {"path": "x"},
    "hostmetrics": {"scrapers": {"cpu": None}},
    "memory_limiter": {"check_interval": "1s", "limit_mib": 100},
    "otlp": {"protocols": {"http": None}},
    "otlp_grpc": {"endpoint": ADDRESS},
    "otlphttp": {"endpoint": URL},
    "prometheus": {"endpoint": ADDRESS},
    "prometheus_remote_write": {"endpoint": URL},
    "resource": {"attributes": DELETE},
}
"""What must be written for a component to be valid at all."""
TABLES: dict[str, dict[str, Any]] = {
    "receivers": RECEIVERS, "processors": PROCESSORS, "exporters": EXPORTERS, "extensions": EXTENSIONS,
}  # fmt: skip
OWN = {"phoenix_tee"}
NOT_BUILT = {"resourcedetection"}
"""Of other distributions than the one `make otelcol` builds."""
OTHERWISE = {"receivers/prometheus"}
"""Has Prometheus's own configuration inside, printed with Prometheus's defaults."""


def asked() -> dict[str, list[str]]:
    """Types by section: each component once, by the first of its names."""
    left_out = OWN | NOT_BUILT
    return {
        section: sorted(
            name
            for name, factory in table.items()
            if name == factory.types[0] and not left_out & set(factory.types) and f"{section}/{name}" not in OTHERWISE
        )
        for section, table in TABLES.items()
    }


def config() -> dict[str, Any]:
    """A configuration with all of them and nothing written that need not be."""
    types = asked()
    made: dict[str, Any] = {
        section: {name: NEEDED.get(name) for name in names} for section, names in types.items()
    }  # fmt: skip
    made["service"] = {
        "extensions": types["extensions"],
        "pipelines": {"metrics": {key: types[key] for key in ("receivers", "processors", "exporters")}},
    }
    return made


def ask(path: str) -> dict[str, Any]:
    """All of the resolved configuration, options that are null left out. Durations are nanoseconds."""
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "c.yaml"
        file.write_text(json.dumps(config()), "utf-8")
        command = [path, "print-config", "--mode", "unredacted", "--format", "json", "--config", str(file)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = _said(json.loads(ran.stdout))
    return found


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _said(item) for key, item in value.items() if item is not None}
    return [_said(item) for item in value] if isinstance(value, list) else value
