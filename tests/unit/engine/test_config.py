# ruff: noqa: E501 (tables of one case a line read best)
"""Reading configuration: YAML, expansion, durations, ids, whole documents."""

import pytest

from phoenix.engine import ConfigError, check, read_config
from phoenix.engine.config.durations import parse_duration_ns
from phoenix.engine.config.expand import Expander
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.config.values import Date, Unresolved, load, plain

ENV = {
    "HOST": "h1",
    "PORT": "4318",
    "OCTAL": "0123",
    "FLAG": "true",
    "LIST": "[a, b]",
    "EMPTY": "",
    "NESTED": "x-${env:HOST}",
    "TEXT": "a: b: c",
}


def expand(text, environ=ENV):
    findings = []
    value = Expander(environ, findings).tree(text)
    return plain(value), [str(finding) for finding in findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"), ("${env:HOST}", "h1"), ("${HOST}", "h1"), ("${env:PORT}", 4318), ("${env:OCTAL}", 83), ("${env:FLAG}", True),
        ("${env:LIST}", ["a", "b"]), ("${env:EMPTY}", None), ("${env:EMPTY:-d}", None), ("${env:NO:-d}", "d"), ("${env:NO:-}", ""), ("${env:NO}", None),
        ("http://${env:HOST}:${env:PORT}/x", "http://h1:4318/x"), ("a${env:NO}b", "ab"), ("v${env:OCTAL}", "v0123"), ("${env:NESTED}", "x-h1"),
        ("$$", "$"), ("$${HOST}", "${HOST}"), ("$1", "$1"), ("^a$", "^a$"), ("$${1}", "${1}"), ("${env:TEXT}", "a: b: c"), ("${yaml:[1, 2]}", [1, 2]),
        ("${env:${env:WHICH:-HOST}}", "h1"), ("$", "$"), ("${unclosed", "${unclosed"),
    ],
)  # fmt: skip
def test_expansion(text, value):
    assert expand(text) == (value, [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("${MY_VAR:-x}", 'invalid uri: "MY_VAR:-x"'), ("${HOST:-x}", 'scheme "HOST" is not supported'), ("${1}", "invalid uri"),
        ("${env:1X}", "invalid name"), ("${file:/etc/passwd}", 'scheme "file" is not supported'), ("${phoenix:port:otlp}", 'scheme "phoenix"'),
    ],
)  # fmt: skip
def test_expansion_faults(text, fault):
    _, faults = expand(text)
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("timeout_s", "timeout: 10", 1e-8), ("timeout_s", "timeout: 1.5", 1e-9), ("timeout_s", "timeout: ${env:SEVEN}", 7e-9), ("timeout_s", "timeout: ${env:TEN}", 10.0),
        ("timeout_s", "timeout: ${env:NO}", 0.0), ("timeout_s", "timeout: ", 0.0), ("timeout_s", "timeout: 0", 0.0), ("timeout_s", "", 0.2),
        ("size", "send_batch_size: 1.5", 1), ("size", "send_batch_size: 1e3", 1000), ("size", "send_batch_size: 0x10", 16), ("size", "send_batch_size: ${env:EMPTY}", 0),
        ("size", "send_batch_size: ${env:NO:-3}", 3), ("size", "send_batch_size: ${env:OCTAL}", 83),
    ],
)  # fmt: skip
def test_scalars_as_print_config_of_the_collector_shows_them(key, written, value):
    text = MINIMAL.replace("processors: {batch: }", f"processors:\n  batch:\n    {written}")
    (processor,) = read_config(text, {**ENV, "SEVEN": "7", "TEN": "10s"}).processors.values()
    assert getattr(processor.config, key) == value


@pytest.mark.parametrize("written", ['timeout: "10"', "timeout: true", 'send_batch_size: "12"', "send_batch_size: ${env:NO:-}", "timeout: ${env:NO:-}", "send_batch_size: -1", "send_batch_size: ${env:SEVEN}${env:SEVEN}"])  # fmt: skip
def test_scalars_the_collector_refuses(written):
    text = MINIMAL.replace("processors: {batch: }", f"processors:\n  batch:\n    {written}")
    with pytest.raises(ConfigError):
        read_config(text, {"SEVEN": "7"})


def test_text_fields_keep_what_the_variable_said():
    document = read_config(MINIMAL.replace("http://127.0.0.1:1", "http://h:${env:OCTAL}"), ENV)
    (exporter,) = document.exporters.values()
    assert exporter.config.url == "http://h:0123/v1/metrics"


