"""What every store must do, whoever wrote it. To add a store: a parameter of `opened`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phoenix.store.interface import (
    Encode,
    EventType,
    FutureRevision,
    KeyExists,
    KeyNotFound,
    RevisionConflict,
    Store,
    StoreEvent,
    WatchStream,
)
from phoenix.store.sqlite import open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "phoenix.db") as opened:
        yield opened


def text(word: str) -> Encode:
    return lambda revision: f"{word}@{revision}".encode()


async def take(stream: WatchStream, count: int) -> list[StoreEvent]:
    events: list[StoreEvent] = []
    async with asyncio.timeout(40):
        async for batch in stream:
            assert batch, "a batch is never empty"
            events += batch
            if len(events) >= count:
                break
    assert len(events) == count
    return events


async def test_a_new_store_is_empty_at_revision_zero(store: Store) -> None:
    assert (store.revision, store.get("a"), list(store.list(""))) == (0, None, [])


async def test_create_update_delete_take_consecutive_revisions(store: Store) -> None:
    made = await store.create("a", text("one"))
    assert (made.revision, made.created_revision, made.value) == (1, 1, b"one@1")
    changed = await store.update("a", text("two"), expected_revision=1)
    assert (changed.revision, changed.created_revision) == (2, 1)
    assert store.get("a") == changed
    gone = await store.delete("a", text("end"), expected_revision=2)
    assert (gone.revision, gone.value) == (3, b"end@3")
    assert store.get("a") is None
    again = await store.create("a", text("new"))
    assert (again.revision, again.created_revision) == (4, 4)


async def test_refusals_change_nothing(store: Store) -> None:
    await store.create("a", text("one"))
    with pytest.raises(KeyExists):
        await store.create("a", text("two"))
    with pytest.raises(KeyNotFound):
        await store.update("b", text("two"), expected_revision=1)
    with pytest.raises(KeyNotFound):
        await store.delete("b", text("two"), expected_revision=1)
    with pytest.raises(RevisionConflict) as conflict:
        await store.update("a", text("two"), expected_revision=7)
    assert conflict.value.current == store.get("a")
    with pytest.raises(RevisionConflict):
        await store.delete("a", text("two"), expected_revision=7)
    assert store.revision == 1


async def test_an_encode_that_raises_fails_only_its_own_write(store: Store) -> None:
    def broken(revision: int) -> bytes:
        raise LookupError(revision)

    results = await asyncio.gather(
        store.create("a", text("a")), store.create("b", broken), store.create("c", text("c")), return_exceptions=True
    )
    assert isinstance(results[1], LookupError)
    assert [record.key for record in store.list("")] == ["a", "c"]
    assert store.revision == 2


async def test_of_many_rivals_for_one_revision_one_wins(store: Store) -> None:
    await store.create("a", text("zero"))
    results = await asyncio.gather(
        *(store.update("a", text(str(n)), expected_revision=1) for n in range(20)), return_exceptions=True
    )
    assert sum(isinstance(result, RevisionConflict) for result in results) == 19
    assert store.revision == 2


async def test_list_is_by_prefix_and_in_key_order(store: Store) -> None:
    for key in ("b/2", "a/9", "b/1", "b", "b0", "b/\U0010ffff/x", "c/1"):
        await store.create(key, text(key))
    assert [record.key for record in store.list("b/")] == ["b/1", "b/2", "b/\U0010ffff/x"]
    assert [record.key for record in store.list("")] == sorted(
        ("b/2", "a/9", "b/1", "b", "b0", "b/\U0010ffff/x", "c/1")
    )
    assert list(store.list("d")) == []


async def test_watch_gives_history_then_live_each_once_in_order(store: Store) -> None:
    for n in range(5):
        await store.create(f"a/{n}", text("x"))
    stream = store.watch("a/", after_revision=2)
    writing = asyncio.gather(*(store.create(f"a/{n}", text("x")) for n in range(5, 50)))
    events = await take(stream, 48)
    await writing
    assert [event.revision for event in events] == list(range(3, 51))
    stream.close()


async def test_a_watch_opened_between_commit_and_delivery_sees_no_event_twice(store: Store) -> None:
    first = store.watch("", after_revision=0)
    await store.create("a", text("x"))  # committed; perhaps not handed to `first` yet
    second = store.watch("", after_revision=0)
    third = store.watch("", after_revision=1)
    await store.create("b", text("x"))
    assert [event.revision for event in await take(first, 2)] == [1, 2]
    assert [event.revision for event in await take(second, 2)] == [1, 2]
    assert [event.revision for event in await take(third, 1)] == [2]


async def test_events_carry_type_value_and_previous(store: Store) -> None:
    stream = store.watch("a", after_revision=0)
    await store.create("b", text("other"))
    await store.create("a", text("one"))
    await store.update("a", text("two"), expected_revision=2)
    await store.delete("a", text("end"), expected_revision=3)
    events = [
        StoreEvent(EventType.ADDED, "a", b"one@2", 2, None),
        StoreEvent(EventType.MODIFIED, "a", b"two@3", 3, b"one@2"),
        StoreEvent(EventType.DELETED, "a", b"end@4", 4, b"two@3"),
    ]
    assert await take(stream, 3) == events
    assert list(store.history("a", after_revision=0)) == events
    assert list(store.history("a", after_revision=2)) == events[1:]
    assert list(store.history("", after_revision=4)) == []
    with pytest.raises(FutureRevision):
        store.history("", after_revision=5)


async def test_a_cancelled_wait_loses_no_event(store: Store) -> None:
    stream = store.watch("", after_revision=0)
    for n in range(3):
        waiting = asyncio.ensure_future(anext(aiter(stream)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await store.create(str(n), text("x"))
        assert [event.revision for event in await take(stream, 1)] == [n + 1]


async def test_close_ends_iteration_and_may_come_twice(store: Store) -> None:
    stream = store.watch("", after_revision=0)
    waiting = asyncio.ensure_future(anext(aiter(stream)))
    await asyncio.sleep(0)
    stream.close()
    stream.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert stream.overflowed is False


async def test_the_future_cannot_be_watched_and_now_always_can(store: Store) -> None:
    await store.create("a", text("x"))
    with pytest.raises(FutureRevision):
        store.watch("", after_revision=2)
    store.watch("", after_revision=store.revision).close()


async def test_a_cancelled_write_happens_whole_or_not_at_all(store: Store) -> None:
    writing = [asyncio.ensure_future(store.create(f"k{n}", text("x"))) for n in range(10)]
    await asyncio.sleep(0)
    for task in writing[::2]:
        task.cancel()
    await asyncio.wait(writing)
    listed = store.list("k")
    assert {f"k{n}" for n in range(1, 10, 2)} <= {record.key for record in listed}
    assert sorted(record.revision for record in listed) == list(range(1, store.revision + 1))
