"""Events: what happened to an object, for people and programs, as core/v1 Event objects.

From reconcilers and agents, to whoever lists, describes or watches. `record` awaits the write, so that events of one
caller have revisions in the order they were recorded.
"""

from __future__ import annotations

from collections.abc import Mapping

import xxhash

from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.api.core import Event, EventSource
from phoenix.apimachinery.conditions import micro_timestamp, timestamp
from phoenix.apimachinery.errors import AlreadyExists, Conflict, Forbidden, NotFound
from phoenix.apimachinery.meta import ObjectMeta, ObjectReference, Resource
from phoenix.client.interface import Client
from phoenix.runtime.metrics import EVENTS

DATA_PREFIX = "phoenix.io/data."
NORMAL, WARNING = "Normal", "Warning"
_MAX_MESSAGE_CHARS = 1024
_NAME_CHARS = 63
_ATTEMPTS = 5


class EventRecorder:
    """Records events as `component`.

    An event's name is made from what it says (object, reason, message, type, data): the same event again, also after a
    restart, raises its count and last time instead of making another.
    """

    def __init__(self, client: Client, component: str, *, host: str = "", clock: Clock = SYSTEM_CLOCK) -> None:
        self._client = client
        self._component = component
        self._host = host
        self._clock = clock

    async def record(
        self,
        obj: Resource,
        reason: str,
        message: str,
        *,
        type_: str = NORMAL,
        data: Mapping[str, str | float] | None = None,
    ) -> Event:
        """Write an event and return it as stored.

        In a namespace that is being deleted nothing is written, and the event is returned as it would have been: it
        would go with the namespace, and what ends there must not wait for it.

        Args:
            obj: what it happened to; needs its uid.
            reason: PascalCase word for programs.
            message: for people; cut at 1024 characters.
            type_: Normal or Warning.
            data: becomes annotations `phoenix.io/data.KEY`; numbers as their shortest text.

        Raises:
            ApiError: the event was not written.
        """
        event = self._event(obj, reason, message[:_MAX_MESSAGE_CHARS], type_, data or {})
        for _ in range(_ATTEMPTS):
            try:
                stored = await self._client.create(event)
            except AlreadyExists:
                counted = await self._count(event)
                if counted is None:
                    continue
                stored = counted
            except Forbidden as refused:
                if any(cause.reason == "NamespaceTerminating" for cause in refused.causes):
                    return event
                raise
            EVENTS.labels(self._component, reason).inc()
            return stored
        msg = f"event {event.key} changed {_ATTEMPTS} times while it was written: try again"
        raise Conflict(msg, name=event.metadata.name, kind="events")

    async def _count(self, event: Event) -> Event | None:
        """Raise the count of the event that is there; None where it changed or went meanwhile."""
        name, namespace = event.metadata.name, event.metadata.namespace
        try:
            live = await self._client.get(Event, name, namespace)
            patch = {
                "metadata": {"resourceVersion": live.metadata.resource_version},
                "count": live.count + 1,
                "lastTimestamp": event.last_timestamp,
            }
            return await self._client.patch(Event, name, namespace, patch)
        except (Conflict, NotFound):
            return None

    def _event(self, obj: Resource, reason: str, message: str, type_: str, data: Mapping[str, str | float]) -> Event:
        now = self._clock.now()
        annotations = {f"{DATA_PREFIX}{key}": _text(value) for key, value in sorted(data.items())}
        said = "\0".join((obj.metadata.uid, self._component, reason, type_, message, repr(annotations)))
        return Event(
            metadata=ObjectMeta(
                name=event_name(obj.metadata.name, said),
                namespace=obj.metadata.namespace or "default",
                annotations=annotations,
            ),
            involved_object=ObjectReference(
                api_version=obj.api_version,
                kind=obj.kind,
                namespace=obj.metadata.namespace,
                name=obj.metadata.name,
                uid=obj.metadata.uid,
                resource_version=obj.metadata.resource_version,
            ),
            reason=reason,
            message=message,
            type=type_,
            source=EventSource(component=self._component, host=self._host),
            first_timestamp=timestamp(now),
            last_timestamp=timestamp(now),
            event_time=micro_timestamp(now),
            reporting_component=self._component,
            reporting_instance=self._host,
        )


def event_name(name: str, said: str) -> str:
    """A DNS label: the object's name, cut, and a hash of what the event says."""
    digest = xxhash.xxh3_64_hexdigest(said.encode())
    return f"{name[: _NAME_CHARS - 1 - len(digest)].rstrip('-.')}-{digest}"


def data_of(event: Event) -> dict[str, str]:
    """The data an event carries, by key."""
    annotations = event.metadata.annotations
    return {key.removeprefix(DATA_PREFIX): value for key, value in annotations.items() if key.startswith(DATA_PREFIX)}


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else repr(value)
