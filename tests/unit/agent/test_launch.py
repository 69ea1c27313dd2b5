"""Configurations as docs/contracts.md has them."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any

import pytest

from phoenix.agent.errors import ConfigRejected
from phoenix.agent.launch import HostFacts, launch_of
from phoenix.agent.placeholders import Values, fill, port_names
from phoenix.agent.ports import Ports, kernel_range
from phoenix.api.analysis import CriticalMatch, QueryEngine, Signal
from phoenix.api.collector import Collector, CollectorSpec, Engine
from phoenix.api.loadgenerator import LoadGenerator, LoadGeneratorSpec, Target
from phoenix.api.meter import Meter, MeterSpec
from phoenix.api.process import MeasurementRef
from phoenix.api.sources import ReplaySource
from phoenix.apimachinery.meta import ObjectMeta

FACTS = HostFacts("h1", "127.0.0.1", "/state/endpoint.json")
META = ObjectMeta(name="x", namespace="default", uid="u")
MEASURE = MeasurementRef(experiment="e", run=2, variant="base")
REPORT = {
    "endpointFile": "/state/endpoint.json", "namespace": "default", "experiment": "e", "run": 2, "windowSeconds": 2.0,
    "host": "h1",
}  # fmt: skip


def written(obj: Any, **ports: int) -> dict[str, Any]:
    launch = launch_of(obj, FACTS)
    assert sorted(ports) == launch.ports
    return json.loads(launch.content(FACTS, ports))


def test_loadgen_file() -> None:
    spec = LoadGeneratorSpec(
        seed=7, targets=[Target(name="base", endpoint="http://127.0.0.1:4318")], measurement=MEASURE,
        start_at="2026-01-31T12:00:00.250000Z",
    )  # fmt: skip
    config = written(LoadGenerator(metadata=META, spec=spec), health=1234)
    assert config.pop("otlp")["model"] == "M1"
    assert config == {
        "replay": None, "processes": None, "rate": None, "maxDurationSeconds": 3600.0, "seed": 7, "scale": 1.0,
        "intervalSeconds": 1.0,
        "targets": [{"name": "base", "endpoint": "http://127.0.0.1:4318"}],
        "startAtUnixNano": 1769860800250000000, "endAtUnixNano": None, "healthAddress": "127.0.0.1:1234",
        "report": REPORT,
    }  # fmt: skip


def test_a_recording_is_read_from_the_hosts_own_folder_whatever_the_manifest_says() -> None:
    spec = LoadGeneratorSpec(replay=ReplaySource(path="a.jsonl", speed=2))
    launch = launch_of(LoadGenerator(metadata=META, spec=spec), replace(FACTS, recordings="/state/recordings"))
    assert launch.config["replay"] == {"folder": "/state/recordings", "path": "a.jsonl", "speed": 2.0, "loop": False}


def test_a_meter_is_told_of_the_hosts_prometheus_where_that_answers_its_queries() -> None:
    meter = Meter(metadata=META, spec=MeterSpec(variants=["a"], query_engine=QueryEngine.PROMETHEUS))
    with pytest.raises(ConfigRejected, match=r"has no Prometheus to answer queries.*--prometheus"):
        launch_of(meter, FACTS)
    launch = launch_of(meter, replace(FACTS, prometheus="/usr/bin/prometheus"))
    assert launch.ports == ["health", "otlp", "prometheus"]
    assert launch.config["prometheus"] == {"binary": "/usr/bin/prometheus", "port": "${phoenix:port:prometheus}"}
    own = launch_of(meter, replace(FACTS, prometheus="http://127.0.0.1:9090"))
    assert own.config["prometheus"] == {"url": "http://127.0.0.1:9090"}
    embedded = launch_of(Meter(metadata=META, spec=MeterSpec(variants=["a"])), FACTS)
    assert embedded.config["prometheus"] is None


def test_meter_file() -> None:
    spec = MeterSpec(
        variants=["a", "b"], signals=[Signal(name="s", query="sum(x)")], measurement=MEASURE,
        critical=[CriticalMatch(name="c", match={"service_name": "checkout"})],
    )  # fmt: skip
    assert written(Meter(metadata=META, spec=spec), otlp=1, health=2) == {
        "otlpAddress": "127.0.0.1:1", "healthAddress": "127.0.0.1:2", "variants": ["a", "b"], "windowSeconds": 2.0,
        "graceSeconds": 1.0, "signals": [{"name": "s", "query": "sum(x)"}], "queries": [],
        "prometheus": None, "critical": [{"name": "c", "match": {"service_name": "checkout"}}], "report": REPORT,
    }  # fmt: skip


def test_placeholders_are_filled_with_the_right_types() -> None:
    values = Values({"otlp": 4318, "telemetry": 8888}, {"meter": "http://m/v/a"}, "10.0.0.1", "/e.json")
    config = {
        "a": "${phoenix:address}:${phoenix:port:otlp}",
        "b": ["${phoenix:port:telemetry}"],
        "c": 1,
        "d": {"e": "${phoenix:endpoint:meter}", "f": "${phoenix:endpointFile}", "g": "${env:HOME} $$"},
    }
    assert port_names(config) == ["otlp", "telemetry"]
    assert fill(config, values) == {
        "a": "10.0.0.1:4318", "b": [8888], "c": 1, "d": {"e": "http://m/v/a", "f": "/e.json", "g": "${env:HOME} $$"}
    }  # fmt: skip


def test_a_collector_is_told_whose_it_is() -> None:
    whose = {"exporters": {"debug": {"x": "${phoenix:host}/${phoenix:namespace}/${phoenix:deployment}"}}}
    obj = collector(**whose)
    with pytest.raises(ConfigRejected, match=r"exporters\.debug\.x: \$\{phoenix:deployment\} stands for nothing"):
        launch_of(obj, FACTS).content(FACTS, {"otlp": 1, "health": 2})
    obj.metadata = obj.metadata.model_copy(update={"labels": {"phoenix.io/deployment": "lean"}})
    launch = launch_of(obj, FACTS)
    assert json.loads(launch.content(FACTS, {"otlp": 1, "health": 2}))["exporters"]["debug"] == {"x": "h1/default/lean"}
    assert type(launch).from_wire(launch.to_wire()) == launch
    old = {key: value for key, value in launch.to_wire().items() if key != "whose"}
    assert type(launch).from_wire(old).whose == {}  # written by an agent before this one


@pytest.mark.parametrize("text", ["${phoenix:endpoint:nowhere}", "${phoenix:pid}", "x${phoenix:port:none}"])
def test_unknown_placeholders_are_named_with_their_path(text: str) -> None:
    with pytest.raises(ConfigRejected, match=r"config\.exporters\[0\]"):
        fill({"exporters": [text]}, Values({}, {}, "", ""))


def collector(**changes: Any) -> Collector:
    config: dict[str, Any] = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": "${phoenix:address}:${phoenix:port:otlp}"}}}},
        "exporters": {"debug": {}},
        "extensions": {"health_check": {"endpoint": "${phoenix:address}:${phoenix:port:health}"}},
    }
    return Collector(metadata=META, spec=CollectorSpec(config=config | changes, config_hash="h"))


@pytest.mark.parametrize(
    ("changes", "overlap"),
    [
        ({}, True),
        ({"receivers": {"otlp/x": {"protocols": {"http": {"endpoint": "0.0.0.0:4318"}}}}}, False),
        ({"receivers": {"otlp": {"protocols": {"http": {}}}}}, False),
        ({"receivers": {"hostmetrics": {"scrapers": {"cpu": {}}}}}, False),
        ({"exporters": {"prometheus": {"endpoint": "0.0.0.0:9464"}}}, False),
        ({"exporters": {"prometheus": {"endpoint": "${phoenix:address}:${phoenix:port:prom}"}}}, True),
        ({"exporters": {"file": {"path": "/tmp/x"}}}, False),
        ({"extensions": {"health_check": {"endpoint": "127.0.0.1:13133"}}}, False),
    ],
)
def test_what_may_run_twice(changes: dict[str, Any], overlap: bool) -> None:
    assert launch_of(collector(**changes), FACTS).overlap is overlap


def test_the_key_follows_endpoints_and_the_hash_does_not() -> None:
    one, other = collector(), collector()
    other.spec.endpoints = {"meter": "http://m:1/v/a"}
    first, second = launch_of(one, FACTS), launch_of(other, FACTS)
    assert first.config_hash == second.config_hash == "h"
    assert first.key != second.key


def test_a_foreign_engine_needs_a_binary() -> None:
    obj = collector()
    obj.spec.engine = Engine.OTELCOL
    with pytest.raises(ConfigRejected, match="no collector binary"):
        launch_of(obj, FACTS)
    launch = launch_of(obj, HostFacts("h1", "127.0.0.1", "", "/usr/bin/otelcol"))
    assert (launch.program, launch.path) == ("otelcol", "/usr/bin/otelcol")


def test_ports_are_free_distinct_kept_and_outside_the_kernels_range() -> None:
    ports = Ports("127.0.0.1")
    first = ports.take(["a", "b", "c"])
    assert len(set(first.values())) == 3
    assert all(port < kernel_range()[0] for port in first.values())
    assert ports.take(["a", "b", "c"], first) == first
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", first["a"]))
        sock.listen()
        again = ports.take(["a", "b"], first)
    assert again["a"] != first["a"]
    assert again["b"] == first["b"]
