"""Hashes that name a pipeline and a configuration: 16 hex digits of SHA-256 over canonical JSON.

Canonical: keys sorted, no spaces, UTF-8, numbers as Python writes them (so 1 and 1.0 differ, as they do to OTTL).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

HASH_LENGTH = 16
"""Hex digits kept: 64 bits tell all revisions anyone will ever make apart."""


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def config_hash(config: Mapping[str, Any]) -> str:
    """Hash of a whole configuration: what runs, before ports are filled in."""
    return _digest(config)


def pipeline_hash(config: Mapping[str, Any]) -> str:
    """Hash of what the pipelines do to data: their processors in order with their configurations.

    Receivers, exporters, extensions and telemetry do not count, so that a pipeline keeps its hash from the experiment
    that judged it to the deployment that runs it. Processors no pipeline uses do not count. A null configuration is
    an empty one. `config` must be structurally sound (`phoenix.pipelines.shape.check`).
    """
    processors: Mapping[str, Any] = config.get("processors") or {}
    return _digest(
        [
            [name, [[step, processors[step] or {}] for step in (pipeline or {}).get("processors") or []]]
            for name, pipeline in sorted(config["service"]["pipelines"].items())
        ]
    )
