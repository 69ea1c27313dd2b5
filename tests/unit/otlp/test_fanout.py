"""Fan-out to real HTTP sinks: same bytes, turns, answers, stalls and windows."""

from __future__ import annotations

import asyncio
import socket

import pytest
import xxhash

from phoenix.otlp.fanout import Fanout, Target
from phoenix.otlp.sentwindows import Outcome, SentWindows
from phoenix.samples.inputs import input_samples
from tests.harness.otlp_sink import OtlpSink

SECOND = 1_000_000_000
WINDOW = 2 * SECOND


def targets(*sinks: OtlpSink) -> list[Target]:
    return [Target(name, sink.endpoint) for name, sink in zip(("baseline", "candidate"), sinks, strict=True)]


async def test_every_target_gets_the_same_bytes_and_they_take_turns() -> None:
    async with OtlpSink() as a, OtlpSink() as b, Fanout(targets(a, b), window_ns=WINDOW) as fanout:
        payloads = [f"payload {number}".encode() for number in range(4)]
        for number, payload in enumerate(payloads):
            outcomes = await fanout.send(payload, points=10, tick_unix_nano=number * SECOND)
            assert outcomes == [Outcome(True, 10), Outcome(True, 10)]
        windows = fanout.close_windows(4 * SECOND)
    assert a.payloads == b.payloads == payloads
    assert len(a.connections) == len(b.connections) == 1, "connections are kept"
    assert [(w.target, w.start_unix_nano) for w in windows] == [
        ("baseline", 0),
        ("baseline", WINDOW),
        ("candidate", 0),
        ("candidate", WINDOW),
    ]
    for window in windows:
        assert (window.ticks, window.requests, window.sent_first, window.failed_requests) == (2, 2, 1, 0)
        assert window.planned_points == window.sent_points == window.acked_points == 20
        mine = b"".join(payloads[:2] if window.start_unix_nano == 0 else payloads[2:])
        assert window.payload_bytes == len(mine)
        assert window.digest == xxhash.xxh64_hexdigest(mine)


async def test_who_is_first_alternates_on_the_wire() -> None:
    first: list[str] = []
    async with OtlpSink() as a, OtlpSink() as b, Fanout(targets(a, b), window_ns=WINDOW) as fanout:
        for tick in range(7):
            await fanout.send(b"x" * 100, points=1, tick_unix_nano=tick * SECOND)
            if tick:  # the first pays for the connection
                first.append("a" if a.arrived_s[-1] < b.arrived_s[-1] else "b")
    assert first == ["b", "a", "b", "a", "b", "a"]


async def test_a_large_payload_goes_whole() -> None:
    payload = bytes(range(256)) * 16384  # 4 MiB
    async with OtlpSink() as a, Fanout([Target("t", a.endpoint)], window_ns=WINDOW) as fanout:
        assert await fanout.send(payload, points=5, tick_unix_nano=0) == [Outcome(True, 5)]
    assert a.payloads == [payload]


async def test_rejected_points_are_not_acknowledged() -> None:
    async with OtlpSink() as a, Fanout([Target("t", a.endpoint)], window_ns=WINDOW) as fanout:
        a.rejected_points = 3
        (outcome,) = await fanout.send(b"x", points=10, tick_unix_nano=0)
        (window,) = fanout.close_windows(WINDOW)
    assert outcome.acked_points == 7
    assert "told to reject" in outcome.failure
    assert (window.sent_points, window.acked_points, window.failed_requests) == (10, 7, 1)


async def test_an_error_is_not_sent_again() -> None:
    async with OtlpSink() as a, Fanout([Target("t", a.endpoint)], window_ns=WINDOW) as fanout:
        a.status = 503
        (outcome,) = await fanout.send(b"x", points=10, tick_unix_nano=0)
        await fanout.drain(1)
        totals = fanout.totals()["t"]
    assert outcome.failure.startswith("HTTP 503")
    assert len(a.payloads) == 1
    assert (totals.requests, totals.failed_requests, totals.acked_points) == (1, 1, 0)


async def test_a_refused_connection_puts_nothing_on_the_wire() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with (
            OtlpSink() as b,
            Fanout([Target("a", endpoint), Target("b", b.endpoint)], window_ns=WINDOW) as fanout,
        ):
            refused, taken = await fanout.send(b"x", points=10, tick_unix_nano=0)
            one, two = fanout.close_windows(WINDOW)
    assert not refused.on_wire
    assert taken == Outcome(True, 10)
    assert (one.requests, one.sent_points, one.failed_requests) == (1, 0, 1)
    assert one.digest != two.digest


