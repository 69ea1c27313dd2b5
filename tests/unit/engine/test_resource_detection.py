"""resource_detection: env and system, and refusal of the rest."""

import socket

import pytest

from phoenix.engine.processors.resourcedetection import from_env
from tests.unit.engine.harness import faults, through
from tests.unit.engine.otlp import attributes, number_metric, request


@pytest.mark.parametrize(
    ("text", "found"),
    [("a=1,b = x%20y", {"a": "1", "b": "x y"}), ("", {}), ("nothing,=x", {}), ('k="v"', {"k": "v"}), (None, {})],
)
def test_attributes_of_the_environment(text, found):
    assert from_env({"OTEL_RESOURCE_ATTRIBUTES": text}.get) == found


@pytest.mark.parametrize(("override", "a"), [("true", "env"), ("false", "own")])
async def test_they_are_put_on_every_resource(monkeypatch, override, a):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "a=env,os.type=mine")
    yaml = f"{{detectors: [env, system], override: {override}, system: {{hostname_sources: [os]}}}}"
    out = await through(
        "resourcedetection", yaml, request(number_metric("gauge", "g", [({}, 1)]), resource={"a": "own"})
    )
    found = attributes(out.resource_metrics[0].resource.attributes)
    assert found == {"a": a, "os.type": "mine", "host.name": socket.gethostname()}


@pytest.mark.parametrize(
    ("yaml", "fault"),
    [
        ("detectors: [env, gcp]", "detectors[1]: the Embedded engine has env and system, not 'gcp'"),
        ("system: {hostname_sources: [lookup]}", "hostname_sources[0]"),
        ("system: {resource_attributes: {host.id: {enabled: true}}}", "does not read host.id"),
        ("nope: 1", "invalid keys: nope"),
    ],
)
def test_faults(yaml, fault):
    assert any(fault in found for found in faults("resource_detection", yaml)), faults("resource_detection", yaml)
