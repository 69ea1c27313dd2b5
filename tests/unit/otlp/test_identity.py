"""Identity by hand: what is equal, what differs, and label text as the Collector writes it."""

from __future__ import annotations

import pytest

from phoenix.otlp.identity import (
    Attributes,
    MetricIdentity,
    Part,
    PointIdentity,
    Value,
    any_value,
    attributes,
    format_bound,
    series_count,
    series_labels,
    stream_key,
    text,
)
from phoenix.otlp.model import MetricType, Temporality
from tests.unit.otlp import payloads


def metric(**fields: object) -> MetricIdentity:
    base: dict[str, object] = {
        "resource": (("service.name", "shop"),),
        "scope_name": "lib",
        "scope_version": "1",
        "scope_attributes": (),
        "name": "m",
        "unit": "s",
        "type": MetricType.SUM,
        "temporality": Temporality.CUMULATIVE,
        "monotonic": True,
    }
    return MetricIdentity(**(base | fields))  # type: ignore[arg-type]


def key(metric: MetricIdentity, *pairs: tuple[str, Value]) -> int:
    return stream_key(PointIdentity(metric, tuple(Part(*pair) for pair in pairs)))


@pytest.mark.parametrize(
    "other",
    [
        metric(resource=()),
        metric(scope_name=""),
        metric(scope_version="2"),
        metric(scope_attributes=(("a", "b"),)),
        metric(name="n"),
        metric(unit=""),
        metric(type=MetricType.GAUGE),
        metric(temporality=Temporality.DELTA),
        metric(monotonic=False),
    ],
)
def test_every_part_of_a_metric_makes_another_stream(other: MetricIdentity) -> None:
    assert key(metric()) == key(metric())
    assert key(metric()) != key(other)


def test_values_that_look_alike_are_different_streams() -> None:
    alike: list[Value] = [1, 1.0, "1", True, b"1", None, ("[", 1), ("{", ("1", 1)), -0.0, 0.0, "", "None"]
    assert len({key(metric(), ("a", value)) for value in alike}) == len(alike)
    assert key(metric(), ("a", "b"), ("c", "d")) == key(metric(), ("c", "d"), ("a", "b"))
    assert key(metric(), ("a", "b"), ("c", "d")) != key(metric(), ("a", "d"), ("c", "b"))


def test_attributes_are_sorted_once_each_and_without_our_own() -> None:
    pairs = payloads.key_values([("b", {"y": 1, "x": [b"q", None]}), ("a", "first"), ("phoenix.run", 1), ("a", "last")])
    assert attributes(pairs) == (("a", "last"), ("b", ("{", ("x", ("[", b"q", None)), ("y", 1))))
    assert attributes(pairs, strip_own=False)[-1] == ("phoenix.run", 1)


@pytest.mark.parametrize(
    ("resource", "point", "labels"),
    [
        ((("b", 1),), (("a", True),), {"a": "true", "b": "1"}),
        ((("k", "resource"),), (("k", "point"),), {"k": "resource"}),
        ((("a.b", "2"),), (("a_b", "3"), ("a-b", "1")), {"a_b": "1;2;3"}),  # '-' < '.' < '_'
        ((), (("empty", ""), ("none", None)), {}),
        ((), (("…", "kept"),), {"…": "kept"}),  # Prometheus cannot name it; it must count all the same
    ],
)
def test_labels(resource: Attributes, point: Attributes, labels: dict[str, str]) -> None:
    assert series_labels(resource, point) == labels


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (False, "false"),
        (-7, "-7"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e-7, "1.5e-7"),
        (b"hi", "aGk="),
        ([1, "<a>", True], '[1,"\\u003ca\\u003e",true]'),
        ({"b": 1, "a": [2.5]}, '{"a":[2.5],"b":1}'),
    ],
)
def test_text_of_values(value: object, written: str) -> None:
    assert text(any_value(payloads.any_value(value))) == written


def test_bounds_are_written_as_prometheus_writes_them() -> None:
    bounds = (0.005, 1.0, 10.0, 123456.0, 1e6, 2.5e7, 1e-5, float("inf"))
    assert [format_bound(bound) for bound in bounds] == [
        "0.005", "1", "10", "123456", "1e+06", "2.5e+07", "1e-05", "+Inf",
    ]  # fmt: skip


def test_series_of_types() -> None:
    three = (1.0, 2.0, 3.0)
    assert [series_count(kind, three) for kind in MetricType] == [1, 1, 1, 6, 1, 5]
