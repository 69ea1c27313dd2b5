"""Loads that change: what is stated beforehand is what opentelemetry-proto reads from the bytes, window by window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.expected import count_run, points_by_tick
from phoenix.loadmodel.load import Load
from phoenix.loadmodel.profile import read_model
from tests.unit.loadmodel.naive import Labels, Point, points, series

S = 1_000_000_000
FIRST = 1_700_000_000 * S
TICKS = 12
CHANGING: dict[str, dict[str, Any]] = {
    "M1": {
        "model": "M1",
        "users": 40,
        "rawPaths": 5,
        "churn": {"every": "2s", "fraction": 0.25},
        "resets": {"every": "3s", "fraction": 0.5},
        "phases": [{"duration": "2s"}, {"duration": "3s", "instances": 2.5, "activity": 3}],
        "events": [
            {"kind": "RouteExplosion", "at": "2s", "duration": "4s", "count": 100},
            {"kind": "ErrorBurst", "at": "1s", "duration": "2s"},
        ],
    },
    "M2": {
        "model": "M2",
        "hosts": 2,
        "churn": {"every": "2s", "fraction": 0.05},
        "resets": {"every": "3s", "fraction": 0.5},
        "phases": [{"duration": "2s"}, {"duration": "3s", "instances": 1.5, "activity": 3}],
        "events": [
            {"kind": "ForkStorm", "at": "2s", "duration": "4s", "count": 50},
            {"kind": "CpuSwap", "at": "1s", "duration": "2s"},
        ],
    },
    "M3": {
        "model": "M3",
        "pods": 40,
        "churn": {"every": "2s", "fraction": 0.25},
        "resets": {"every": "3s", "fraction": 0.5},
        "phases": [{"duration": "2s"}, {"duration": "3s", "instances": 1.5, "activity": 3}],
        "events": [
            {"kind": "NodeDrain", "at": "2s"},
            {"kind": "CrashLoop", "at": "1s", "duration": "5s", "count": 3},
        ],
    },
}
Identity = tuple[Labels, str, Labels]


def ticks_of(otlp: dict[str, Any], *, seed: int = 3, ticks: int = TICKS) -> Iterator[list[bytes]]:
    load = Load(read_model(otlp), seed=seed, interval_s=1.0)
    load.start(FIRST - S)
    for tick in range(ticks):
        yield [payload.data for payload in load.tick(FIRST + tick * S)]


@pytest.mark.parametrize("model", CHANGING)
def test_each_window_and_the_union_have_what_was_stated(model: str) -> None:
    stated = count_run(read_model(CHANGING[model]), interval_ns=S, ticks=TICKS)
    found = [list(points(payloads)) for payloads in ticks_of(CHANGING[model])]
    for place, window in enumerate(stated.windows):
        held = [point for tick in found[2 * place : 2 * place + 2] for point in tick]
        assert (window.points, window.streams) == (len(held), len({point.identity for point in held}))
        assert window.active_series == len(series(held))
    everything = [point for tick in found for point in tick]
    assert stated.union.points == len(everything)
    assert stated.union.streams == len({point.identity for point in everything})
    assert stated.union.active_series == len(series(everything))
    assert stated.union.streams > max(window.streams for window in stated.windows)


@pytest.mark.parametrize("model", CHANGING)
def test_one_seed_one_run_of_bytes_and_another_seed_others(model: str) -> None:
    assert list(ticks_of(CHANGING[model])) == list(ticks_of(CHANGING[model]))
    assert list(ticks_of(CHANGING[model])) != list(ticks_of(CHANGING[model], seed=4))


@pytest.mark.parametrize("model", CHANGING)
def test_every_stream_comes_once_a_tick_with_the_ticks_time(model: str) -> None:
    for tick, payloads in enumerate(ticks_of(CHANGING[model], ticks=6)):
        found = list(points(payloads))
        assert len({point.identity for point in found}) == len(found)
        assert {point.value.time_unix_nano for point in found} == {FIRST + tick * S}


def total(point: Point) -> float:
    value = point.value
    return float(value.count) if hasattr(value, "count") else value.as_double + value.as_int


def counters(payloads: list[bytes]) -> dict[Identity, tuple[int, float]]:
    """Start time and value of what only grows."""
    growing = ("duration", "body.size", "requests", ".time", ".io", "created", "errors")
    return {
        point.identity: (point.value.start_time_unix_nano, total(point))
        for point in points(payloads)
        if point.metric.endswith(growing) and point.metric != "http.server.active_requests"
    }


@pytest.mark.parametrize("model", CHANGING)
def test_counters_fall_only_with_a_new_start_time(model: str) -> None:
    resets = 0
    before: dict[Identity, tuple[int, float]] = {}
    for tick, payloads in enumerate(ticks_of(CHANGING[model])):
        now = counters(payloads)
        for identity, (start, value) in now.items():
            assert start < FIRST + tick * S
            if identity in before:
                started, last = before[identity]
                assert value >= last or start > started, identity
                resets += start > started
                # Who has the old start time was not touched; who has a new one starts with this tick.
                assert start in (started, FIRST + (tick - 1) * S)
        before = now
    assert resets


def test_ticks_left_out_do_not_hold_the_churn_up() -> None:
    model = read_model(CHANGING["M3"])
    load = Load(model, seed=3, interval_s=1.0)
    load.start(FIRST - S)
    load.tick(FIRST)
    missed = [sum(load.plan(FIRST + tick * S)) for tick in range(1, 7)]
    stated = points_by_tick(model, interval_ns=S)
    assert missed == [next(stated) for _ in range(7)][1:]
    assert {p.identity for p in points([one.data for one in load.tick(FIRST + 7 * S)])} == {
        p.identity for p in points(list(ticks_of(CHANGING["M3"], ticks=8))[-1])
    }


def test_skewed_clocks_are_ahead_and_behind() -> None:
    otlp = {"model": "M1", "users": 0, "events": [{"kind": "ClockSkew", "at": "1s", "duration": "1s", "offset": "2s"}]}
    times = [{p.value.time_unix_nano - FIRST for p in points(payloads)} for payloads in ticks_of(otlp, ticks=3)]
    assert times == [{0}, {S - 2 * S, S + 2 * S}, {2 * S}]


def test_a_burst_makes_errors_of_requests() -> None:
    quiet = {"model": "M1", "users": 0}
    burst = quiet | {"events": [{"kind": "ErrorBurst", "at": "0s", "duration": "1h"}]}

    def errors(otlp: dict[str, Any]) -> float:
        *_, last = ticks_of(otlp, ticks=20)
        return sum(total(p) for p in points(last) if ("http.response.status_code", "404") in p.labels)

    assert errors(burst) > 5 * errors(quiet)


def test_the_busiest_ten_have_most_of_the_cpu_until_they_are_swapped() -> None:
    otlp = {"model": "M2", "hosts": 1, "events": [{"kind": "CpuSwap", "at": "10s", "duration": "10s"}]}
    at = [
        {p.resource: p.value.as_double for p in points(payloads) if p.metric == "process.cpu.time"}
        for payloads in ticks_of(otlp, ticks=20)
    ]
    busy = [who for who in at[0] if ("process.owner", "app") in who]
    first = sum(at[9][who] for who in busy) / sum(at[9].values())
    later = sum(at[19][who] - at[9][who] for who in busy) / (sum(at[19].values()) - sum(at[9].values()))
    assert len(busy) == 10
    assert 0.7 < first < 0.9
    assert later < 0.1


@pytest.mark.parametrize(
    ("otlp", "fault"),
    [
        ({"model": "M4"}, "otlp.model: 'M4' is not known; use one of M1, M2, M3"),
        ({"model": "M2", "size": "XL"}, "otlp.size: 'XL' is not known; use one of S, M, L"),
        ({"model": "M2", "processes": 79}, "otlp.processes: want a whole number from 80, have 79"),
        (
            {"churn": {"every": "10s", "fraction": 2}},
            "otlp.churn.fraction: want a number above 0 and at most 1, have 2",
        ),
        ({"churn": {}}, "otlp.churn.every: want a duration such as 30s, have None"),
        ({"phases": [{"duration": "soon"}]}, "otlp.phases[0].duration: want a duration such as 30s, have 'soon'"),
        (
            {"events": [{"kind": "ForkStorm"}]},
            "otlp.events[0].kind: model M1 has RouteExplosion, ErrorBurst, ClockSkew; have 'ForkStorm'",
        ),
        ({"events": {}}, "otlp.events: want a list, have dict"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(otlp: dict[str, Any], fault: str) -> None:
    with pytest.raises(LoadModelError) as refused:
        read_model(otlp)
    assert fault in refused.value.faults


def test_a_load_no_generator_holds_is_refused() -> None:
    with pytest.raises(LoadModelError, match="more than 5000000"):
        count_run(read_model({"model": "M2", "hosts": 10_000}), interval_ns=S, ticks=1)
