"""What the SQLite store promises beyond the contract: restart, compaction, overflow, locks, failing disks."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from phoenix.store import compaction
from phoenix.store.compaction import Retention, target
from phoenix.store.errors import StoreClosed, StoreLocked, StoreUnusable, TooManyWrites, WriteFailed
from phoenix.store.interface import Compacted, Encode, EventType, KeyExists, StoreEvent
from phoenix.store.log import AppendLog
from phoenix.store.sqlite import SqliteStore, StoreSettings, open_store
from phoenix.store.watch import Watcher


def text(word: str) -> Encode:
    return lambda revision: f"{word}@{revision}".encode()


def keeping(events: int) -> StoreSettings:
    return StoreSettings(retention=Retention(min_events=0, max_events=events, check_s=3600))


async def churn(store: SqliteStore, writes: int, key: str = "a") -> None:
    """One key made and then changed."""
    record = store.get(key) or await store.create(key, text("x"))
    for _ in range(writes):
        record = await store.update(key, text("x"), expected_revision=record.revision)


async def one_by_one(writes: Iterable[Awaitable[object]]) -> None:
    for write in writes:
        await write


async def drain(stream: Watcher, until: int) -> list[StoreEvent]:
    events: list[StoreEvent] = []
    async with asyncio.timeout(5):
        async for batch in stream:
            events += batch
            if events[-1].revision >= until:
                break
    return events


async def test_everything_is_back_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    async with open_store(path) as store:
        await churn(store, 3)
        gone = await store.create("b", text("y"))
        await store.delete("b", text("end"), expected_revision=gone.revision)
        before = (store.revision, store.list(""), await drain(store.watch("", after_revision=0), 6))
    async with open_store(path) as store:
        assert (store.revision, store.list(""), await drain(store.watch("", after_revision=0), 6)) == before
        assert (await store.create("c", text("z"))).revision == 7


async def test_concurrent_writes_share_commits(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", StoreSettings(group_s=10.0)) as store:
        await asyncio.gather(*(store.create(f"k{n:03}", text("x")) for n in range(200)))
        statistics = store.statistics()
    assert (statistics.commit_rows, statistics.commit_groups) == (200, 1)
    assert statistics.commit_seconds > 0


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_writes_a_turn_apart_share_a_commit(tmp_path: Path) -> None:
    """As of clients that were answered together: their next requests are read one turn of the loop after another."""

    async def write(store: SqliteStore, number: int) -> None:
        await turns(number)
        await store.create(f"k{number}", text("x"))

    for gather_s, groups in ((10.0, 1), (0.0, 8)):
        async with open_store(tmp_path / f"{groups}.db", StoreSettings(gather_s=gather_s, group_s=10.0)) as store:
            await asyncio.gather(*(write(store, number) for number in range(8)))
            assert store.statistics().commit_groups == groups


async def test_a_write_alone_waits_for_nobody(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", StoreSettings(gather_s=10.0)) as store:
        writing = asyncio.ensure_future(store.create("k", text("x")))
        await turns(5)
        assert writing.done()


async def test_writers_without_end_do_not_put_a_commit_off_for_ever(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", StoreSettings(gather_s=0.01)) as store:
        writing = [asyncio.ensure_future(store.create("k0", text("x")))]
        until = asyncio.get_running_loop().time() + 5.0
        while not writing[0].done():
            assert asyncio.get_running_loop().time() < until
            writing.append(asyncio.ensure_future(store.create(f"k{len(writing)}", text("x"))))
            await asyncio.sleep(0)
        await asyncio.gather(*writing)


async def test_a_group_is_cut_by_rows_and_by_time(tmp_path: Path) -> None:
    for settings, groups in ((StoreSettings(group_s=10.0, group_rows=64), 4), (StoreSettings(group_s=0.0), 16)):
        async with open_store(tmp_path / f"{groups}.db", settings) as store:
            await asyncio.gather(*(store.create(f"k{n:03}", text("x")) for n in range(256)))
            assert store.statistics().commit_groups == groups


async def test_compaction_keeps_live_objects_and_the_tail(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    async with open_store(path, keeping(10)) as store:
        old = await store.create("old", text("never changed"))
        await churn(store, 300)
        gone = await store.create("gone", text("x"))
        await store.delete("gone", text("end"), expected_revision=gone.revision)
        await churn(store, 20, "b")
        await store.compact()
        statistics = store.statistics()
        assert (statistics.compacted_revision, statistics.revision) == (store.revision - 10, 325)
        assert statistics.compaction_batches > 1
        assert statistics.log_rows == 2 + 1 + 10  # old, a, b as of the floor, and ten events
        with pytest.raises(Compacted) as compacted:
            store.watch("", after_revision=statistics.compacted_revision - 1)
        assert compacted.value.oldest == statistics.compacted_revision
        tail = await drain(store.watch("", after_revision=compacted.value.oldest), store.revision)
        assert [event.revision for event in tail] == list(range(316, 326))
        assert tail[0].previous == b"x@315"
        listed = store.list("")
    async with open_store(path, keeping(10)) as store:
        assert store.list("") == listed
        assert store.get("old") == old
        assert await drain(store.watch("", after_revision=315), 325) == tail
        assert store.statistics().log_rows == statistics.log_rows


async def test_a_slow_disk_does_not_make_compaction_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(compaction, "time", SimpleNamespace(perf_counter=lambda: now_s))
    durable = AppendLog.commit

    def slowly(log: AppendLog) -> None:
        nonlocal now_s
        durable(log)
        now_s += 1.0

    async with open_store(tmp_path / "phoenix.db", keeping(10_000)) as store:
        await asyncio.gather(*(store.create(f"k{n}", text("x")) for n in range(1_000)))
    monkeypatch.setattr(AppendLog, "commit", slowly)
    async with open_store(tmp_path / "phoenix.db", keeping(10)) as store:
        await store.compact()
        statistics = store.statistics()
        assert store.revision - statistics.compacted_revision == 10
        assert statistics.compaction_batches <= 4, "100, 200, 400, and the rest"


async def test_compaction_of_everything_keeps_the_revision(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    async with open_store(path, keeping(0)) as store:
        made = await store.create("a", text("x"))
        await store.delete("a", text("x"), expected_revision=made.revision)
        await store.compact()
        assert store.statistics().log_rows == 0
        store.watch("", after_revision=store.revision).close()
    async with open_store(path) as store:
        assert store.revision == 2
        assert (await store.create("a", text("x"))).revision == 3


async def test_compaction_starts_by_itself_when_much_is_kept(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", keeping(20)) as store:
        await churn(store, 100)
        async with asyncio.timeout(5):
            while store.revision - store.statistics().compacted_revision > 25:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_watcher_misses_nothing_while_compaction_runs(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", keeping(5)) as store:
        stream = store.watch("", after_revision=0)
        await churn(store, 99)
        await store.compact()
        assert [event.revision for event in await drain(stream, 100)] == list(range(1, 101))


@pytest.mark.parametrize(
    ("retention", "now", "expected"),
    [
        (Retention(min_events=10, max_events=100, max_age_s=1e9), 1000, 900),  # by count
        (Retention(min_events=10, max_events=10_000, max_age_s=100), 1000, 800),  # by age: 800 was written at 880
        (Retention(min_events=500, max_events=10, max_age_s=0), 1000, 500),  # the least tail stays
        (Retention(min_events=10, max_events=10_000, max_age_s=1e9), 1000, 0),  # nothing may go
        (Retention(min_events=0, max_events=0, max_age_s=0), 10_000, 1000),  # never beyond the current one
    ],
)
def test_what_compaction_may_forget(retention: Retention, now: float, expected: int) -> None:
    marks = [(500, 700), (800, 880), (1000, 990)]
    assert target(retention, 1000, marks, now) == expected


async def test_a_slow_watcher_overflows_and_others_go_on(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", StoreSettings(max_watch_events=50)) as store:
        slow, quick = store.watch("", after_revision=0), store.watch("", after_revision=0)
        reading = asyncio.ensure_future(drain(quick, 100))
        for n in range(100):
            await store.create(f"k{n}", text("x"))
        assert len(await reading) == 100
        assert [batch async for batch in slow] == []
        assert slow.overflowed
        assert not quick.overflowed
        statistics = store.statistics()
        assert (statistics.overflowed_watchers, statistics.watchers) == (1, 1)


async def test_history_does_not_count_as_overflow(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", StoreSettings(max_watch_events=5)) as store:
        await churn(store, 99)
        stream = store.watch("", after_revision=0)
        await store.create("b", text("x"))
        assert len(await drain(stream, 101)) == 101
        assert not stream.overflowed


async def test_many_watchers_share_one_batch(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", StoreSettings(group_s=10.0)) as store:
        streams = [store.watch("k", after_revision=0) for _ in range(100)]
        readers = [asyncio.ensure_future(anext(aiter(stream))) for stream in streams]
        await asyncio.gather(*(store.create(f"k{n}", text("x")) for n in range(50)))
        batches = await asyncio.gather(*readers)
        assert {id(batch) for batch in batches} == {id(batches[0])}, "one tuple for all, made once"
        assert len(batches[0]) == 50
        for stream in streams:
            stream.close()
        assert store.statistics().watchers == 0


async def test_a_second_opening_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    async with open_store(path):
        with pytest.raises(StoreLocked, match="already open in this process"):
            await open_store(path).open()
    async with open_store(path):
        pass  # the refused opening left nothing behind


async def test_foreign_newer_and_damaged_files_are_refused(tmp_path: Path) -> None:
    foreign, newer, damaged = tmp_path / "foreign.db", tmp_path / "newer.db", tmp_path / "damaged.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    async with open_store(newer) as store:
        await churn(store, 3)
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    damaged.write_bytes(b"this is no database" * 1000)
    for path, reason in ((foreign, "not a Phoenix store"), (newer, "newer Phoenix"), (damaged, "not a database")):
        with pytest.raises(StoreUnusable, match=reason):
            await open_store(path).open()
    with pytest.raises(StoreUnusable, match="folder exists"):
        await open_store(tmp_path / "nowhere" / "phoenix.db").open()


async def test_a_log_with_a_hole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    async with open_store(path) as store:
        await churn(store, 5)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM log WHERE revision = 3")
    connection.close()
    with pytest.raises(StoreUnusable, match="revision 3 is missing"):
        await open_store(path).open()


async def test_a_full_disk_fails_writes_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    big = b"x" * 100_000
    async with open_store(path, StoreSettings(max_file_bytes=500_000)) as store:
        await store.create("a", text("x"))
        stream = store.watch("", after_revision=1)
        filling = (store.create(f"big{n}", lambda _: big) for n in range(100))
        with pytest.raises(WriteFailed, match=r"phoenix\.db could not be written.*full.*free space"):
            await one_by_one(filling)
        held = store.revision
        results = await asyncio.gather(
            *(store.create(f"more{n}", lambda _: big) for n in range(5)),
            store.create("a", text("y")),
            return_exceptions=True,
        )
        assert all(isinstance(result, WriteFailed | KeyExists) for result in results)
        assert store.revision == held
        assert store.get("a") is not None
        assert store.statistics().failed_groups >= 2
        assert [event.revision for event in await drain(stream, held)] == list(range(2, held + 1))
    async with open_store(path) as store:
        assert store.revision == held, "failed writes are not there after a restart"
        assert (await store.create("room again", lambda _: big)).revision == held + 1


async def test_a_disk_that_turns_read_only_fails_writes_until_it_recovers(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db") as store:
        await store.create("a", text("x"))
        store._log.connection.execute("PRAGMA query_only=ON")
        with pytest.raises(WriteFailed, match="readonly"):
            await store.create("b", text("x"))
        store._log.connection.execute("PRAGMA query_only=OFF")
        assert (await store.create("b", text("x"))).revision == 2


async def test_a_writer_from_outside_makes_writes_fail_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    async with open_store(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(5):
            with pytest.raises(WriteFailed, match="locked"):
                await store.create("a", text("x"))
        other.execute("ROLLBACK")
        other.close()
        assert (await store.create("a", text("x"))).revision == 1


async def test_the_queue_of_writes_is_bounded(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db", StoreSettings(max_pending_writes=3)) as store:
        results = await asyncio.gather(*(store.create(f"k{n}", text("x")) for n in range(5)), return_exceptions=True)
        assert [type(result) for result in results[3:]] == [TooManyWrites] * 2
        assert store.revision == 3


async def test_close_commits_what_waits_and_ends_watchers(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    store = open_store(path)
    await store.open()
    stream = store.watch("", after_revision=0)
    writing = [asyncio.ensure_future(store.create(f"k{n}", text("x"))) for n in range(10)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    assert [record.revision for record in await asyncio.gather(*writing)] == list(range(1, 11))
    assert sum([len(batch) async for batch in stream]) == 10
    assert not stream.overflowed
    with pytest.raises(StoreClosed):
        await store.create("late", text("x"))
    with pytest.raises(StoreClosed):
        store.watch("", after_revision=0)
    async with open_store(path) as again:
        assert again.revision == 10


async def test_encode_must_give_bytes(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db") as store:
        with pytest.raises(TypeError, match="str"):
            await store.create("a", lambda _: "text")  # type: ignore[arg-type, return-value]
        with pytest.raises(WriteFailed):
            await store.create("\ud800", text("a key that is not Unicode"))
        assert (await store.create("a", text("x"))).revision == 1


async def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    async with open_store(tmp_path / "phoenix.db") as store:
        await churn(store, 1)
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("phoenix.db", "phoenix.db-wal", "phoenix.db-shm", "phoenix.db.lock"), "0o600")


async def test_events_of_a_deletion_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    async with open_store(path) as store:
        made = await store.create("a", text("x"))
        await store.delete("a", text("end"), expected_revision=made.revision)
    async with open_store(path) as store:
        assert (await drain(store.watch("", after_revision=1), 2))[0] == StoreEvent(
            EventType.DELETED, "a", b"end@2", 2, b"x@1"
        )
