"""Known mistakes are found where they are, each with a fix; what is right is let be."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from phoenix.pipelines.errors import Severity
from phoenix.pipelines.lint import lint

SERVICE = "service: {pipelines: {metrics: {receivers: [otlp], processors: [%s], exporters: [%s]}}}"


def config(text: str, processors: str = "", exporters: str = "") -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(text + "\n" + SERVICE % (processors, exporters))
    return found


WRONG = [
    ("processors: {filter/keep_important: {metrics: {metric: ['name == \"a\"']}}}", "filter/keep_important", "",
     "InvertedFilter", "c.processors.filter/keep_important"),
    ("processors: {filter: {metrics: {metric: ['value < 0.01']}}}", "filter", "",
     "ValueOfMetric", "c.processors.filter.metrics.metric[0]"),
    ("processors: {filter: {metrics: {metric: ['name =~ \"a.*\"']}}}", "filter", "",
     "NotOttl", "c.processors.filter.metrics.metric[0]"),
    ("processors: {filter: {metrics: {datapoint: ['attributes[\"a\"] matches \"b\"']}}}", "filter", "",
     "NotOttl", "c.processors.filter.metrics.datapoint[0]"),
    ("processors: {transform: {metric_statements: [{context: datapoint, statements: ['where a == 1 set(b, 2)']}]}}",
     "transform", "", "NotOttl", "c.processors.transform.metric_statements[0].statements[0]"),
    ("processors: {transform: {metric_statements: ['set(a, case(x, 1))']}}", "transform", "",
     "NotOttl", "c.processors.transform.metric_statements[0]"),
    ("processors: {groupbyattrs: {keys: [a], aggregation_type: sum}}", "groupbyattrs", "",
     "GroupingDoesNotAggregate", "c.processors.groupbyattrs.aggregation_type"),
    ("processors: {probabilistic_sampler: {sampling_percentage: 10}}", "probabilistic_sampler", "",
     "SamplerOnMetrics", "c.processors.probabilistic_sampler"),
    ("processors: {resourcedetection: {detectors: [env, ec2]}}", "resourcedetection", "",
     "CloudDetector", "c.processors.resourcedetection.detectors"),
    ("processors: {batch: {}, filter: {}}", "batch, filter", "",
     "LateProcessor", "c.service.pipelines.metrics.processors[1]"),
    ("exporters: {logging: {loglevel: debug}}", "", "logging", "LoggingExporter", "c.exporters.logging"),
    ("exporters: {otlphttp: {endpoint: 'http://x:4318/v1/metrics'}}", "", "otlphttp",
     "DoublePath", "c.exporters.otlphttp.endpoint"),
    ("exporters: {prometheus: {endpoint: '0.0.0.0:8888'}}", "", "prometheus",
     "PortClash", "c.exporters.prometheus.endpoint"),
    ("receivers: {otlp: {protocols: {http: {endpoint: '0.0.0.0:8889'}}}}\nexporters: {prometheus: {endpoint: ':8889'}}",
     "", "prometheus", "PortClash", "c.exporters.prometheus.endpoint"),
    ("processors: {transform: {metric_statements: ['replace_pattern(a, \"(x)\", \"${1}\")']}}", "transform", "",
     "BracedGroup", "c.processors.transform.metric_statements[0]"),
    ("processors: {filter: {metrics: {metric: ['attributes[\"a\"] == \"b\"']}}}", "filter", "",
     "AttributesOfMetric", "c.processors.filter.metrics.metric[0]"),
    ("processors: {filter: {metrics: {datapoint: ['value_double < 0.1']}}}", "filter", "",
     "DoubleOfIntegers", "c.processors.filter.metrics.datapoint[0]"),
    ("processors: {batch: {timeout: 1d}}", "batch", "", "NoSuchUnit", "c.processors.batch.timeout"),
    ("processors: {batch: {}}", "", "", "Unused", "c.processors.batch"),
    ("receivers: {hostmetrics: {resource_attributes: {}, scrapers: {process: {}}}, otlp: {}}\nprocessors: {}", "", "",
     "Unused", "c.receivers.hostmetrics"),
    ("processors: {batch: {timeout: 5}}", "batch", "", "BareDuration", "c.processors.batch.timeout"),
    ("processors: {batch: {}, memory_limiter: {}}", "batch, memory_limiter", "",
     "LateMemoryLimiter", "c.service.pipelines.metrics.processors[1]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "processors", "exporters", "code", "path"), WRONG)
def test_it_is_found_where_it_is(text: str, processors: str, exporters: str, code: str, path: str) -> None:
    findings = [item for item in lint(config(text, processors, exporters), "c") if item.code == code]
    assert [item.path for item in findings] == [path]
    assert findings[0].hint
    assert findings[0].severity is Severity.WARNING


def test_a_receiver_filter_without_match_type_and_an_old_telemetry_address() -> None:
    found = config("receivers: {otlp: {}, hostmetrics: {scrapers: {process: {include: {names: [a]}}}}}")
    found["service"]["pipelines"]["metrics"]["receivers"] = ["hostmetrics"]
    found["service"]["telemetry"] = {"metrics": {"address": ":8888"}}
    assert [item.code for item in lint(found, "c")] == ["NoMatchType", "TelemetryAddress", "Unused"]


@pytest.mark.parametrize(
    ("text", "processors", "exporters"),
    [
        (
            "processors: {filter/keep: {metrics: {metric: ['not IsMatch(name, \"a =~ b matches\")']}}}",
            "filter/keep",
            "",
        ),
        (
            "processors: {filter: {metrics: {datapoint: ['value_double < 1 and metric.name == \"a\"']}}}",
            "filter",
            "",
        ),
        ('processors: {transform: {metric_statements: [\'replace_pattern(a, "x", "$1")\']}}', "transform", ""),
        ("processors: {resourcedetection: {detectors: [env, system]}}", "resourcedetection", ""),
        (
            "exporters: {otlphttp: {endpoint: 'http://x:4318'}, prometheus: {endpoint: ':9464'}}",
            "",
            "otlphttp, prometheus",
        ),
    ],
)
def test_what_is_right_is_let_be(text: str, processors: str, exporters: str) -> None:
    assert lint(config(text, processors, exporters), "c") == []


@pytest.mark.parametrize("place", ["", "scrapers"])
def test_resource_attributes_belong_to_the_process_scraper(place: str) -> None:
    found = config("receivers: {hostmetrics: {scrapers: {process: {}}}}")
    found["service"]["pipelines"]["metrics"]["receivers"] = ["hostmetrics"]
    settings = found["receivers"]["hostmetrics"]
    (settings["scrapers"] if place else settings)["resource_attributes"] = {"process.pid": {"enabled": False}}
    (item,) = lint(found, "c")
    assert (item.code, item.path) == (
        "MisplacedResourceAttributes",
        f"c.receivers.hostmetrics.{place + '.' if place else ''}resource_attributes",
    )


@pytest.mark.parametrize(
    ("statement", "endless"),
    [
        ("copy_metric()", True),
        ('copy_metric(name="a.copy")', True),
        ('copy_metric(name="a.copy") where metric.name == "a"', False),
        ('copy_metric("a.copy") where metric.name == "a"', False),
        ('copy_metric(name="a") where metric.name == "a"', True),
        ('copy_metric(name="a.copy") where metric.name != "a.copy"', False),
        ('copy_metric(name="a.copy") where IsMatch(metric.name, "^a")', True),
        ('copy_metric(name="copy.of.a") where IsMatch(metric.name, "^a")', False),
        ('copy_metric(name="b") where metric.type == METRIC_DATA_TYPE_SUM', True),
        ('copy_metric(unit="ms") where metric.unit == "s"', False),
        ('copy_metric(unit="ms") where metric.name == "a"', True),
    ],
)
def test_a_copy_of_a_copy(statement: str, endless: bool) -> None:
    found = config("processors: {transform: {}}", "transform")
    found["processors"]["transform"]["metric_statements"] = [statement]
    assert [item.code for item in lint(found, "c")] == ["EndlessCopy"] * endless