def test_ahead_of_time_placeholders_are_accepted_where_scalars_are():
    value, faults = expand(
        {"a": "${phoenix:port:otlp}", "b": "${env:UNKNOWN}", "c": "127.0.0.1:${phoenix:port:x}"}, None
    )
    assert not faults
    assert all(isinstance(item, Unresolved) for item in value.values())
    assert value["c"] == "127.0.0.1:${phoenix:port:x}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes", "yes"), ("a: on", "on"), ("a: 0123", 83), ("a: 0o17", 15), ("a: 0x1F", 31), ("a: 1:30", "1:30"), ("a: 1e3", 1000.0), ("a: -5", -5),
        ("a: 2023-03-20", "2023-03-20"), ("a: true", True), ("a: ~", None), ("a: '1'", "1"), ("a: 08", 8), ("a: [1, x]", [1, "x"]),
    ],
)  # fmt: skip
def test_yaml_scalars_are_those_of_the_collector(text, value):
    got = load(text)["a"]
    assert got == value
    assert type(got) is (Date if text == "a: 2023-03-20" else type(value))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\na: 2", "line 2"), ("a: [", "not valid YAML"), ("\ta: 1", "not valid YAML"), ("", "empty configuration file"), ("just text", "must be a mapping"),
    ],
)  # fmt: skip
def test_yaml_faults(text, fault):
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("text", "ns"),
    [("300ms", 300_000_000), ("1h15m", 4_500_000_000_000), ("-1.5s", -1_500_000_000), ("0", 0), ("2us", 2000), ("2µs", 2000), ("1.5h", 5_400_000_000_000), (".5s", 500_000_000), ("+3ns", 3)],
)  # fmt: skip
def test_durations(text, ns):
    assert parse_duration_ns(text) == ns


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1d", 'unknown unit "d"'),
        ("10", "missing unit"),
        ("abc", "invalid duration"),
        ("", "invalid"),
        ("1s x", "invalid"),
    ],
)
def test_duration_faults(text, fault):
    with pytest.raises(ValueError, match=fault):
        parse_duration_ns(text)


def test_component_ids():
    assert ComponentId.parse("otlp/a b".replace(" ", "-")) == ComponentId("otlp", "a-b")
    assert ComponentId.parse(" otlp / x ") == ComponentId("otlp", "x")
    assert ComponentId.parse("otlp/a/b").name == "a/b"
    for bad in ("", "/x", "otlp/", "a-b", "1a", "otlp/a b", "otlp/a=b", "otlp/a$"):
        with pytest.raises(ValueError, match="id"):
            ComponentId.parse(bad)


MINIMAL = """
receivers: {otlp: {protocols: {http: {}}}}
processors: {batch: }
exporters: {otlphttp: {endpoint: "http://127.0.0.1:1"}}
service:
  pipelines: {metrics: {receivers: [otlp], processors: [batch], exporters: [otlphttp]}}
"""


def findings(text, environ=None):
    return [str(finding) for finding in check(load(text), environ)]


def test_a_minimal_configuration_has_no_findings_and_the_collectors_defaults():
    assert findings(MINIMAL) == []
    document = read_config(MINIMAL, {})
    batch = next(iter(document.processors.values())).config
    assert (batch.size, batch.max_size, batch.timeout_s) == (8192, 0, 0.2)
    exporter = next(iter(document.exporters.values())).config
    assert (exporter.url, exporter.gzip, exporter.timeout_s) == ("http://127.0.0.1:1/v1/metrics", True, 30.0)
    assert (exporter.queue.capacity, exporter.queue.consumers, exporter.retry.max_elapsed_s) == (1000, 10, 300.0)
    receiver = next(iter(document.receivers.values())).config
    assert (str(receiver.address), receiver.path) == ("localhost:4318", "/v1/metrics")
    assert [str(reader) for reader in document.telemetry.readers] == ["localhost:8888"]


