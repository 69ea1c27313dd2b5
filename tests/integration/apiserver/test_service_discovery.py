"""What Prometheus is told to scrape, and under which labels."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.apiserver.conftest import GROUP_PATH, Http

COLLECTORS = f"{GROUP_PATH}/namespaces/default/collectors"


async def running(http: Http, name: str, ports: dict[str, int], address: str = "127.0.0.1", **spec: Any) -> None:
    labels = {
        "phoenix.io/experiment": "x",
        "phoenix.io/run": "2",
        "phoenix.io/variant": name,
        "phoenix.io/deployment": f"x-{name}",
    }
    body = {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Collector",
        "metadata": {"name": name, "labels": labels},
        "spec": {"host": "host-a", **spec},
    }
    assert (await http("POST", COLLECTORS, body)).code == 201
    status = {"status": {"phase": "Running", "address": address, "ports": ports}}
    patched = await http("PATCH", f"{COLLECTORS}/{name}/status", status, content_type="application/merge-patch+json")
    assert patched.code == 200


async def test_a_collector_has_its_telemetry_and_its_exporters(http: Http) -> None:
    exporters = {
        "prometheus": {"endpoint": "${phoenix:address}:${phoenix:port:prom}"},
        "prometheus/fixed": {"endpoint": "0.0.0.0:8889"},
        "prometheus/nowhere": {"endpoint": "${phoenix:port:other}"},
        "otlphttp": {"endpoint": "http://127.0.0.1:4318"},
    }
    await running(http, "lean", {"telemetry": 9000, "prom": 9001}, config={"exporters": exporters})
    groups = (await http("GET", "/sd/collectors")).body
    labels = {
        "experiment": "x", "run": "2", "variant": "lean", "deployment": "x-lean", "namespace": "default",
        "object": "lean", "host": "host-a",
    }  # fmt: skip
    assert groups == [
        {"targets": ["127.0.0.1:9000"], "labels": {**labels, "role": "telemetry"}},
        {"targets": ["127.0.0.1:9001"], "labels": {**labels, "role": "exporter", "exporter": "prometheus"}},
        {"targets": ["127.0.0.1:8889"], "labels": {**labels, "role": "exporter", "exporter": "prometheus/fixed"}},
    ]


async def test_addresses_of_the_sixth_version_are_bracketed(http: Http) -> None:
    await running(http, "six", {"telemetry": 9000}, address="::1")
    assert (await http("GET", "/sd/collectors")).body[0]["targets"] == ["[::1]:9000"]


async def test_what_does_not_run_is_not_listed(http: Http) -> None:
    body = {"apiVersion": "phoenix.io/v1alpha1", "kind": "Collector", "metadata": {"name": "pending"}}
    assert (await http("POST", COLLECTORS, body)).code == 201
    assert (await http("GET", "/sd/collectors")).body == []
    assert (await http("GET", "/sd/programs")).body == []


async def test_the_server_names_itself_as_it_was_asked(http: Http) -> None:
    (group,) = (await http("GET", "/sd/phoenix")).body
    assert f"{group['labels']['__scheme__']}://{group['targets'][0]}" == http.server.url


@pytest.mark.parametrize(
    ("method", "path", "code"), [("GET", "/sd/else", 404), ("GET", "/sd", 404), ("POST", "/sd/phoenix", 405)]
)
async def test_other_requests_are_refused(http: Http, method: str, path: str, code: int) -> None:
    assert (await http(method, path)).code == code


async def test_without_a_token_nothing_is_told(http: Http) -> None:
    assert (await http("GET", "/sd/collectors", Authorization="Bearer wrong")).code == 401
