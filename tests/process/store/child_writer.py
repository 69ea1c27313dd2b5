"""Writes without end and says on stdout what was acknowledged: `KEY REVISION`. Run by test_crash.py."""

import asyncio
import os
import sys

from phoenix.store.compaction import Retention
from phoenix.store.sqlite import SqliteStore, StoreSettings, open_store


def acknowledge(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def write(store: SqliteStore, name: str) -> None:
    for number in range(1_000_000):
        key = f"{name}/{number % 7}"
        current = store.get(key)
        if current is None:
            record = await store.create(key, lambda revision: f"{name} {revision}".encode() * 50)
        elif number % 5 == 4:
            record = await store.delete(key, lambda _: b"end", expected_revision=current.revision)
            acknowledge(f"-{key} {record.revision}")
            continue
        else:
            record = await store.update(
                key, lambda revision: f"{name} {revision}".encode() * 50, expected_revision=current.revision
            )
        acknowledge(f"{key} {record.revision}")


async def main(path: str) -> None:
    settings = StoreSettings(retention=Retention(min_events=50, max_events=200, check_s=0.01))
    async with open_store(path, settings) as store, asyncio.TaskGroup() as tasks:
        acknowledge("open 0")
        for number in range(10):
            tasks.create_task(write(store, f"w{number}"))


asyncio.run(main(sys.argv[1]))