DOCUMENTS = [
    ("extra: {}", "has invalid keys: extra"), ("receivers: {otlp: {protocols: {http: {port: 1}}}}", "receivers.otlp.protocols.http: has invalid keys: port"),
    ("receivers: {otlp: {protocols: {htttp: {}}}}", "has invalid keys: htttp"), ("receivers: {otlp: {}}", "must specify at least one protocol"),
    ("receivers: {otlp: {protocols: {grpc: {auth: {authenticator: x}}}}}", "receivers.otlp.protocols.grpc.auth: 'auth' is not implemented"),
    ("receivers: {kafka: {}}", 'receivers.kafka: the Embedded engine has no receiver "kafka"'),
    ("receivers: {hostmetrics: {scrapers: {system: {}}}}", "engine: Otelcol"), ("receivers: {hostmetrics: {}}", "at least one scraper"),
    ("receivers: {hostmetrics: {scrapers: {process: {include: {names: [a]}}}}}", "unrecognized match_type"),
    ("receivers: {hostmetrics: {scrapers: {cpu: {metrics: {system.cpu.tim: {}}}}}}", "has invalid keys: system.cpu.tim"),
    ("processors: {transform: {metric_statements: ['set(datapoint.attributes[\"a\"], UUID())']}}", "has no function UUID (a real collector has it: set engine: Otelcol)"),
    ("processors: {tail_sampling: {}}", "set engine: Otelcol"), ("exporters: {logging: {}}", "use the debug exporter instead"),
    ("exporters: {otlphttp/b: {}}", "at least one endpoint must be specified"), ("exporters: {otlphttp: {endpoint: 'nohost'}}", "is no URL"),
    ("exporters: {otlphttp: {endpoint: 'http://x', encoding: json}}", "is not one of 'proto'"), ("exporters: {otlphttp: {endpoint: 'http://x', sending_queue: {storage: f}}}", "not implemented"),
    ("exporters: {prometheus: {}}", "requires a non-empty 'endpoint'"), ("exporters: {file: {}}", "path must be non-empty"), ("exporters: {debug: {verbosity: loud}}", 'verbosity level "loud"'),
    ("exporters: {debug: {output_paths: [x]}}", "output_paths is not supported"), ("extensions: {pprof: {}}", 'no extension "pprof"'), ("extensions: {health_check: {grpc: {endpoint: x}}}", "not implemented"),
    ("connectors: {count: {}}", 'no connector "count"'), ("service: {extensions: [health_check]}", 'references extension "health_check" which is not configured'),
    ("exporters: {phoenix_tee: {targets: [{name: a, endpoint: 'http://x'}, {name: a, endpoint: 'http://y'}]}}", "distinct names"),
    ("exporters: {phoenix_tee: {targets: [], report: {run: 0}}}", "whole number from 1"), ("service: {telemetry: {metrics: {level: loud}}}", "is not one of"),
    ("service: {telemetry: {metrics: {readers: [{periodic: {exporter: {otlp: {}}}}]}}}", "not implemented"), ("service: {pipelines: {traces: {}}}", "metrics pipelines only"),
    ("service: {pipelines: {metric: {}}}", 'unknown pipeline signal: "metric"'), ("service: {pipelines: {metrics/b: {receivers: [otlp]}}}", "metrics/b: must have at least one exporter"),
    ("service: {pipelines: {metrics/b: {receivers: [nope], exporters: [otlphttp]}}}", 'references receiver "nope" which is not configured'),
    ("service: {pipelines: {metrics/b: {receivers: [otlp], processors: [batch, batch], exporters: [otlphttp]}}}", 'references processor "batch" multiple times'),
    ("receivers: {otlp/a: {protocols: {http: {}}}, 'otlp/a ': {protocols: {http: {}}}}", "duplicate name"), ("receivers: {a-b: {}}", "invalid character(s) in type"),
]  # fmt: skip


def merged(base, over):
    return {
        **base,
        **{
            key: merged(base[key], value)
            if isinstance(value, dict) and isinstance(base.get(key), dict) and key != "otlp"
            else value
            for key, value in over.items()
        },
    }


@pytest.mark.parametrize(("change", "fault"), DOCUMENTS, ids=[change for change, _ in DOCUMENTS])
def test_what_cannot_run_is_a_finding(change, fault):
    found = [str(finding) for finding in check(merged(load(MINIMAL), load(change)))]
    assert any(fault in text for text in found), found


def test_all_faults_are_shown_at_once():
    text = MINIMAL.replace("{batch: }", "{batch: {nope: 1, timeout: 1d}}").replace("http://127.0.0.1:1", "x")
    assert len(findings(text)) == 3


def test_unused_components_are_read_and_allowed():
    assert (
        check(
            merged(
                load(MINIMAL), load("processors: {transform/unused: {metric_statements: ['set(metric.unit, \"s\")']}}")
            )
        )
        == []
    )


def test_nothing_at_all():
    assert check({})[0].message == "empty configuration file"
    found = findings("receivers: {}\nservice: {}")
    assert any("no receiver configuration" in text for text in found)
    assert any("at least one pipeline" in text for text in found)


def test_old_and_new_names_of_components_are_one():
    text = MINIMAL.replace("otlphttp", "otlp_http").replace(
        "receivers: {otlp:", "receivers: {host_metrics: {scrapers: {cpu: }}, otlp:"
    )
    assert findings(text) == []
