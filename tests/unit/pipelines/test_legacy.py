"""Legacy templates: mended where it is plain what was meant, told, and refused where it is not."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from phoenix import engine
from phoenix.pipelines.legacy import convert

LEGACY = """
receivers:
  otlp: {protocols: {http: {endpoint: "${OTLP_ENDPOINT:-127.0.0.1:4318}"}}}
processors:
  batch: {timeout: 5}
  memory_limiter: {check_interval: 1, limit_mib: 512}
  probabilistic_sampler: {sampling_percentage: 10}
  groupbyattrs: {keys: [category], aggregation_type: sum}
  filter/noise:
    metrics:
      metric: ['name =~ "^go_.*"']
exporters:
  logging: {loglevel: debug}
service:
  telemetry: {metrics: {address: ":8888"}}
  pipelines:
    metrics:
      receivers: [otlp]
      processors: [batch, filter/noise, probabilistic_sampler, groupbyattrs, memory_limiter]
      exporters: [logging]
"""


def loaded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(text)
    return found


def test_what_is_plain_is_mended_told_and_runs() -> None:
    before = loaded(LEGACY)
    made = convert(before)
    assert before == loaded(LEGACY)
    assert made.refused == []
    assert made.config["receivers"]["otlp"]["protocols"]["http"]["endpoint"] == "${env:OTLP_ENDPOINT:-127.0.0.1:4318}"
    assert made.config["processors"]["batch"] == {"timeout": "5s"}
    assert made.config["processors"]["filter/noise"]["metrics"]["metric"] == ['IsMatch(name, "^go_.*")']
    assert made.config["exporters"] == {"debug": {"verbosity": "detailed"}}
    assert made.config["service"]["telemetry"] == {"metrics": {}}
    steps = made.config["service"]["pipelines"]["metrics"]["processors"]
    assert steps == ["memory_limiter", "filter/noise", "groupbyattrs", "transform/groupbyattrs-sum", "batch"]
    del made.config["processors"]["probabilistic_sampler"]  # defined and not used is nothing to a collector
    assert engine.check(made.config, {}) == []
    assert len(made.changes) == 9


def test_converting_again_changes_nothing() -> None:
    once = convert(loaded(LEGACY))
    again = convert(once.config)
    assert (again.config, again.changes) == (once.config, [])


@pytest.mark.parametrize(
    ("processor", "code"),
    [
        ("topk: {k: 20}", "InvalidPipeline"),
        ("adaptive_filter: {}", "InvalidPipeline"),
        ("filter/keep_important: {metrics: {metric: ['name == \"a\"']}}", "InvertedFilter"),
        ("filter: {metrics: {metric: ['value < 0.01']}}", "ValueOfMetric"),
        ("transform: {metric_statements: ['set(a, case(x, 1))']}", "NotOttl"),
    ],
)
def test_what_would_be_guessing_is_refused_with_a_way_on(processor: str, code: str) -> None:
    name = processor.partition(":")[0]
    made = convert(
        loaded(
            f"receivers: {{otlp: {{}}}}\nprocessors:\n  {processor}\nexporters: {{debug: {{}}}}\n"
            f"service: {{pipelines: {{metrics: {{receivers: [otlp], processors: [{name}], exporters: [debug]}}}}}}"
        )
    )
    assert [item.code for item in made.refused] == [code]
    assert made.refused[0].hint


def test_a_text_that_is_no_pipeline_is_refused() -> None:
    assert [item.path for item in convert({"receivers": {}}).refused] == ["config.service"]


SERVICE = "service: {pipelines: {metrics: {processors: []}}}"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"processors: [a]\n{SERVICE}", "config.processors"),
        (f"receivers: [1]\n{SERVICE}", "config.receivers"),
        (f"processors: {{1: {{}}}}\n{SERVICE}", "config.processors.1"),
        (f"exporters: {{1: }}\n{SERVICE}", "config.exporters.1"),
        (f"exporters: {{logging: x}}\n{SERVICE}", "config.exporters.logging"),
        ("service: {pipelines: {metrics: {processors: 5}}}", "config.service.pipelines.metrics.processors"),
        ("service: [metrics]", "config.service"),
    ],
)
def test_what_is_not_of_the_right_form_is_refused_with_its_place(text: str, path: str) -> None:
    made = convert(loaded(text))
    assert [finding.path for finding in made.refused] == [path]


MORE = """
receivers:
  hostmetrics:
    collection_interval: 1d
    resource_attributes: {process.pid: {enabled: false}}
    scrapers: {process: {}}
processors:
  cumulativetodelta: {}
  transform:
    metric_statements: [{context: datapoint, statements: ['replace_pattern(attributes["a"], "(x)", "${1}")']}]
  batch: {}
exporters:
  otlphttp: {endpoint: "http://x:4318/v1/metrics"}
  prometheus: {endpoint: "127.0.0.1:9464"}
service:
  pipelines:
    metrics:
      receivers: [hostmetrics]
      processors: [cumulativetodelta, transform, batch]
      exporters: [otlphttp, prometheus]
"""


def test_days_groups_paths_deltas_and_resource_attributes_are_mended() -> None:
    made = convert(loaded(MORE))
    assert made.refused == []
    receiver = made.config["receivers"]["hostmetrics"]
    assert receiver == {
        "collection_interval": "24h",
        "scrapers": {"process": {"resource_attributes": {"process.pid": {"enabled": False}}}},
    }
    assert made.config["exporters"]["otlphttp"] == {"endpoint": "http://x:4318"}
    steps = made.config["service"]["pipelines"]["metrics"]["processors"]
    assert steps == ["cumulativetodelta", "transform", "deltatocumulative", "batch"]
    (group,) = made.config["processors"]["transform"]["metric_statements"]
    assert group["statements"] == ['replace_pattern(attributes["a"], "(x)", "$${1}")']
    assert engine.check(made.config, {}) == []
    assert len(made.changes) == 5
    again = convert(made.config)
    assert (again.config, again.changes, again.refused) == (made.config, [], [])


def test_deltas_become_cumulative_again_behind_what_makes_them_wherever_batch_stands() -> None:
    found = loaded(MORE)
    found["service"]["pipelines"]["metrics"]["processors"] = ["batch", "cumulativetodelta", "transform"]
    steps = convert(found).config["service"]["pipelines"]["metrics"]["processors"]
    assert steps == ["cumulativetodelta", "transform", "deltatocumulative", "batch"]


def test_a_copy_without_end_and_attributes_of_a_metric_are_refused() -> None:
    found = loaded(MORE)
    found["processors"]["transform"] = {"metric_statements": ["copy_metric()"]}
    found["processors"]["filter"] = {"metrics": {"metric": ['attributes["a"] == "b"']}}
    found["service"]["pipelines"]["metrics"]["processors"] = ["filter", "transform"]
    made = convert(found)
    assert {item.code for item in made.refused} == {"EndlessCopy", "AttributesOfMetric"}
    assert all(item.hint for item in made.refused)