async def test_a_stalled_target_misses_ticks_and_leaves_the_other_alone() -> None:
    async with OtlpSink() as stalled, OtlpSink() as sound, Fanout(targets(stalled, sound), window_ns=WINDOW) as fanout:
        stalled.flow.clear()
        for tick in range(4):
            ours, theirs = fanout.submit(b"%d" % tick, points=10, tick_unix_nano=tick * SECOND)
            assert (await theirs).acked_points == 10
        # Tick 0 is in flight, 1 and 2 gave way to their successors, 3 waits.
        assert fanout.close_windows(4 * SECOND)[0].target == "candidate", "the stalled target's windows stay open"
        stalled.flow.set()
        assert (await ours).acked_points == 10
        first, second = fanout.close_windows(4 * SECOND)
    assert stalled.payloads == [b"0", b"3"]
    assert sound.payloads == [b"0", b"1", b"2", b"3"]
    assert (first.planned_points, first.sent_points, first.missed_requests, first.ticks) == (20, 10, 1, 1)
    assert (second.planned_points, second.sent_points, second.missed_requests, second.ticks) == (20, 10, 1, 1)


async def test_payloads_of_one_tick_wait_for_each_other() -> None:
    async with OtlpSink() as a, Fanout([Target("t", a.endpoint)], window_ns=WINDOW, waiting=3) as fanout:
        futures = [fanout.submit(b"%d" % part, points=1, tick_unix_nano=0)[0] for part in range(5)]
        outcomes = await asyncio.gather(*futures)
        (window,) = fanout.close_windows(WINDOW)
    assert a.payloads == [b"0", b"1", b"2"]
    assert [outcome.on_wire for outcome in outcomes] == [True] * 3 + [False] * 2
    assert (window.ticks, window.requests, window.missed_requests, window.planned_points) == (1, 3, 2, 5)


async def test_no_answer_in_time_is_a_failure() -> None:
    async with OtlpSink() as a, Fanout([Target("t", a.endpoint)], window_ns=WINDOW, timeout_s=0.1) as fanout:
        a.flow.clear()
        (outcome,) = await fanout.send(b"x", points=10, tick_unix_nano=0)
    assert outcome == Outcome(True, 0, "no answer within 0.1 s")


async def test_close_accounts_for_what_is_unanswered() -> None:
    async with OtlpSink() as a:
        fanout = Fanout([Target("t", a.endpoint)], window_ns=WINDOW)
        await fanout.start()
        a.flow.clear()
        future = fanout.submit(b"x", points=10, tick_unix_nano=0)[0]
        await fanout.drain(0.1)
        await fanout.aclose(0.1)
        await fanout.aclose(0.1)
        (window,) = fanout.close_windows(WINDOW)
    assert "stopped" in (await future).failure
    assert (window.requests, window.failed_requests, window.acked_points) == (1, 1, 0)


async def test_what_the_source_missed_is_planned_for_everyone() -> None:
    async with OtlpSink() as a, OtlpSink() as b, Fanout(targets(a, b), window_ns=WINDOW) as fanout:
        fanout.missed(points=10, tick_unix_nano=0)
        windows = fanout.close_windows(WINDOW)
    assert [(w.planned_points, w.sent_points, w.missed_requests, w.ticks) for w in windows] == [(10, 0, 1, 0)] * 2


async def test_no_targets_is_a_dry_run() -> None:
    async with Fanout([], window_ns=WINDOW) as fanout:
        assert await fanout.send(b"x", points=1, tick_unix_nano=0) == []
        assert fanout.close_windows(WINDOW) == []


def test_a_window_is_given_once_even_when_more_is_planned_for_it() -> None:
    windows = SentWindows("t", WINDOW)
    windows.planned(0, 10)
    windows.settled(0, b"x", 10, first=True, outcome=Outcome(True, 10))
    assert windows.close(WINDOW - 1) == []
    assert len(windows.close(WINDOW)) == 1
    windows.planned(SECOND, 10)  # late
    windows.missed(SECOND)
    (late,) = windows.close(2 * WINDOW)
    assert late.start_unix_nano == WINDOW


def test_input_samples_are_stamped() -> None:
    windows = SentWindows("baseline", WINDOW)
    windows.planned(0, 10)
    windows.settled(0, b"x", 10, first=True, outcome=Outcome(True, 10))
    (sample,) = input_samples(windows.close(WINDOW), run=3, host="host-a", instance="abc")
    assert (sample.run, sample.host, sample.variant, sample.instance) == (3, "host-a", "baseline", "abc")
    assert (sample.window_start, sample.window_end, sample.bytes) == (0, WINDOW, 1)


@pytest.mark.parametrize("window_ns", [0, -1])
def test_a_window_needs_a_length(window_ns: int) -> None:
    with pytest.raises(ValueError, match="window_ns"):
        Fanout([Target("t", "http://127.0.0.1:1")], window_ns=window_ns)
