"""What is right field by field and yet cannot be meant: refused, with the field and what to write."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.meter import Meter
from phoenix.api.patterns import WANTED
from phoenix.api.pipeline import PipelineDeployment, PipelineTemplate
from phoenix.api.pricebook import PriceBook
from phoenix.api.schema import complete, structural_schema, validate
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import Resource
from phoenix.apimachinery.units import ByteSize, Duration
from tests.unit.api.test_schema import experiment

TIER = {"price": 1}


def judged(*criteria: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"analysis": {"criteria": list(criteria), **more}}


def source(**one: Any) -> dict[str, Any]:
    return {"source": one}


def book(**meter: Any) -> dict[str, Any]:
    return {"meters": [{"unit": "activeSeries", "tiers": [TIER], **meter}]}


def at(metric: str, **bounds: Any) -> dict[str, Any]:
    return {"metric": metric, **bounds}


LOSS, CARDINALITY = "signalLoss", "cardinalityReduction"
SENSELESS: list[tuple[type[Resource], dict[str, Any], str, str]] = [
    (Experiment, judged(at(CARDINALITY, min=0.5, max=0.1)), "spec.analysis.criteria[0]", "min 0.5 is above max 0.1"),
    (Experiment, judged(at("falseResets", min=1)), "spec.analysis.criteria[0]", "give max, such as max: 0"),
    (Experiment, judged(at(LOSS, min=0.1)), "spec.analysis.criteria[0]", "less is better"),
    (Experiment, judged(at("criticalCoverage", max=1)), "spec.analysis.criteria[0]", "give min, such as min: 1"),
    (Experiment, judged(at(LOSS, max=5)), "spec.analysis.criteria[0]", "5 % is 0.05"),
    (Experiment, judged(at(CARDINALITY, min=30)), "spec.analysis.criteria[0]", "30 % is 0.3"),
    (Experiment, judged(at("stalenessGaps", max=-1)), "spec.analysis.criteria[0]", "never below 0"),
    (Experiment, judged(at("cpuIncrease", max=-2)), "spec.analysis.criteria[0]", "never below -1"),
    (
        Experiment, judged(at(CARDINALITY, min=0.5), at(LOSS, max=0), at(CARDINALITY, max=0.4, critical=False)),
        "spec.analysis", "criteria[0] and criteria[2] contradict each other",
    ),
    (Experiment, judged(at(LOSS, max=0.1), at(LOSS, max=0.1)), "spec.analysis", "criteria[1] has the bounds of"),
    (Experiment, judged(minWindows=31), "spec", "has 30 windows of two intervals"),
    (
        Experiment, judged(critical=[{"name": "a", "match": {"service.name": "x"}}]),
        "spec.analysis.critical[0]", "write service_name",
    ),
    (Experiment, {"timing": {"progressDeadline": "0"}}, "spec.timing", "progressDeadline must be longer than 0"),
    (Experiment, source(prometheus={"targets": ["a:99999"]}), "spec.source.prometheus.targets[0]", "1 to 65535"),
    (Experiment, source(prometheus={"targets": ["a:0"]}), "spec.source.prometheus.targets[0]", "127.0.0.1:9100"),
    (Experiment, source(prometheus={"targets": ["http://a:1"]}), "spec.source.prometheus.targets[0]", "nothing else"),
    (Experiment, source(replay={"path": "/a.jsonl"}), "spec.source.replay.path", "such as checkout.jsonl"),
    (Experiment, source(host={"scrapers": ["cpu", "cpu"]}), "spec.source.host", "cpu is there more than once"),
    (LoadProfile, {"otlp": {"churn": {"every": "0s"}}}, "spec.otlp.churn", "every must be longer than 0"),
    (LoadProfile, {"otlp": {"phases": [{"duration": "0"}]}}, "spec.otlp.phases[0]", "duration must be longer than 0"),
    (LoadProfile, {"otlp": {"hosts": 3}}, "spec.otlp", "write model: M2"),
    (LoadProfile, {"otlp": {"events": [{"kind": "ErrorBurst", "count": 3}]}}, "spec.otlp.events[0]", "leave it out"),
    (LoadProfile, {"otlp": {"model": "M3", "deployments": 10**12}}, "spec.otlp.deployments", "equal to 100000"),
    (LoadProfile, {"otlp": {"model": "m1"}}, "spec.otlp.model", 'did you mean "M1"?'),
    (Experiment, {"engine": "Embeddd"}, "spec.engine", 'did you mean "Embedded"?'),
    (Experiment, {"timing": {"duration": 60}}, "spec.timing.duration", "with its unit, such as 60s"),
    (Experiment, {"cost": {"hosts": "3"}}, "spec.cost.hosts", "write 3 without quotes"),
    (Experiment, source(prometheus={"targets": []}), "spec.source.prometheus.targets", "at least 1 item, and has 0"),
    (LoadProfile, {"maxDuration": "0s"}, "spec", "maxDuration must be longer than 0"),
    (LoadProfile, {"processes": {"groups": [{"names": ["a b"]}]}}, "spec.processes.groups[0].names[0]", "nginx"),
    (PriceBook, book(statistic="P95"), "spec.meters[0]", "give window, such as 1h"),
    (PriceBook, book(unit="bytes", includedDpm=1), "spec.meters[0]", "includedDpm is of activeSeries"),
    (PriceBook, book(tiers=[TIER, TIER]), "spec.meters[0]", "tiers[1] is never reached"),
    (PriceBook, book(tiers=[{"upTo": 2, **TIER}, {"upTo": 1, **TIER}]), "spec.meters[0]", "must be above 2"),
    (PriceBook, {**book(), "effective": "May 2026"}, "spec.effective", "YYYY-MM-DD"),
    (
        PipelineDeployment, {"pipeline": {"config": {}}, "minReady": "1m"}, "spec",
        "progressDeadline 60s must be longer than minReady 1m",
    ),
    (PipelineTemplate, {"parameters": [{"name": "a", "minimum": 2, "maximum": 1}]}, "spec.parameters[0]", "above max"),
    (PipelineTemplate, {"parameters": [{"name": "a", "pattern": "("}]}, "spec.parameters[0]", "no regular expression"),
    (PipelineTemplate, {"parameters": [{"name": "a", "enum": []}]}, "spec.parameters[0]", "allows no value"),
    (PipelineTemplate, {"parameters": [{"name": "a-b"}]}, "spec.parameters[0].name", "such as topK"),
    (Meter, {"window": "0s"}, "spec", "window must be longer than 0"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spec", "field", "says"), SENSELESS, ids=[case[3] for case in SENSELESS])
def test_refused(kind: type[Resource], spec: dict[str, Any], field: str, says: str) -> None:
    wire: dict[str, Any] = {"apiVersion": kind.info.api_version, "kind": kind.info.kind, "metadata": {"name": "x"}}
    spec = {**experiment()["spec"], **spec} if kind is Experiment else spec
    (cause,) = validate(kind, complete(kind, wire | {"spec": spec})[0])
    assert cause.field == field
    assert says in cause.message
    assert "^" not in cause.message, "nobody has to read a pattern"


@pytest.mark.parametrize(
    "criteria",
    [
        [at(CARDINALITY, min=0.1), at(CARDINALITY, min=0.5, critical=False)],
        [at(CARDINALITY, min=0.1), at(CARDINALITY, max=0.9)],
        [at(CARDINALITY, min=-0.5), at("cpuIncrease", max=3), at("falseResets", max=0), at(LOSS, max=1)],
    ],
)
def test_bounds_that_make_sense_together(criteria: list[dict[str, Any]]) -> None:
    wire = experiment()
    wire["spec"] |= judged(*criteria)
    assert validate(Experiment, complete(Experiment, wire)[0]) == []


def test_every_pattern_has_its_words() -> None:
    def patterns(node: dict[str, Any]) -> set[str]:
        below = [
            *node.get("properties", {}).values(),
            *(node[key] for key in ("items", "additionalProperties") if key in node),
        ]
        return {node["pattern"]} if "pattern" in node else {found for child in below for found in patterns(child)}

    used = {pattern for kind in KINDS for pattern in patterns(structural_schema(kind))}
    assert used - {Duration.pattern, ByteSize.pattern} == set(WANTED)
