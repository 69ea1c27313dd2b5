"""What a scanner remembers: raw byte slices it has seen, as a tree of resource, scope, metric and point key.

A slice is decoded once, when first seen. Slices that differ only in the order of attributes decode to the same identity
and so to the same id.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from xxhash import xxh3_64_intdigest

from phoenix.otlp.even import EvenKeys
from phoenix.otlp.identity import (
    OWN_PREFIX,
    Attributes,
    MetricIdentity,
    Part,
    PointIdentity,
    any_value,
    attributes,
)
from phoenix.otlp.layout import Layout
from phoenix.otlp.model import MetricType, Temporality
from phoenix.otlp.wire import LENGTH, fields, varint

Intern = Callable[[PointIdentity], int]
"""Gives the id of a point identity; the same id for equal identities."""

MetricKey = tuple[tuple[bytes, bytes], MetricType, bytes]
"""A metric on the wire without its points: (header, metadata), type, tail (temporality, monotonic)."""

_OWN = OWN_PREFIX.encode()
_NO_RECORDED_VALUE = 1
_MAX_CUTS = 4_096
_ATTRIBUTES_FIELD = {
    MetricType.GAUGE: 7,
    MetricType.SUM: 7,
    MetricType.HISTOGRAM: 9,
    MetricType.EXPONENTIAL_HISTOGRAM: 1,
    MetricType.SUMMARY: 7,
}
POINT_CLASSES: dict[MetricType, Any] = {
    MetricType.GAUGE: NumberDataPoint,
    MetricType.SUM: NumberDataPoint,
    MetricType.HISTOGRAM: HistogramDataPoint,
    MetricType.EXPONENTIAL_HISTOGRAM: ExponentialHistogramDataPoint,
    MetricType.SUMMARY: SummaryDataPoint,
}


@dataclass(slots=True)
class MetricContext:
    """One metric of one scope of one resource, and the ids of its points' keys."""

    identity: MetricIdentity
    layout: Layout | None = None
    slots: dict[int, int] = field(default_factory=dict)
    """by digest of the key: keys that came by themselves (130 bytes each)"""
    even: defaultdict[int, EvenKeys] = field(default_factory=lambda: defaultdict(EvenKeys))
    """keys that came in runs of one length, by that length (30 to 40 bytes each)"""
    bare: int | None = None
    """id of the point that has no attributes; not in `slots`, because a point cut short looks like it"""

    @property
    def attributes_tag(self) -> int:
        """Tag byte of an attribute of a point."""
        return _ATTRIBUTES_FIELD[self.identity.type] << 3 | LENGTH

    def lookup(self, key: bytes) -> int | None:
        """Id of a key, also of the empty one; None when it is new."""
        return self.slots.get(xxh3_64_intdigest(key)) if key else self.bare

    def remember(self, key: bytes, slot: int) -> None:
        """Keep the id of a key."""
        if key:
            self.slots[xxh3_64_intdigest(key)] = slot
        else:
            self.bare = slot

    def take(self, key: bytes) -> int | None:
        """Id of a key, which another table is to keep from now on; None when it is new."""
        return self.slots.pop(xxh3_64_intdigest(key), None) if key else self.bare

    def point(self, raw: bytes, known: KnownParts) -> PointIdentity:
        """Identity of a point from its key fields, or from the whole of it. Raises DecodeError."""
        kind = self.identity.type
        number = _ATTRIBUTES_FIELD[kind]
        plain = known.plain(raw, self.attributes_tag)
        if plain is not None:
            return PointIdentity(self.identity, plain)
        message = POINT_CLASSES[kind].FromString(raw)
        if kind is MetricType.HISTOGRAM:
            bounds = tuple(message.explicit_bounds)
        elif kind is MetricType.SUMMARY:
            bounds = tuple(value.quantile for value in message.quantile_values)
        else:
            bounds = ()
        return PointIdentity(
            metric=self.identity,
            parts=known.distinct([pair.SerializeToString() for pair in message.attributes]),
            bounds=bounds,
            recorded=not message.flags & _NO_RECORDED_VALUE,
            own_bytes=own_bytes(raw, number),
        )


