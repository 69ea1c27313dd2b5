"""Recordings: forms, bounds, faults with their place; and where their times go."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.loadgen import recording as module
from phoenix.loadgen.moving import Moving
from phoenix.loadgen.order import LOOK_FRAMES, Order
from phoenix.loadgen.recording import Ends, Recording, RecordingError, followed, move, time_of
from phoenix.otlp.jsonform import to_json

S = 1_000_000_000
T0 = 1_700_000_000 * S


def request(*times: int, start: int = 0) -> ExportMetricsServiceRequest:
    built = ExportMetricsServiceRequest()
    metric = built.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    for time in times:
        metric.sum.data_points.add(time_unix_nano=time, start_time_unix_nano=start, as_int=1)
    return built


def lines(*requests: ExportMetricsServiceRequest) -> bytes:
    return b"".join(to_json(one) + b"\n" for one in requests)


def prefixed(*requests: ExportMetricsServiceRequest) -> bytes:
    every = [one.SerializeToString() for one in requests]
    return b"".join(len(one).to_bytes(4, "big") + one for one in every)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", lines),
        ("a.json", lines),
        ("sub/a.pb", prefixed),
        ("a.jsonl.gz", lambda *every: gzip.compress(lines(*every))),
        ("a.pb.gz", lambda *every: gzip.compress(prefixed(*every))),
    ],
)
def test_every_form_gives_the_same_requests(tmp_path: Path, name: str, write: Callable[..., bytes]) -> None:
    wanted = [request(T0), request(T0 + S, T0 + 2 * S), request(T0 + 5 * S)]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(write(*wanted))
    found = Recording(tmp_path, name)
    assert [found.request(frame) for frame in found.frames()] == wanted
    assert [found.request(frame) for frame in found.frames()] == wanted, "each reader begins anew"
    assert found.ends(within_s=60) == Ends([T0, T0 + 2 * S, T0 + 5 * S], [T0, T0 + 2 * S, T0 + 5 * S])


@pytest.mark.parametrize("path", ["../secret.jsonl", "link.jsonl", "folder.jsonl", "absent.jsonl", "pipe.jsonl"])
def test_nothing_but_files_of_the_folder_is_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.jsonl").write_bytes(lines(request(T0)))
    root = tmp_path / "recordings"
    (root / "folder.jsonl").mkdir(parents=True)
    (root / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    os.mkfifo(root / "pipe.jsonl")
    with pytest.raises(RecordingError, match=path):
        Recording(root, path)


def test_links_in_a_circle_are_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to("b.jsonl")
    (tmp_path / "b.jsonl").symlink_to("a.jsonl")
    with pytest.raises(RecordingError, match=r"a\.jsonl: cannot be read from the recordings folder"):
        Recording(tmp_path, "a.jsonl")


@pytest.mark.parametrize("what", ["a link", "a link for its folder", "a pipe", "a folder"])
def test_what_was_put_in_its_place_since_is_not_read(tmp_path: Path, what: str) -> None:
    root, secret = tmp_path / "recordings", tmp_path / "secret"
    for folder in (root / "sub", secret):
        folder.mkdir(parents=True)
        (folder / "a.jsonl").write_bytes(lines(request(T0)))
    found = Recording(root, "sub/a.jsonl")
    place = root / "sub" / "a.jsonl"
    place.unlink()
    match what:
        case "a link":
            place.symlink_to(secret / "a.jsonl")
        case "a link for its folder":
            place.parent.rmdir()
            place.parent.symlink_to(secret)
        case "a pipe":
            os.mkfifo(place)
        case _:
            place.mkdir()
    with pytest.raises(RecordingError, match=r"sub/a\.jsonl: (cannot be read further|is no file)"):
        list(found.frames())


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_bytes(lines(request(T0)))
    (tmp_path / "two.jsonl").symlink_to("one.jsonl")
    assert Recording(tmp_path, "two.jsonl").ends(within_s=60) == Ends([T0], [T0])


def test_faults_are_told_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(request(T0)) + b'\n{"resourceMetrics": 5}\n' + lines(request(T0)))
    found = Recording(tmp_path, "a.jsonl")
    with pytest.raises(RecordingError, match=r"a\.jsonl: line 3 is no OTLP metrics request"):
        [found.request(frame) for frame in found.frames()]
    (tmp_path / "b.jsonl").write_bytes(b'{"resourceSpans": []}\n')
    with pytest.raises(RecordingError, match="holds no metrics"):
        Recording(tmp_path, "b.jsonl").ends(within_s=60)
    for name, whole in (("d.pb", prefixed(request(T0))), ("d.jsonl", lines(request(T0))[:-1])):
        (tmp_path / name).write_bytes(whole[:-1])
        with pytest.raises(RecordingError, match=f"{name}: is cut off at byte {len(whole) - 1}, within request 1"):
            Recording(tmp_path, name).ends(within_s=60)
    (tmp_path / "c.jsonl.gz").write_bytes(b"not compressed")
    with pytest.raises(RecordingError, match="cannot be read further"):
        Recording(tmp_path, "c.jsonl.gz").ends(within_s=60)


def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REQUEST_BYTES", 10)
    (tmp_path / "a.jsonl").write_bytes(lines(request(T0)))
    (tmp_path / "a.pb").write_bytes(prefixed(request(T0)))
    with pytest.raises(RecordingError, match="line 1 is longer"):
        list(Recording(tmp_path, "a.jsonl").frames())
    with pytest.raises(RecordingError, match="request 1 says it has"):
        list(Recording(tmp_path, "a.pb").frames())


@pytest.mark.parametrize("name", ["a.jsonl", "a.pb", "a.pb.gz"])
def test_a_file_that_is_cut_off_ends_there(tmp_path: Path, name: str) -> None:
    whole = lines(request(T0), request(T0 + S)) if "json" in name else prefixed(request(T0), request(T0 + S))
    whole = gzip.compress(whole) if name.endswith(".gz") else whole
    (tmp_path / name).write_bytes(whole[:-12])
    found = Recording(tmp_path, name)
    read = [one for one in map(found.request, found.frames()) if one is not None]
    assert read in ([request(T0)], [request(T0), request(T0 + S)])  # gzip's own trailer is longer than what is cut
    assert found.ends(within_s=60) is not None


def test_a_span_that_takes_too_long_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(request(T0), request(T0 + S)))
    assert Recording(tmp_path, "a.jsonl").ends(within_s=-1) is None


def test_times_are_moved_and_differences_kept() -> None:
    moving = Moving(T0, 2 * T0, Fraction(1), S)
    built = request(T0 + 5, T0 - 3, 0, start=T0 - 100 * S)
    assert move(built, moving.turn(0)) == (3, [2 * T0 + 5, 2 * T0 - 3])
    points = built.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
    assert [point.time_unix_nano for point in points] == [2 * T0 + 5, 2 * T0 - 3, 0], "an unset time stays unset"
    assert {point.start_time_unix_nano for point in points} == {2 * T0 - 100 * S}


def test_times_of_exemplars_are_moved_and_unset_ones_stay_unset() -> None:
    built = request(T0)
    point = built.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    for time in (T0 - 7, 0):
        point.exemplars.add(time_unix_nano=time, as_int=1)
    move(built, Moving(T0, 2 * T0, Fraction(1), S).turn(0))
    assert [exemplar.time_unix_nano for exemplar in point.exemplars] == [2 * T0 - 7, 0]


def test_a_speed_divides_differences_and_a_loop_goes_on_at_the_next_tick() -> None:
    moving = Moving(T0, T0, Fraction(5, 2), S)
    played = moving.played_ns(T0 + 10 * S)
    assert played == 4 * S
    assert moving.length_ns(played) == 5 * S
    assert [moving.turn(turn, played)(T0 + 5 * S) for turn in (0, 1, 2)] == [T0 + 2 * S, T0 + 7 * S, T0 + 12 * S]


def test_times_stay_what_otlp_can_hold() -> None:
    slow = Moving(T0, T0, Fraction(1, 1000), S)
    built = request(T0, start=S)
    move(built, slow.turn(0))
    point = built.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    assert (point.time_unix_nano, point.start_time_unix_nano) == (T0, 1)
    far = request((1 << 63) + 7)
    assert time_of(far) == (1 << 63) + 7
    assert move(far, slow.turn(0)) == (1, [(1 << 63) - 1])


YEAR = 365 * 86_400 * S
TICKS = [T0 + n * S for n in range(40)]


def dues(times: list[int]) -> list[int]:
    """When each is due, seconds after what the replay begins with; of a run of a minute, a tick a second."""
    order = Order(times[: LOOK_FRAMES + 1], interval_ns=S, reach_ns=60 * S)
    found = [order.due(time, times[at + 1 : at + 1 + LOOK_FRAMES]) for at, time in enumerate(times)]
    return [(due - order.first) // S for due in found]


def test_times_that_agree_are_kept_and_never_go_back() -> None:
    assert dues(TICKS) == list(range(40))
    late = [*TICKS[:10], TICKS[4], TICKS[3], *TICKS[10:]]
    assert dues(late) == [*range(10), 9, 9, *range(10, 40)]
    quiet = [*TICKS[:10], *(time + 30 * S for time in TICKS[10:])]
    assert dues(quiet) == [*range(10), *range(40, 70)], "senders may pause"


@pytest.mark.parametrize("off", [-YEAR, -20 * S, 20 * S, YEAR])
@pytest.mark.parametrize("at", [1, 2, 20, 37, 38])
@pytest.mark.parametrize("count", [1, 2])
def test_a_wrong_clock_moves_nobody_else(off: int, at: int, count: int) -> None:
    times = [*TICKS[:at], *(TICKS[at] + off,) * count, *TICKS[at:]]
    found = dues(times)
    assert found[:at] + found[at + count :] == list(range(40))
    assert set(found[at : at + count]) == {at - 1}


@pytest.mark.parametrize("off", [-YEAR, 20 * S, YEAR])
def test_a_wrong_clock_at_either_end_does_not_tell_when_it_begins_or_ends(off: int) -> None:
    assert dues([T0 + off, T0 - 3 * YEAR, *TICKS]) == [0, 0, *range(40)]
    assert dues([*TICKS, TICKS[-1] + (YEAR if off > 0 else -YEAR)]) == [*range(40), 39]


def test_a_request_is_of_the_time_of_its_middle_point() -> None:
    assert time_of(request(T0, T0 + YEAR, T0 + 1, 0, T0 - YEAR)) == T0 + 1
    assert time_of(request(0)) == time_of(request()) == 0


def test_what_came_before_a_fault_is_read_before_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(*(request(time) for time in TICKS[:4])) + b"no json\n")
    reading = followed(Recording(tmp_path, "a.jsonl"), asyncio.Event())
    assert [next(reading)[1:] for _ in range(4)] == [(time, TICKS[at + 1 : 4]) for at, time in enumerate(TICKS[:4])]
    with pytest.raises(RecordingError, match="line 5"):
        next(reading)


def test_little_is_held_of_what_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_BYTES", 3 * len(lines(request(T0))))
    (tmp_path / "a.jsonl").write_bytes(lines(*map(request, TICKS)))
    found = list(followed(Recording(tmp_path, "a.jsonl"), asyncio.Event()))
    assert [time for _, time, _ in found] == TICKS
    assert max(len(following) for _, _, following in found) == 3
