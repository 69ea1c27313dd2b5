"""Known mistakes in the pipelines of what is written, told in Warning headers. Pure; for three kinds only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineDeployment, PipelineTemplate
from phoenix.apimachinery.meta import Resource
from phoenix.pipelines import shape
from phoenix.pipelines.lint import lint

LINTED: frozenset[type[Resource]] = frozenset({Experiment, PipelineDeployment, PipelineTemplate})
"""Kinds that hold collector configuration: all others are not looked at."""
_LARGE_BYTES = 100_000
"""A configuration beyond it is left to `phoenixctl validate`: others wait for this loop."""


def pipeline_warnings(kind: type[Resource], wire: Mapping[str, Any]) -> list[str]:
    """A sentence for each mistake: path, what is wrong, what to do. What has been admitted is sound otherwise.

    A template is looked at with its placeholders in place; a pipeline by reference is not, its template was.
    """
    found: list[str] = []
    for path, config in _configs(kind, wire.get("spec") or {}):
        try:
            found += _looked_at(path, orjson.dumps(config))
        except orjson.JSONEncodeError:  # an integer beyond 64 bits
            continue
    return found


@lru_cache(maxsize=256)
def _looked_at(path: str, config_json: bytes) -> tuple[str, ...]:
    """Kept, since a status is written a hundred times for each time that a configuration changes: 4 µs then."""
    config = orjson.loads(config_json)
    if len(config_json) > _LARGE_BYTES:
        return ()
    return tuple(str(item) for item in (shape.check(config, path) or lint(config, path)))


def _configs(kind: type[Resource], spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if kind is Experiment:
        sources = [(f"spec.variants[{at}].pipeline", one.get("pipeline")) for at, one in enumerate(spec["variants"])]
    elif kind is PipelineTemplate:
        sources = [("spec", spec)]
    else:
        sources = [("spec.pipeline", spec.get("pipeline"))]
    for path, source in sources:
        config = source.get("config") if isinstance(source, Mapping) else None
        if isinstance(config, Mapping) and config:
            yield f"{path}.config", config
