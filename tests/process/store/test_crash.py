"""kill -9 at any moment loses no acknowledged write; two processes never share a store."""

import subprocess
import sys
from pathlib import Path

import pytest

from phoenix.store.errors import StoreLocked
from phoenix.store.interface import EventType
from phoenix.store.sqlite import SqliteStore, open_store

pytestmark = pytest.mark.process
CHILD = Path(__file__).with_name("child_writer.py")


def start(path: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, str(CHILD), str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"open 0\n"
    return child


def kill_after(child: subprocess.Popen[bytes], lines: int) -> list[tuple[str, int]]:
    """Read so many acknowledgements, kill the child, and return all it wrote until then."""
    assert child.stdout is not None
    text = b"".join(child.stdout.readline() for _ in range(lines))
    child.kill()
    text += child.stdout.read()
    child.stdout.close()
    child.wait(10)
    whole = text[: text.rfind(b"\n") + 1].decode().splitlines()
    return [(key, int(revision)) for key, revision in (line.split() for line in whole)]


async def deleted_after(store: SqliteStore, revision: int) -> set[str]:
    """Keys deleted by the few writes that no acknowledgement was read of."""
    if revision == store.revision:
        return set()
    stream = store.watch("", after_revision=revision)
    events = await anext(aiter(stream))
    stream.close()
    return {event.key for event in events if event.type == EventType.DELETED}


async def test_no_acknowledged_write_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    acknowledged: dict[str, int] = {}
    highest = 0
    for lines in (1, 37, 400, 1500):  # the last ones while compaction runs
        for key, revision in kill_after(start(path), lines):
            name = key.removeprefix("-")
            if revision > abs(acknowledged.get(name, 0)):
                acknowledged[name] = -revision if key.startswith("-") else revision
            highest = max(highest, revision)
        async with open_store(path) as store:  # opening checks that no revision is missing
            assert store.revision >= highest
            for name, revision in acknowledged.items():
                record = store.get(name)
                if record is None:
                    # Rightly gone: an acknowledged deletion, or one that was durable but not yet acknowledged.
                    assert revision < 0 or name in await deleted_after(store, highest), f"{name}@{revision} is gone"
                else:
                    assert record.revision >= abs(revision)
                    assert record.value.startswith(f"{name.split('/')[0]} {record.revision}".encode())
    assert highest > 1000


async def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "phoenix.db"
    child = start(path)
    try:
        with pytest.raises(StoreLocked, match=f"process {child.pid}"):
            await open_store(path).open()
    finally:
        kill_after(child, 1)
    async with open_store(path) as store:
        assert store.revision > 0
