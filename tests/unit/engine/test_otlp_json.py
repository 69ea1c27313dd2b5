"""OTLP/JSON bodies, read and answered."""

import json

import aiohttp
import pytest
from google.protobuf import json_format

from phoenix.engine.errors import BadData
from phoenix.engine.receivers.otlpjson import from_json
from phoenix.engine.registry import RECEIVERS
from tests.unit.engine.harness import Sink, parse, settings
from tests.unit.engine.otlp import histogram, number_metric, request


def message():
    made = request(number_metric("sum", "m", [({"a": 1, "b": b"\x01"}, 2**60)]), histogram("h", [({}, [1, 2], 3.5)]))
    exemplar = made.resource_metrics[0].scope_metrics[0].metrics[1].histogram.data_points[0].exemplars.add()
    exemplar.trace_id, exemplar.span_id = bytes(range(16)), bytes(range(8))
    return made


def as_json():
    tree = json_format.MessageToDict(message(), use_integers_for_enums=True)
    exemplar = tree["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][1]["histogram"]["dataPoints"][0]["exemplars"][0]
    exemplar["traceId"], exemplar["spanId"] = bytes(range(16)).hex(), bytes(range(8)).hex()
    return tree | {"unknown": 1}


def test_what_is_said_in_json_is_what_protobuf_says():
    assert from_json(json.dumps(as_json()).encode()) == message().SerializeToString()
    assert from_json(b"{}") == b""


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"resourceMetrics": 5}', b'{"traceId": "xyz"}'])
def test_what_is_none_is_refused(body):
    with pytest.raises(BadData, match="OTLP/JSON"):
        from_json(body)


async def test_over_http():
    sink, factory = Sink(), RECEIVERS["otlp"]
    config, _ = parse(factory, "protocols: {http: {endpoint: '127.0.0.1:0'}}")
    receiver = factory.create(settings("otlp"), config, sink)
    await receiver.start()
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{receiver.port}/v1/metrics"
        async with session.post(url, json=as_json()) as answer:
            assert (answer.status, await answer.json()) == (200, {})
        async with session.post(url, data=b"{", headers={"Content-Type": "application/json; charset=utf-8"}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, 3)
    await receiver.shutdown()
    assert sink.messages == [message()]
