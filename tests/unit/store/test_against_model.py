"""Any sequence of operations leaves the store and a plain dict in agreement, restarts and compaction included."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoenix.store.compaction import Retention
from phoenix.store.interface import KeyExists, KeyNotFound, RevisionConflict, StoreError
from phoenix.store.sqlite import SqliteStore, StoreSettings, open_store

KEYS = st.sampled_from(["a", "a/1", "a/2", "b", "b/1", "é"])
WRITES = st.tuples(st.sampled_from(["create", "update", "delete"]), KEYS, st.booleans())
STEPS = st.one_of(
    st.lists(WRITES, min_size=1, max_size=6),  # writes at once: they share a group
    st.just("restart"),
    st.just("compact"),
)
SETTINGS = StoreSettings(retention=Retention(min_events=2, max_events=4, check_s=3600))


class Model:
    """The naive store."""

    def __init__(self) -> None:
        self.live: dict[str, tuple[int, int, bytes]] = {}  # key → revision, created revision, value
        self.history: list[tuple[int, str, str, bytes, bytes | None]] = []

    def write(self, verb: str, key: str, expected: int) -> type[StoreError] | None:
        current = self.live.get(key)
        if verb == "create" and current is not None:
            return KeyExists
        if verb != "create" and current is None:
            return KeyNotFound
        if verb != "create" and current is not None and current[0] != expected:
            return RevisionConflict
        revision = len(self.history) + 1
        value = b"%s@%d" % (verb.encode(), revision)
        kind = {"create": "ADDED", "update": "MODIFIED", "delete": "DELETED"}[verb]
        self.history.append((revision, kind, key, value, current[2] if current else None))
        if verb == "delete":
            del self.live[key]
        else:
            self.live[key] = (revision, current[1] if current else revision, value)
        return None


async def write(store: SqliteStore, verb: str, key: str, expected: int) -> type[BaseException] | None:
    def encode(revision: int) -> bytes:
        return b"%s@%d" % (verb.encode(), revision)

    try:
        if verb == "create":
            await store.create(key, encode)
        elif verb == "update":
            await store.update(key, encode, expected_revision=expected)
        else:
            await store.delete(key, encode, expected_revision=expected)
    except StoreError as error:
        return type(error)
    return None


async def check(store: SqliteStore, model: Model) -> None:
    for prefix in ("", "a", "a/", "b/", "é", "zz"):
        assert [(r.key, r.revision, r.created_revision, r.value) for r in store.list(prefix)] == [
            (key, *model.live[key]) for key in sorted(model.live) if key.startswith(prefix)
        ]
    assert store.revision == len(model.history)
    floor = store.statistics().compacted_revision
    for prefix in ("", "a/"):
        stream = store.watch(prefix, after_revision=floor)
        stream._group.leave(stream)
        stream.end()  # what is there now, then the end
        seen = [(e.revision, e.type.value, e.key, e.value, e.previous) async for batch in stream for e in batch]
        assert seen == [event for event in model.history[floor:] if event[2].startswith(prefix)]


async def play(path: Path, steps: list[list[tuple[str, str, bool]] | str]) -> None:
    model, store = Model(), open_store(path, SETTINGS)
    await store.open()
    live = store.watch("", after_revision=0)
    live_seen = 0
    try:
        for step in steps:
            if step == "restart":
                await store.close()
                live_seen += sum([len(batch) async for batch in live])
                store = open_store(path, SETTINGS)
                await store.open()
                live = store.watch("", after_revision=store.revision)
            elif step == "compact":
                await store.compact()
            else:
                assert not isinstance(step, str)
                # A write that should conflict asks for revision 0; the others for what is there before the group.
                asked = [(verb, key, model.live.get(key, (0,))[0] if sound else 0) for verb, key, sound in step]
                outcomes = await asyncio.gather(*(write(store, *one) for one in asked))
                assert outcomes == [model.write(*one) for one in asked]
            await check(store, model)
    finally:
        await store.close()
    live_seen += sum([len(batch) async for batch in live])
    assert live_seen == len(model.history)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=12))
def test_store_agrees_with_a_dict(steps: list[list[tuple[str, str, bool]] | str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder) / "phoenix.db", steps))