class KnownParts:
    """Attributes decoded so far, by their bytes: most values of most attributes come again in other series.

    Bounded: at `capacity` attributes (400 bytes each) all are forgotten.
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._parts: dict[bytes, Part] = {}
        self._cuts: dict[int, _Cut] = {}
        """where the last key of each length had its attributes: where the next one mostly has them"""

    def part(self, raw: bytes) -> Part:
        """The attribute of a KeyValue message. Raises DecodeError."""
        part = self._parts.get(raw)
        if part is None:
            if len(self._parts) >= self._capacity:
                self._parts.clear()
            pair = KeyValue.FromString(raw)
            part = self._parts[raw] = Part(sys.intern(pair.key), any_value(pair.value))
        return part

    def distinct(self, raws: Iterable[bytes]) -> tuple[Part, ...]:
        """Attributes without our own; of a key given twice the last. Raises DecodeError."""
        parts = {part.key: part for part in map(self.part, raws)}
        return tuple(part for part in parts.values() if not part.own)

    def plain(self, key: bytes, tag: int) -> tuple[Part, ...] | None:
        """The attributes of a key that consists of short ones alone, none of them ours; None if there is more to it."""
        cut = self._cuts.get(len(key))
        if cut is None or cut.heads_of(key) != cut.heads or cut.heads[0] != tag:
            cut = _Cut.of(key, tag)
            if cut is None:
                return None if key else ()
            if len(self._cuts) >= _MAX_CUTS:
                self._cuts.clear()
            self._cuts[len(key)] = cut
        if _OWN in key:
            return None
        known = self._parts.get
        parts = tuple([known(raw) or self.part(raw) for raw in cut.raws_of(key)])
        return parts if len({part.key for part in parts}) == len(parts) else None


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a key that consists of short attributes alone has them; taken apart without a step for each."""

    heads_of: Callable[[bytes], tuple[int, ...]]
    heads: tuple[int, ...]
    """tag and length of each attribute"""
    raws_of: Callable[[bytes], tuple[bytes, ...]]

    @classmethod
    def of(cls, key: bytes, tag: int) -> _Cut | None:
        """None: there is more to the key, or nothing."""
        heads: list[int] = []
        raws: list[slice] = []
        at, end = 0, len(key)
        while at < end:
            if key[at] != tag or at + 1 >= end or key[at + 1] > 127:
                return None
            start, stop = at + 2, at + 2 + key[at + 1]
            heads += (at, at + 1)
            raws.append(slice(start, stop))
            at = stop
        if at != end or not raws:
            return None
        heads_of, raws_of = itemgetter(*heads), itemgetter(*raws)
        if len(raws) == 1:  # asked for one thing alone, itemgetter gives no tuple
            return cls(heads_of, heads_of(key), lambda one: (raws_of(one),))
        return cls(heads_of, heads_of(key), raws_of)


@dataclass(slots=True)
class ScopeContext:
    """One scope of one resource; metrics by header, type and tail as they are on the wire."""

    resource: Attributes
    name: str
    version: str
    attributes: Attributes
    metrics: dict[MetricKey, MetricContext] = field(default_factory=dict)

    def new_metric(self, about: tuple[bytes, bytes], type: MetricType, tail: bytes) -> MetricContext:
        """Decode what is about a metric: fields before and behind its data, and the tail behind its points.

        Raises:
            DecodeError: it is no protobuf.
        """
        metric = Metric.FromString(b"".join(about))
        found = {item.number: varint(tail, item.value)[0] for item in fields(tail, 0, len(tail)) if item.wire == 0}
        temporality = found.get(2, 0)
        identity = MetricIdentity(
            resource=self.resource,
            scope_name=self.name,
            scope_version=self.version,
            scope_attributes=self.attributes,
            name=metric.name,
            unit=metric.unit,
            type=type,
            temporality=Temporality(temporality) if temporality in (1, 2) else Temporality.UNSPECIFIED,
            monotonic=type is MetricType.SUM and bool(found.get(3, 0)),
        )
        context = self.metrics[about, type, tail] = MetricContext(identity)
        return context


@dataclass(slots=True)
class ResourceContext:
    """One resource; scopes by their bytes."""

    attributes: Attributes
    own_bytes: int
    scopes: dict[bytes, ScopeContext] = field(default_factory=dict)

    @classmethod
    def decode(cls, raw: bytes) -> ResourceContext:
        """From the bytes of a Resource message. Raises DecodeError."""
        return cls(attributes(Resource.FromString(raw).attributes), own_bytes(raw, 1))

    def new_scope(self, raw: bytes) -> ScopeContext:
        """From the bytes of an InstrumentationScope message. Raises DecodeError."""
        scope = InstrumentationScope.FromString(raw)
        own = attributes(scope.attributes, strip_own=False)
        context = self.scopes[raw] = ScopeContext(self.attributes, scope.name, scope.version, own)
        return context


def own_bytes(message: bytes, field_number: int) -> int:
    """Bytes that the `phoenix.` attributes of a message take, with tag and length. Raises MalformedPayload."""
    if _OWN not in message:
        return 0
    total = 0
    for item in fields(message, 0, len(message)):
        if item.number == field_number and item.wire == LENGTH:
            keys = [part for part in fields(message, item.value, item.end) if part.number == 1]
            if keys and message[keys[-1].value : keys[-1].end].startswith(_OWN):
                total += item.end - item.start
    return total
