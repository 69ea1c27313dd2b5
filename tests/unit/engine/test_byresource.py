"""Processors that change resources alone give for bytes what they give for the decoded request."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.data import Metrics
from phoenix.engine.errors import BadData
from phoenix.engine.registry import PROCESSORS
from phoenix.loadmodel.load import Load
from phoenix.loadmodel.profile import read_model
from phoenix.otlp.encode import delimited
from tests.unit.engine.harness import parse, settings
from tests.unit.engine.otlp import number_metric, request

KINDS = [
    ("resource", "attributes: [{key: pod, action: delete}, {key: new, value: 1, action: insert}]"),
    ("resource", "attributes: [{key: pod, action: delete}]"),
    ("resourcedetection", "detectors: [env]\noverride: true"),
]
METRIC = number_metric("sum", "calls", [({"user": "a"}, 1), ({"user": "b"}, 2)])


def work(kind, yaml):
    config, findings = parse(PROCESSORS[kind], yaml)
    assert not findings
    return PROCESSORS[kind].work(settings(kind), config)


def both(made, data):
    """What leaves for bytes and for the message that they are, and whether the bytes were decoded."""
    given = Metrics.received(data)
    left = made.do(given)
    return left.encoded(), made.do(Metrics.of(ExportMetricsServiceRequest.FromString(data))).encoded(), left is given


def with_a_long_resource():
    message = request(METRIC, resource={"pod": "x" * 150, "app": "y"})
    message.resource_metrics[0].schema_url = "s" * 200
    return message


def without_resource():
    message = request(METRIC)
    message.resource_metrics[0].ClearField("resource")
    message.resource_metrics.add().schema_url = "nothing but this"
    message.resource_metrics.add().resource.SetInParent()
    message.resource_metrics.add().resource.dropped_attributes_count = 3
    return message


@pytest.fixture(autouse=True)
def labels(monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "pod=mine,zone=z")


@pytest.mark.parametrize(("kind", "yaml"), KINDS)
@pytest.mark.parametrize("message", [request(METRIC, resource={"pod": 1}), with_a_long_resource(), without_resource()])
def test_bytes_are_changed_as_messages_are(kind, yaml, message):
    made = work(kind, yaml)
    for _ in range(2):  # a resource seen before, too
        left, expected, decoded = both(made, message.SerializeToString())
        assert (left, decoded) == (expected, False)


@pytest.mark.parametrize("model", [{"model": "M1", "size": "S"}, {"model": "M2", "size": "S", "hosts": 1}])
def test_modelled_payloads(model):
    load = Load(read_model(model), seed=3, interval_s=1.0)
    load.start(0)
    made = work(*KINDS[0])
    for payload in load.tick(10**9):
        left, expected, decoded = both(made, bytes(payload.data))
        # The generator writes counts of 0, which a message that was decoded does not have.
        assert ExportMetricsServiceRequest.FromString(left).SerializeToString() == expected
        assert not decoded


@pytest.mark.parametrize(
    "more",
    [delimited(1, delimited(1, b"\x0a\x03new")), delimited(1, b"\x0a\x00"), b"\xa0\x1f\x01"],
    ids=["second resource", "empty pair", "unknown field"],
)
def test_what_is_laid_out_unusually_is_decoded(more):
    inner = request(METRIC, resource={"pod": 1}).resource_metrics[0].SerializeToString()
    left, expected, decoded = both(work(*KINDS[0]), delimited(1, inner + more))
    assert (left, decoded) == (expected, True)


def test_broken_resources_are_refused():
    inner = delimited(1, delimited(1, b"\x0a\x05abc")) + delimited(2, b"")
    with pytest.raises(BadData):
        work(*KINDS[0]).do(Metrics(delimited(1, inner), None, 0))


def test_no_more_resources_are_kept_than_a_bound(monkeypatch):
    monkeypatch.setattr("phoenix.engine.processors.byresource._MAX_KNOWN", 3)
    made = work(*KINDS[0])
    for number in range(10):
        left, expected, _ = both(made, request(METRIC, resource={"pod": 1, "n": number}).SerializeToString())
        assert left == expected
    assert len(made.run.__self__._known) <= 3
