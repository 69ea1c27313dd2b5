"""What runs: the user's pipeline in a deployment, the same between injected ends in a measurement."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from phoenix.api.pipeline import DeploymentMeasurement
from phoenix.engine import check
from phoenix.pipelines.errors import PipelineError, Severity
from phoenix.pipelines.lint import lint
from phoenix.pipelines.render import Rendered, render
from phoenix.pipelines.tee import TeeReport, hostmetrics_tee, otlp_tee, prometheus_tee

OTLP_ADDRESS = "${phoenix:address}:${phoenix:port:otlp}"
PLACE = [
    {"key": f"phoenix.{name}", "value": f"${{phoenix:{name}}}", "action": "upsert"}
    for name in ("deployment", "host", "namespace")
]
MEASUREMENT = DeploymentMeasurement(experiment="lean", run=2, variant="candidate")
READER = {
    "pull": {
        "exporter": {
            "prometheus": {
                "host": "${phoenix:address}",
                "port": "${phoenix:port:telemetry}",
                "without_type_suffix": True,
                "without_units": True,
                "without_scope_info": True,
            }
        }
    }
}


def config(**sections: Any) -> dict[str, Any]:
    """A stock configuration, with sections replaced."""
    base: dict[str, Any] = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": "0.0.0.0:4318"}}}},
        "processors": {"batch": None},
        "exporters": {"prometheus": {"endpoint": "0.0.0.0:9464"}},
        "service": {
            "pipelines": {"metrics": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["prometheus"]}}
        },
    }
    return base | sections


def codes(rendered: Rendered) -> list[str]:
    return [finding.code for finding in rendered.findings]


def test_a_deployment_keeps_its_ends_and_gets_health_telemetry_and_labels() -> None:
    given = config(extensions={"zpages": {}})
    given["service"] |= {
        "extensions": ["zpages"],
        "telemetry": {"logs": {"level": "warn"}, "metrics": {"level": "none"}},
    }
    before = copy.deepcopy(given)
    rendered = render(given, variant_labels={"place": "edge", "phoenix.host": "nobody else's to write"})
    assert given == before
    assert rendered.config == {
        "receivers": given["receivers"],
        "processors": {
            "batch": None,
            "resource/phoenix": {"attributes": [*PLACE, {"key": "place", "value": "edge", "action": "upsert"}]},
        },
        "exporters": given["exporters"],
        "extensions": {
            "zpages": {},
            "health_check/phoenix": {"endpoint": "${phoenix:address}:${phoenix:port:health}"},
        },
        "service": {
            "pipelines": {
                "metrics": {
                    "receivers": ["otlp"], "processors": ["batch", "resource/phoenix"], "exporters": ["prometheus"],
                }
            },
            "extensions": ["zpages", "health_check/phoenix"],
            "telemetry": {"logs": {"level": "warn"}, "metrics": {"level": "normal", "readers": [READER]}},
        },
    }  # fmt: skip
    assert rendered.findings == ()


@pytest.mark.parametrize("kind", ["prometheusremotewrite", "prometheus_remote_write/b"])
def test_what_is_pushed_to_a_prometheus_has_the_labels_of_what_is_scraped(kind: str) -> None:
    given = config(
        exporters={kind: {"endpoint": "http://p/api/v1/write", "external_labels": {"host": "mine", "k": "v"}}}
    )
    given["service"]["pipelines"]["metrics"]["exporters"] = [kind]
    keep = MEASUREMENT.model_copy(update={"exporters": "Keep"})
    measured, plain = render(given, measurement=keep), render(given)
    place = {"deployment": "${phoenix:deployment}", "host": "mine", "namespace": "${phoenix:namespace}", "k": "v"}
    run = {"experiment": "lean", "run": "2", "variant": "candidate"}
    assert plain.config["exporters"][kind] == {"endpoint": "http://p/api/v1/write", "external_labels": place}
    assert measured.config["exporters"][kind]["external_labels"] == place | run
    assert given["exporters"][kind]["external_labels"] == {"host": "mine", "k": "v"}
    # Exporters are no part of what a verdict names.
    assert check(plain.config) == check(measured.config) == []


def test_external_labels_that_are_none_are_left_for_the_engine_to_refuse() -> None:
    given = config(exporters={"prometheusremotewrite": {"endpoint": "http://p", "external_labels": ["a"]}})
    given["service"]["pipelines"]["metrics"]["exporters"] = ["prometheusremotewrite"]
    assert any("external_labels" in str(finding) for finding in check(render(given).config))


@pytest.mark.parametrize(
    ("name", "given", "protocols"),
    [
        ("otlp", None, {"http": {"endpoint": OTLP_ADDRESS}}),
        ("otlp", {"protocols": {"http": None}}, {"http": {"endpoint": OTLP_ADDRESS}}),
        ("otlp", {"protocols": {"http": {"cors": 1}, "grpc": {"endpoint": "x:1"}}},
         {"http": {"cors": 1, "endpoint": OTLP_ADDRESS}, "grpc": {"endpoint": "x:1"}}),
        ("otlp/b", {"protocols": {"grpc": {}}},
         {"grpc": {"endpoint": "${phoenix:address}:${phoenix:port:otlp-b-grpc}"}}),
    ],
)  # fmt: skip
def test_an_otlp_receiver_without_endpoint_gets_a_port_of_the_agent(name: str, given: Any, protocols: Any) -> None:
    sections = config(receivers={name: given})
    sections["service"]["pipelines"]["metrics"]["receivers"] = [name]
    assert render(sections).config["receivers"][name]["protocols"] == protocols


TEMPLATE = {"processors": {"batch": {}}, "service": {"pipelines": {"metrics": {"processors": ["batch"]}}}}


def test_processors_alone_are_deployable_and_the_user_is_told() -> None:
    rendered = render(TEMPLATE)
    assert rendered.config["receivers"] == {"otlp/phoenix": {"protocols": {"http": {"endpoint": OTLP_ADDRESS}}}}
    assert rendered.config["exporters"] == {"debug/phoenix": {"verbosity": "basic"}}
    assert codes(rendered) == ["NoReceiver", "NoExporter"]
    assert {finding.severity for finding in rendered.findings} == {Severity.WARNING}


def test_a_measurement_replaces_both_ends() -> None:
    given = config(extensions={"zpages": {}})
    given["service"] |= {"extensions": ["zpages"], "telemetry": {"metrics": {"readers": [{"periodic": {}}]}}}
    out = render(given, measurement=MEASUREMENT).config
    assert out["receivers"] == {"otlp/phoenix": {"protocols": {"http": {"endpoint": OTLP_ADDRESS}}}}
    assert out["exporters"] == {
        "otlphttp/phoenix": {
            "endpoint": "${phoenix:endpoint:meter}",
            "compression": "none",
            "timeout": "10s",
            "retry_on_failure": {"enabled": False},
            "sending_queue": {"enabled": True, "num_consumers": 1, "queue_size": 1000},
        }
    }
    assert out["service"]["pipelines"]["metrics"] == {
        "receivers": ["otlp/phoenix"], "processors": ["batch", "resource/phoenix"], "exporters": ["otlphttp/phoenix"],
    }  # fmt: skip
    assert out["processors"]["resource/phoenix"]["attributes"] == [
        PLACE[0],
        {"key": "phoenix.experiment", "value": "lean", "action": "upsert"},
        *PLACE[1:],
        {"key": "phoenix.run", "value": "2", "action": "upsert"},
        {"key": "phoenix.variant", "value": "candidate", "action": "upsert"},
    ]
    # Ports of the user's own would clash between variants on one host.
    assert out["service"]["extensions"] == ["health_check/phoenix"]
    assert out["service"]["telemetry"]["metrics"]["readers"] == [READER]


def test_kept_exporters_have_the_meter_beside_them() -> None:
    out = render(config(), measurement=MEASUREMENT.model_copy(update={"exporters": "Keep"})).config
    assert list(out["exporters"]) == ["prometheus", "otlphttp/phoenix"]
    assert out["service"]["pipelines"]["metrics"]["exporters"] == ["prometheus", "otlphttp/phoenix"]


def test_the_same_pipeline_measured_twice_differs_only_in_labels() -> None:
    one = render(config(), measurement=MEASUREMENT)
    assert render(config(), measurement=MEASUREMENT).config_hash == one.config_hash
    other = render(config(), measurement=MEASUREMENT.model_copy(update={"variant": "baseline"}))
    assert other.config_hash != one.config_hash
    assert render(config()).config_hash != one.config_hash


def test_several_pipelines_are_all_fed_and_metered() -> None:
    given = config(receivers={"otlp": {}, "otlp/b": {}})
    given["service"]["pipelines"]["metrics/b"] = {"receivers": ["otlp/b"], "exporters": ["prometheus"]}
    rendered = render(given, measurement=MEASUREMENT)
    for pipeline in rendered.config["service"]["pipelines"].values():
        assert (pipeline["receivers"], pipeline["exporters"]) == (["otlp/phoenix"], ["otlphttp/phoenix"])
        assert pipeline["processors"][-1] == "resource/phoenix"
    assert codes(rendered) == ["SharedInput"]


HOST_METRICS = "config.receivers.hostmetrics.scrapers.process"


@pytest.mark.parametrize(
    ("receiver", "paths"),
    [
        ({"hostmetrics": {"scrapers": {"process": {"metrics": {"process.cpu.time": {"enabled": False}}}}}},
         [f"{HOST_METRICS}.metrics.process.cpu.time.enabled"]),
        ({"hostmetrics": {"scrapers": {"process": {"include": {"names": ["a"]}, "exclude": {}}}}},
         [f"{HOST_METRICS}.include"]),
        ({"hostmetrics": {"scrapers": {"disk": {"exclude_devices": ["loop"]}}}},
         ["config.receivers.hostmetrics.scrapers.disk.exclude_devices"]),
        ({"hostmetrics": {"scrapers": {"process": {"resource_attributes": {"process.owner": {"enabled": False}}}}}},
         [f"{HOST_METRICS}.resource_attributes.process.owner.enabled"]),
        ({"prometheus": {"config": {"scrape_configs": [{"metric_relabel_configs": [{"action": "drop"}]}]}}},
         ["config.receivers.prometheus.config.scrape_configs[0].metric_relabel_configs"]),
        ({"prometheus": {"config": {"scrape_configs": [{"relabel_configs": [{}, {"action": "keep"}]}]}}},
         ["config.receivers.prometheus.config.scrape_configs[0].relabel_configs[1]"]),
    ],
)  # fmt: skip
def test_a_receiver_that_cuts_is_refused_in_a_measurement_only(receiver: dict[str, Any], paths: list[str]) -> None:
    given = config(receivers=receiver)
    given["service"]["pipelines"]["metrics"]["receivers"] = list(receiver)
    with pytest.raises(PipelineError) as caught:
        render(given, measurement=MEASUREMENT, path="config")
    assert [finding.path for finding in caught.value.findings] == paths
    assert caught.value.code == "UnmeasuredReceiverCut"
    render(given)


@pytest.mark.parametrize(
    "receiver",
    [
        {"hostmetrics": {"scrapers": {"process": {"metrics": {"process.threads": {"enabled": True}}}, "cpu": None}}},
        {"prometheus": {"config": {"scrape_configs": [{"relabel_configs": [{"action": "replace"}]}]}}},
        {"prometheus": None, "hostmetrics": {"collection_interval": "1s"}},
    ],
)
def test_a_receiver_that_cuts_nothing_is_measured(receiver: dict[str, Any]) -> None:
    given = config(receivers=receiver)
    given["service"]["pipelines"]["metrics"]["receivers"] = list(receiver)
    render(given, measurement=MEASUREMENT)


def linted(processors: dict[str, Any], exporters: tuple[str, ...] = (), **sections: Any) -> list[str]:
    given = {
        "processors": processors,
        "exporters": dict.fromkeys(exporters),
        "service": {"pipelines": {"metrics": {"processors": list(processors), "exporters": list(exporters)}}},
        **sections,
    }
    return [finding.code for finding in lint(given, "config")]


DELETE = {"actions": [{"key": "user.id", "action": "delete"}]}
AGGREGATE = {"metric_statements": [{"context": "metric", "statements": ['aggregate_on_attributes("sum", ["a"])']}]}


@pytest.mark.parametrize(
    ("processors", "exporters", "codes"),
    [
        ({"attributes": DELETE}, (), ["IdentityDeleted"]),
        ({"attributes": DELETE, "transform": AGGREGATE}, (), []),
        ({"transform": AGGREGATE, "attributes": DELETE}, (), ["IdentityDeleted"]),
        ({"transform": {"metric_statements": ['delete_key(datapoint.attributes, "a")']}}, (), ["IdentityDeleted"]),
        ({"resource": {"attributes": [{"key": "a", "action": "upsert", "value": 1}]}}, (), []),
        ({"batch": {"send_batch_max_size": 9}, "transform": AGGREGATE}, (), ["BatchBeforeAggregation"]),
        ({"transform": AGGREGATE, "batch": {"send_batch_max_size": 9}}, (), []),
        ({"cumulativetodelta": {}}, ("prometheus",), ["DeltaToPrometheus"]),
        ({"cumulativetodelta": {}, "deltatocumulative": {}}, ("prometheus",), []),
        ({"cumulativetodelta": {}}, ("otlphttp",), []),
        ({"batch": {"timeout": 10}}, (), ["BareDuration"]),
        ({"batch": {"timeout": "10s"}}, (), []),
        ({"batch": {}, "memory_limiter": {}}, (), ["LateMemoryLimiter"]),
        ({"batch": {"timeout": "${TIMEOUT:-10s}"}}, (), ["BareEnvironmentDefault"]),
        ({"batch": {"timeout": "${env:TIMEOUT:-10s}"}}, (), []),
    ],
)
def test_lint(processors: dict[str, Any], exporters: tuple[str, ...], codes: list[str]) -> None:
    assert linted(processors, exporters) == codes


REPORT = TeeReport(namespace="default", experiment="x", run=1, window="2s", host="a")


def test_the_host_tee_scrapes_once_and_sends_to_every_target() -> None:
    out = hostmetrics_tee(
        scrapers=["cpu", "process"], interval="1s", targets={"b": "http://h:1", "a": "http://h:2"}, report=REPORT
    ).config
    assert out["receivers"]["hostmetrics"]["collection_interval"] == "1s"
    assert list(out["receivers"]["hostmetrics"]["scrapers"]) == ["cpu", "process"]
    assert out["exporters"] == {
        "phoenix_tee": {
            "targets": [{"name": "b", "endpoint": "http://h:1"}, {"name": "a", "endpoint": "http://h:2"}],
            "interval": "1s",
            "report": {
                "endpoint_file": "${phoenix:endpointFile}", "namespace": "default", "experiment": "x", "run": 1,
                "window": "2s", "host": "a",
            },
        }
    }  # fmt: skip
    assert out["service"]["pipelines"] == {"metrics": {"receivers": ["hostmetrics"], "exporters": ["phoenix_tee"]}}
    assert "health_check/phoenix" in out["extensions"]


@pytest.mark.parametrize(("port", "endpoint"), [(None, OTLP_ADDRESS), (4318, "${phoenix:address}:4318")])
def test_the_otlp_tee_listens_where_it_is_told(port: int | None, endpoint: str) -> None:
    out = otlp_tee(port=port, interval="1s", targets={"a": "http://h:1"}, report=REPORT).config
    assert out["receivers"] == {"otlp": {"protocols": {"http": {"endpoint": endpoint}}}}


def test_the_prometheus_tee_scrapes_each_tick_and_is_done_before_the_next() -> None:
    found = prometheus_tee(
        scraped=["h:1", "h:2"], path="/m", scheme="https", interval="1s", targets={"a": "http://h:1"}, report=REPORT
    )
    assert check(found.config) == []
    (job,) = found.config["receivers"]["prometheus"]["config"]["scrape_configs"]
    assert (job["scrape_interval"], job["scrape_timeout"]) == ("1000ms", "800ms")
    assert job["static_configs"] == [{"targets": ["h:1", "h:2"]}]
    assert found.config["exporters"]["phoenix_tee"]["count_scrapes"] is True


def test_a_tee_takes_grpc_where_a_port_is_given() -> None:
    report = TeeReport(namespace="default", experiment="x", run=1, window="2s", host="h")
    config_ = otlp_tee(port=None, grpc_port=4317, interval="1s", targets={"a": "http://a"}, report=report).config
    assert config_["receivers"]["otlp"]["protocols"] == {
        "http": {"endpoint": OTLP_ADDRESS}, "grpc": {"endpoint": "${phoenix:address}:4317"},
    }  # fmt: skip
    assert check(config_) == []
