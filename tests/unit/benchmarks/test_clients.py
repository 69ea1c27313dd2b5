"""The load clients by themselves: what they send, and that they notice what did not arrive."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
import orjson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from benchmarks.creates import VALUE_BYTES, experiment
from benchmarks.crowd import Crowd
from benchmarks.grpc import put_request, varint
from benchmarks.meter_load import METRICS, POINTS, Body
from benchmarks.writer import stamp
from phoenix.api.experiment import Experiment
from phoenix.api.schema import complete, validate


def test_a_put_is_a_grpc_message_with_key_and_value() -> None:
    # By hand: not compressed, 4-byte length, field 1 and field 2, both length-delimited.
    assert put_request(b"k", b"vv") == b"\x00\x00\x00\x00\x07" + b"\x0a\x01k" + b"\x12\x02vv"
    assert varint(300) == b"\xac\x02"


def test_the_created_object_is_a_valid_experiment_of_the_size_that_is_compared() -> None:
    body = experiment(VALUE_BYTES)
    assert len(body) == VALUE_BYTES == 2048
    wire = orjson.loads(body.replace(b"@@@@@@@@", b"00000001"))
    kept, unknown = complete(Experiment, wire | {"metadata": wire["metadata"] | {"namespace": "default"}})
    assert not unknown
    assert validate(Experiment, kept) == []


def identities(data: bytes) -> list[list[bytes]]:
    (resource,) = ExportMetricsServiceRequest.FromString(data).resource_metrics
    points = [metric.sum.data_points for metric in resource.scope_metrics[0].metrics]
    return [[b"".join(a.SerializeToString() for a in point.attributes) for point in some] for some in points]


def test_points_come_in_another_order_every_time_and_are_the_same_points() -> None:
    body = Body(0, seed=1)
    first, second = identities(bytes(body.next())), identities(bytes(body.next()))
    assert len(first) == METRICS
    for before, after in zip(first, second, strict=True):
        assert before != after
        assert sorted(before) == sorted(after)
        assert len(set(after)) == POINTS // METRICS


def test_times_and_values_are_new_every_time() -> None:
    body = Body(0, seed=1, shuffled=False)
    (one, other) = (ExportMetricsServiceRequest.FromString(bytes(body.next())) for _ in range(2))
    points = [r.resource_metrics[0].scope_metrics[0].metrics[3].sum.data_points for r in (one, other)]
    assert {point.time_unix_nano for point in points[0]} != {point.time_unix_nano for point in points[1]}
    assert not np.array_equal([p.as_double for p in points[0]], [p.as_double for p in points[1]])


@contextmanager
def served(events: list[bytes], *, short: int) -> Iterator[tuple[int, threading.Event]]:
    """A server that greets every watcher, then on the event sends all but the last event to `short` of them."""
    go = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def serve() -> None:
            watchers: list[socket.socket] = []
            while not go.is_set():
                listening.settimeout(0.05)
                try:
                    watchers.append(listening.accept()[0])
                    watchers[-1].sendall(b"welcome")
                except TimeoutError:
                    continue
            for number, watcher in enumerate(watchers):
                # The first is a timed one: cut off somebody else.
                watcher.sendall(b"".join(events[:-1] if 1 <= number <= short else events))
            stop.wait(10)
            for watcher in watchers:
                watcher.close()

        stop = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1], go
        finally:
            go.set()
            stop.set()
            thread.join()


def seen(*, short: int, keep_tails: bool) -> int:
    events = [f"{stamp(number)}\n".encode() for number in range(1, 4)]
    with (
        served(events, short=short) as (port, go),
        closing(Crowd(port, 30, b"hello", keep_tails=keep_tails)) as crowd,
    ):
        crowd.settle()
        result = crowd.watch(go.set, len(events), within_s=1.5 if short else 10)
    assert len(result.latencies_ms) == 30
    return result.complete


def test_a_crowd_that_got_everything_is_complete() -> None:
    assert seen(short=0, keep_tails=False) == 30
    assert seen(short=0, keep_tails=True) == 30


def test_a_watcher_that_missed_the_last_event_is_noticed() -> None:
    assert seen(short=2, keep_tails=False) == 28
    assert seen(short=2, keep_tails=True) == 28
