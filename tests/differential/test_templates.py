"""Every template of the catalogue on every series model: what leaves the embedded engine left the real Collector."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from benchmarks.catalogue.passing import through
from phoenix.engine import ConfigError
from tests.differential.realtemplates import RUNNABLE, needed, read
from tests.differential.templates import INPUTS, NAMES, Summary, config, differences, summary, ticks


@cache
def recorded() -> dict[tuple[str, str], Summary]:
    return read()


@pytest.mark.parametrize(("template", "model"), RUNNABLE)
async def test_a_template_does_what_it_does_in_the_collector(template: str, model: str) -> None:
    theirs = recorded().get((template, model))
    assert theirs is not None, "not recorded: run `make differential`"
    sent = ticks(model)
    if differences(entered(model), theirs) == []:  # it has nothing this template is about: one tick shows as much
        sent = sent[:1]
        theirs = summary(sent)
    left = await through(config(template), [[payload] for payload in sent])
    assert differences(summary(left), theirs) == []


@cache
def entered(model: str) -> Summary:
    return summary(ticks(model))


def test_templates_are_about_something() -> None:
    unchanged = {
        name: [model for model in INPUTS if not differences(entered(model), recorded()[name, model])]
        for name, _ in RUNNABLE
    }
    assert [name for name, models in unchanged.items() if len(models) == len(INPUTS)] == ["baseline"]


def test_what_neither_engine_runs_is_said_to_be_needed() -> None:
    assert [name for name in NAMES if needed(name)] == ["cardinality-guard"]


async def test_a_template_that_needs_more_is_refused() -> None:
    with pytest.raises(ConfigError, match="cardinality_guardian"):
        await through(config("cardinality-guard"), [])


def _usages(request: ExportMetricsServiceRequest) -> list[Any]:
    metrics = [m for resource in request.resource_metrics for scope in resource.scope_metrics for m in scope.metrics]
    return [point for metric in metrics for point in metric.gauge.data_points if point.HasField("as_double")]


def _swapped(request: ExportMetricsServiceRequest) -> None:
    first, *_, last = _usages(request)
    first.as_double, last.as_double = last.as_double, first.as_double


def _nudged(request: ExportMetricsServiceRequest) -> None:
    _usages(request)[0].as_double *= 1.001


def _later(request: ExportMetricsServiceRequest) -> None:
    _usages(request)[0].time_unix_nano += 1


def _relabelled(request: ExportMetricsServiceRequest) -> None:
    request.resource_metrics[0].resource.attributes[0].value.string_value += "x"


@pytest.mark.parametrize("change", [_swapped, _nudged, _later, _relabelled])
def test_any_change_shows_in_a_summary(change: Callable[[ExportMetricsServiceRequest], None]) -> None:
    (payload, *_) = ticks("M2")
    request = ExportMetricsServiceRequest.FromString(payload)
    assert differences(summary([payload]), summary([request.SerializeToString()])) == []
    change(request)
    assert differences(summary([payload]), summary([request.SerializeToString()]))
