"""The samples storage on a real file."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phoenix.samples.errors import SamplesOverloaded, SamplesUnavailable
from phoenix.samples.model import ContributionRow, InputSample, OutputSample, ProcessSample, SampleBatch, SampleKind
from phoenix.samples.retention import keep_pruned
from phoenix.samples.storage import SampleStore
from tests.harness.eventually import eventually

S = 1_000_000_000


def output(window: int = 0, *, run: int = 1, variant: str = "baseline", instance: str = "a") -> OutputSample:
    return OutputSample(
        run=run, host="h", variant=variant, window_start=window * 2 * S, window_end=(window + 1) * 2 * S,
        instance=instance, points=10, samples=20, bytes=300, requests=2, duplicates=0, late_points=0, max_lag_s=0.25,
        streams=5, active_series=9, streams_by_last_window=[(window * 2 * S, 5)], active_series_by_last_window=[],
        signals={"rps": {"route=/a": 1.5}}, contributions=[ContributionRow(metric="m", series=3)],
    )  # fmt: skip


def given(window: int = 0) -> InputSample:
    return InputSample(
        run=1, variant="baseline", window_start=window * 2 * S, window_end=(window + 1) * 2 * S, instance="g", ticks=2,
        planned_points=10, sent_points=10, acked_points=10, requests=2, sent_first=1, bytes=300, digest="00",
    )  # fmt: skip


def process(window: int = 0) -> ProcessSample:
    return ProcessSample(
        run=1, variant="baseline", window_start=window * 2 * S, window_end=(window + 1) * 2 * S, instance="p",
        read_at=2 * S, cpu_seconds=0.5,
    )  # fmt: skip


@pytest.fixture
async def samples(tmp_path: Path) -> AsyncIterator[SampleStore]:
    async with SampleStore(tmp_path / "samples.db") as opened:
        yield opened


async def test_what_is_added_comes_back_equal_and_in_window_order(samples: SampleStore) -> None:
    wanted = [given(0), output(0), process(0), output(1)]
    assert await samples.add("default", "x", [output(1), process(0), output(0), given(0)]) == 4
    assert list(await samples.list("default", "x", 1)) == wanted


async def test_reporting_twice_changes_nothing(samples: SampleStore) -> None:
    assert await samples.add("default", "x", [output(0), output(0)]) == 1
    changed = output(0).model_copy(update={"points": 99})
    assert await samples.add("default", "x", [changed, output(1)]) == 1
    assert [sample.points for sample in await samples.list("default", "x", 1) if sample.kind == "Output"] == [10, 10]
    statistics = samples.statistics()
    assert (statistics.rows, statistics.new, statistics.known, statistics.queued) == (2, 2, 2, 0)


async def test_each_part_of_the_key_counts(samples: SampleStore) -> None:
    differing = [output(0), output(1), output(run=2), output(variant="lean"), output(instance="b"), given(0)]
    assert await samples.add("default", "x", differing) == 6
    assert await samples.add("default", "y", differing) == 6
    assert await samples.add("other", "x", differing) == 6


async def test_list_filters_by_run_kind_and_since(samples: SampleStore) -> None:
    await samples.add("default", "x", [output(0), output(1), output(2), output(1, run=2), given(1)])
    assert list(await samples.list("default", "x", 1, SampleKind.OUTPUT, since=2 * S)) == [output(1), output(2)]
    assert list(await samples.list("default", "x", 2)) == [output(1, run=2)]
    assert list(await samples.list("default", "nobody", 1)) == []


async def test_json_is_a_batch_as_the_api_gives_it(samples: SampleStore) -> None:
    await samples.add("default", "x", [output(0), given(0)])
    encoded = await samples.list_json("default", "x", 1)
    assert SampleBatch.model_validate_json(encoded).samples == [given(0), output(0)]
    assert b'"windowStart":0' in encoded
    assert await samples.list_json("default", "x", 9) == b'{"samples":[]}'


async def test_delete_takes_one_experiment_only(samples: SampleStore) -> None:
    await samples.add("default", "x", [output(0), given(0)])
    await samples.add("default", "y", [output(0)])
    assert await samples.delete_experiment("default", "x") == 2
    assert await samples.delete_experiment("default", "x") == 0
    assert list(await samples.experiments()) == [("default", "y")]
    assert samples.statistics().rows == 1


async def test_prune_takes_windows_that_ended_before(samples: SampleStore) -> None:
    await samples.add("default", "x", [output(window) for window in range(3000)])
    assert await samples.prune(ended_before=2 * 2900 * S) == 2899
    kept = await samples.list("default", "x", 1)
    assert (len(kept), kept[0].window_end) == (101, 2 * 2900 * S)


async def test_old_samples_are_removed_again_and_again(samples: SampleStore) -> None:
    task = asyncio.create_task(keep_pruned(samples, keep_s=60, every_s=0.01))
    try:
        for _ in range(2):
            assert await samples.add("default", "x", [output(0)]) == 1

            async def rows() -> int:
                return samples.statistics().rows

            await eventually(rows, lambda left: left == 0, within_s=60, what="the old sample is gone")
    finally:
        task.cancel()


async def test_samples_survive_a_restart(tmp_path: Path) -> None:
    for expected_new in (1, 0):
        async with SampleStore(tmp_path / "samples.db") as samples:
            assert await samples.add("default", "x", [output(0)]) == expected_new
            assert samples.statistics().rows == 1


async def test_many_reporters_share_transactions(samples: SampleStore) -> None:
    added = await asyncio.gather(
        *(samples.add("default", "x", [output(window, instance=str(n))]) for n in range(10) for window in range(50))
    )
    assert sum(added) == 500
    assert samples.statistics().groups < 100


async def test_close_writes_what_waits(tmp_path: Path) -> None:
    samples = SampleStore(tmp_path / "samples.db")
    await samples.open()
    adding = [asyncio.ensure_future(samples.add("default", "x", [output(window)])) for window in range(300)]
    await asyncio.sleep(0)
    await samples.close()
    await samples.close()
    assert sum(await asyncio.gather(*adding)) == 300


async def test_a_full_queue_refuses_and_says_so(tmp_path: Path) -> None:
    async with SampleStore(tmp_path / "samples.db", max_queued=10) as samples:
        first = asyncio.ensure_future(samples.add("default", "x", [output(window) for window in range(10)]))
        await asyncio.sleep(0)
        with pytest.raises(SamplesOverloaded, match="try again"):
            await samples.add("default", "x", [output(11)])
        assert await first == 10
        assert await samples.add("default", "x", [output(11)]) == 1
        assert samples.statistics().refused == 1


async def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "samples.db"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(SamplesUnavailable, match=r"samples\.db"):
        await SampleStore(path).open()


async def test_a_write_that_fails_reaches_its_caller_and_the_storage_goes_on(
    samples: SampleStore, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "samples.db", isolation_level=None)
    other.execute("CREATE TRIGGER full BEFORE INSERT ON samples BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(SamplesUnavailable, match="disk is full"):
        await samples.add("default", "x", [output(0)])
    other.execute("DROP TRIGGER full")
    other.close()
    assert await samples.add("default", "x", [output(0)]) == 1


async def test_closed_storage_refuses(tmp_path: Path) -> None:
    with pytest.raises(SamplesUnavailable, match="not open"):
        await SampleStore(tmp_path / "samples.db").list("default", "x", 1)
