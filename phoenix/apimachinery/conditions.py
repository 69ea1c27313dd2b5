"""Conditions: what is true of an object, since when, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import Field

from phoenix.apimachinery.model import Model


class ConditionStatus(StrEnum):
    """Unknown is an honest answer: no data is a state, not a no."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One observation about an object."""

    type: str = Field(description="PascalCase name, such as Ready")
    status: ConditionStatus = Field(description="True, False or Unknown")
    reason: str = Field(default="", description="PascalCase word for programs")
    message: str = Field(default="", description="for people: what is so, and the next step")
    last_transition_time: str = Field(default="", description="RFC 3339 UTC when status last changed")
    observed_generation: int = Field(default=0, description="metadata.generation it was set for")


def timestamp(now: datetime) -> str:
    """RFC 3339 UTC with seconds, as Kubernetes writes times."""
    if now.tzinfo is UTC:
        return now.isoformat(timespec="seconds")[:-6] + "Z"
    return now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def micro_timestamp(now: datetime) -> str:
    """RFC 3339 UTC with microseconds (Kubernetes MicroTime)."""
    return now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_timestamp(text: str) -> datetime:
    """An RFC 3339 time as aware UTC. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def find_condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of this type, or None where nothing is known yet."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether the condition is there and True."""
    condition = find_condition(conditions, type_)
    return condition is not None and condition.status == ConditionStatus.TRUE


def set_condition(
    conditions: list[Condition],
    type_: str,
    status: ConditionStatus | bool,
    reason: str,
    message: str,
    *,
    now: datetime,
    generation: int = 0,
) -> list[Condition]:
    """A new list with this condition set; the transition time moves only when the status does."""
    wanted = ConditionStatus(str(status)) if isinstance(status, bool) else status
    old = find_condition(conditions, type_)
    moved = old is None or old.status != wanted
    new = Condition(
        type=type_,
        status=wanted,
        reason=reason,
        message=message,
        last_transition_time=timestamp(now) if moved or old is None else old.last_transition_time,
        observed_generation=generation,
    )
    if old is None:
        return [*conditions, new]
    return [new if condition.type == type_ else condition for condition in conditions]
