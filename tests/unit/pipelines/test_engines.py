"""Auto takes a binary only where every host has one with everything that is used, whatever its names are."""

from __future__ import annotations

import pytest

from phoenix.agent.engines import parse_components
from phoenix.api.collector import Engine
from phoenix.api.host import Host, HostEngine, HostStatus
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.pipelines.engines import choose_engine, engine_version, used_components

SAID = """buildinfo:
    command: otelcol
    version: 0.159.0
receivers:
    - name: otlp
      module: example.com/otlpreceiver v0.159.0
      stability:
        metrics: Stable
processors:
    - name: memory_limiter
      module: example.com/memorylimiterprocessor v0.159.0
    - name: cumulative_to_delta
exporters:
    - name: otlp_grpc
    - name: otlp_http
connectors: []
extensions:
    - name: health_check
providers:
    - scheme: env
"""
HAS = parse_components(SAID)
CONFIG = {
    "receivers": {"otlp": {}},
    "processors": {"cumulativetodelta": {}, "memory_limiter/a": {}, "unused": {}},
    "exporters": {"otlphttp/meter": {}, "otlp": {}},
    "extensions": {"health_check": {}},
    "service": {
        "extensions": ["health_check"],
        "pipelines": {
            "metrics": {
                "receivers": ["otlp"], "processors": ["memory_limiter/a", "cumulativetodelta"],
                "exporters": ["otlphttp/meter", "otlp"],
            }
        },
    },
}  # fmt: skip


def host(name: str, components: list[str] | None, version: str = "0.159.0") -> Host:
    engines = [HostEngine(engine=Engine.EMBEDDED, version="0.1.0")]
    if components is not None:
        engines.append(HostEngine(engine=Engine.OTELCOL, version=version, path="/x", components=components))
    return Host(metadata=ObjectMeta(name=name), status=HostStatus(engines=engines))


def test_what_a_binary_says_it_has_is_read() -> None:
    assert HAS == [
        "receivers/otlp", "processors/memory_limiter", "processors/cumulative_to_delta", "exporters/otlp_grpc",
        "exporters/otlp_http", "extensions/health_check",
    ]  # fmt: skip
    assert parse_components("receivers:\n- otlp\n") == []
    assert parse_components("receivers:\n    - otlp\n") == ["receivers/otlp"]
    assert parse_components("Error: unknown command") == []


@pytest.mark.parametrize(
    ("hosts", "chosen"),
    [
        ([host("a", HAS)], Engine.OTELCOL),
        ([host("a", HAS), host("b", HAS)], Engine.OTELCOL),
        ([host("a", HAS), host("b", None)], Engine.EMBEDDED),
        ([host("a", HAS), host("b", HAS[:-1])], Engine.EMBEDDED),
        ([host("a", [])], Engine.EMBEDDED),
        ([host("a", None)], Engine.EMBEDDED),
        ([], Engine.EMBEDDED),
    ],
)
def test_auto_needs_everything_everywhere(hosts: list[Host], chosen: Engine) -> None:
    assert choose_engine(Engine.AUTO, [CONFIG], hosts) is chosen
    assert choose_engine(Engine.OTELCOL, [CONFIG], hosts) is Engine.OTELCOL
    assert choose_engine(Engine.EMBEDDED, [CONFIG], hosts) is Engine.EMBEDDED


def test_what_is_only_defined_does_not_count() -> None:
    assert "processors/unused" not in used_components(CONFIG)
    used = {**CONFIG, "service": {"pipelines": {"metrics": {"receivers": ["otlp"], "processors": ["unused"]}}}}
    assert choose_engine(Engine.AUTO, [CONFIG, used], [host("a", HAS)]) is Engine.EMBEDDED
    assert used_components({"service": None}) == used_components({"service": {"pipelines": ["a"]}}) == frozenset()


def test_versions_are_those_of_the_hosts() -> None:
    assert engine_version(Engine.OTELCOL, [host("a", HAS), host("b", HAS, "0.160.0")]) == "0.159.0, 0.160.0"
    assert engine_version(Engine.OTELCOL, [host("a", None)]) == ""
