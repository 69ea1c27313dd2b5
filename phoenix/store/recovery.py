"""From the log back to memory: live records, kept events, and when they were written."""

from __future__ import annotations

from dataclasses import dataclass

from phoenix.store.errors import StoreUnusable
from phoenix.store.interface import EventType, Record, StoreEvent
from phoenix.store.log import AppendLog


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the log holds. `marks` are (revision, Unix seconds written), one per second that had writes."""

    records: dict[str, Record]
    events: list[StoreEvent]
    floor: int
    log_rows: int
    marks: list[tuple[int, int]]


def recover(log: AppendLog) -> Recovered:
    """Replay every kept row. Raises StoreUnusable where a revision after the floor is missing."""
    floor, log_rows = log.floor(), 0
    records: dict[str, Record] = {}
    events: list[StoreEvent] = []
    marks: list[tuple[int, int]] = []
    for row in log.rows():
        log_rows += 1
        before = records.pop(row.key, None)
        if row.type != EventType.DELETED:
            records[row.key] = Record(row.key, row.value, row.revision, row.created_revision)
        if row.revision <= floor:
            continue
        if row.revision != floor + len(events) + 1:
            msg = f"revision {floor + len(events) + 1} is missing from the log: restore the store from a copy"
            raise StoreUnusable(msg)
        events.append(StoreEvent(row.type, row.key, row.value, row.revision, before.value if before else None))
        if marks and marks[-1][1] >= row.written_at:
            marks[-1] = (row.revision, marks[-1][1])
        else:
            marks.append((row.revision, row.written_at))
    return Recovered(records, events, floor, log_rows, marks)
