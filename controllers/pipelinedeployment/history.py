"""Rollout history as data: records are marked, never edited in place. Pure."""

from __future__ import annotations

from datetime import datetime

from phoenix.api.pipeline import PipelineRevision, RevisionOutcome, RevisionRecord
from phoenix.apimachinery.conditions import micro_timestamp


def record_for(history: tuple[RevisionRecord, ...], revision: int) -> RevisionRecord | None:
    """The line of this revision, or None."""
    return next((record for record in history if record.revision == revision), None)


def started(
    history: tuple[RevisionRecord, ...], revision: PipelineRevision, config_hash: str, now: datetime
) -> tuple[RevisionRecord, ...]:
    """History with a line for this revision; a line that is there stays as it is."""
    if record_for(history, revision.spec.revision) is not None:
        return history
    record = RevisionRecord(
        revision=revision.spec.revision,
        name=revision.metadata.name,
        pipeline_hash=revision.spec.pipeline_hash,
        config_hash=config_hash,
        deployed_at=micro_timestamp(now),
    )
    return (*history, record)


def replaced(history: tuple[RevisionRecord, ...], newest: int) -> tuple[RevisionRecord, ...]:
    """History in which only the newest revision may still be in progress."""
    for record in history:
        if record.revision != newest and record.outcome == RevisionOutcome.PROGRESSING:
            reason = f"replaced by revision {newest} before it was judged"
            history = mark(history, record.revision, RevisionOutcome.SUPERSEDED, reason)
    return history


def mark(
    history: tuple[RevisionRecord, ...], revision: int, outcome: RevisionOutcome, reason: str
) -> tuple[RevisionRecord, ...]:
    """History with this revision's outcome set."""
    return tuple(
        record.model_copy(update={"outcome": outcome, "reason": reason}) if record.revision == revision else record
        for record in history
    )
