"""The series of one variant: every point identity that was ever seen, as small integers with columns of facts.

Three kinds of ids. A *slot* is what the scanner hands out: a stream with its bounds, flags and own bytes. A *stream* is
an exact OTLP identity. A *unit* is what counts as active series: one series of a Prometheus-type backend, or all series
of one histogram or summary together, with their number as weight. Streams that translate to one series share a unit.

Ids only grow, facts never change but for one case: when one histogram comes with different bounds, its unit is split,
so that bounds both have count once. Bounded by what there is to count: 21 to 23 bytes a stream and as many a unit
(`identities`), and 31 of columns; `benchmarks/meter_scale.py` measures the whole. Owned by one thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from phoenix.meter.columns import Column
from phoenix.meter.identities import IdentityTable
from phoenix.otlp.identity import (
    MetricIdentity,
    PointIdentity,
    digest,
    label_ident,
    series_base,
    series_count,
    series_family,
    series_labels,
    stream_key,
)

Ids = npt.NDArray[np.signedinteger[Any]]
"""Of slots, streams or units: columns hold them in four bytes."""
_MAX_SHAPES = 1 << 24
_MASK = (1 << 128) - 1


class NewSeries(NamedTuple):
    """A slot seen for the first time, with what Prometheus would call it. `fresh`: its unit is new too."""

    slot: int
    unit: int
    fresh: bool
    metric: MetricIdentity
    family: str
    labels: Mapping[str, str]
    bounds: tuple[float, ...]
    recorded: bool


class Observer(Protocol):
    """Who wants to know of new series while their labels are at hand."""

    def enroll(self, series: NewSeries) -> None:
        """Take note of a new slot. Called once a slot, in the order of slots."""
        ...


@dataclass(frozen=True, slots=True)
class _Translated:
    """What Prometheus makes of a metric of a resource."""

    family: str
    base: int
    """stands for the family"""
    labels: Mapping[str, str]
    """the resource's"""
    labels_ident: int
    plain: bool
    """whether each resource attribute is one label"""

    @classmethod
    def of(cls, metric: MetricIdentity) -> _Translated:
        family, labels = series_family(metric), series_labels(metric.resource, ())
        ident = sum(label_ident(label, text) for label, text in labels.items())
        return cls(family, series_base(family, metric.type), labels, ident, len(labels) == len(metric.resource))

    def series(self, point: PointIdentity) -> tuple[int, Mapping[str, str]]:
        """(what stands for the series, its labels)."""
        labels = dict(self.labels)
        key = self.base + self.labels_ident
        for part in point.parts:
            labels[part.label] = part.text
            key += part.label_ident
        # Labels that meet under one name, or are empty, are rare and need the careful way.
        if not self.plain or len(labels) != len(self.labels) + len(point.parts) or "" in labels.values():
            labels = series_labels(point.metric.resource, point.attributes)
            key = self.base + sum(label_ident(label, text) for label, text in labels.items())
        return key & _MASK, labels


class Registry:
    """Gives out ids; `intern` is what a Scanner needs."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self.slot_stream = Column(np.int32)
        self.slot_unit = Column(np.int32)
        self.slot_samples = Column(np.int32)
        self.slot_own_bytes = Column(np.int32)
        self.slot_recorded = Column(np.bool_)
        self.unit_weight = Column(np.int32)
        self.unit_family = Column(np.int32)
        """number of the metric family it belongs to"""
        self.unit_parent = Column(np.int32)
        """the unit it is a part of, or -1"""
        self.unit_inherits = Column(np.bool_)
        """whether it was live whenever its parent was, before the split"""
        self.owns_bytes = False
        self._streams = IdentityTable()
        self._shapes: dict[tuple[tuple[float, ...], bool, int], int] = {}
        self._stream_slot = Column(np.int32)
        """the first slot of a stream; nearly always its only one"""
        self._slot_shape = Column(np.int32)
        self._further_slots: dict[int, int] = {}
        """of streams that came in another shape too, by stream and shape"""
        self._units = IdentityTable()
        self._bounds: list[tuple[float, ...]] = [()]
        self._bounds_ids: dict[tuple[float, ...], int] = {(): 0}
        self._unit_bounds = Column(np.int32)
        """index of the bounds a unit had at first"""
        self._parts: dict[int, dict[float, int]] = {}
        self._more_units: dict[int, Ids] = {}
        self._metrics: dict[int, _Translated] = {}
        self._families: dict[str, int] = {}

    @property
    def streams(self) -> int:
        """Number of stream ids given."""
        return len(self._streams)

    @property
    def units(self) -> int:
        """Number of unit ids given."""
        return len(self.unit_weight)

    @property
    def families(self) -> int:
        """Number of metric families seen."""
        return len(self._families)

    @property
    def family_names(self) -> tuple[str, ...]:
        """Names of metric families, by number."""
        return tuple(self._families)

    def intern(self, point: PointIdentity) -> int:
        """Slot of a point identity, the same for equal ones."""
        known = len(self._streams)
        stream = self._streams.add(stream_key(point))
        shape = self._shapes.setdefault((point.bounds, point.recorded, point.own_bytes), len(self._shapes))
        if stream == known:
            self._stream_slot.append(len(self.slot_stream))
            return self._new_slot(point, stream, shape)
        slot = int(self._stream_slot[stream])
        if self._slot_shape[slot] == shape:
            return slot
        key = stream * _MAX_SHAPES + shape
        further = self._further_slots.get(key)
        if further is None:
            further = self._further_slots[key] = self._new_slot(point, stream, shape)
        return further

    def _new_slot(self, point: PointIdentity, stream: int, shape: int) -> int:
        metric = point.metric
        translated = self._metrics.get(metric.key)
        if translated is None:
            translated = self._metrics[metric.key] = _Translated.of(metric)
        key, labels = translated.series(point)
        count = series_count(metric.type, point.bounds)
        unit, fresh = self._unit(key)
        if fresh:
            family = self._families.setdefault(translated.family, len(self._families))
            self._describe_unit(count, family, point.bounds)
        slot = self.slot_stream.append(stream)
        self._slot_shape.append(shape)
        self.slot_unit.append(unit)
        self.slot_samples.append(count)
        self.slot_own_bytes.append(point.own_bytes)
        self.slot_recorded.append(point.recorded)
        self.owns_bytes = self.owns_bytes or point.own_bytes > 0
        if not fresh and (unit in self._parts or self._bounds[self._unit_bounds[unit]] != point.bounds):
            self._share(slot, unit, point.bounds)
        series = NewSeries(slot, unit, fresh, metric, translated.family, labels, point.bounds, point.recorded)
        for observer in self.observers:
            observer.enroll(series)
        return slot

    def _unit(self, key: int) -> tuple[int, bool]:
        """(the unit that a key stands for, whether it is new)."""
        known = len(self._units)
        unit = self._units.add(key)
        return unit, unit == known

    def _describe_unit(
        self, weight: int, family: int, bounds: tuple[float, ...] = (), parent: int = -1, inherits: bool = False
    ) -> None:
        """Columns of the unit that is new."""
        bounds_id = self._bounds_ids.setdefault(bounds, len(self._bounds))
        if bounds_id == len(self._bounds):
            self._bounds.append(bounds)
        self.unit_weight.append(weight)
        self.unit_family.append(family)
        self.unit_parent.append(parent)
        self.unit_inherits.append(inherits)
        self._unit_bounds.append(bounds_id)

    def _part(self, unit: int, family: int, bound: float, inherits: bool = False) -> int:
        """The unit for one bound of a histogram that is split."""
        part, fresh = self._unit(digest("part", unit, bound))
        if fresh:  # senders may name a bound twice
            self._describe_unit(1, family, parent=unit, inherits=inherits)
        return part

    def _share(self, slot: int, unit: int, bounds: tuple[float, ...]) -> None:
        """One histogram with different bounds: from now on each bound is a unit of its own."""
        family = int(self.unit_family[unit])
        if unit not in self._parts:
            first = self._bounds[self._unit_bounds[unit]]
            parts = self._parts[unit] = {bound: self._part(unit, family, bound, inherits=True) for bound in first}
            self.unit_weight.all[unit] -= len(first)
            own = np.array(list(parts.values()), np.int64)
            for sibling in np.flatnonzero(self.slot_unit.all == unit).tolist():
                if sibling != slot:
                    self._more_units[sibling] = own
        parts = self._parts[unit]
        for bound in bounds:
            if bound not in parts:
                parts[bound] = self._part(unit, family, bound)
        self._more_units[slot] = np.array([parts[bound] for bound in bounds], np.int64)

    def units_of(self, slots: Ids) -> Ids:
        """Units of distinct slots; may have repeats."""
        units = self.slot_unit.all[slots]
        if not self._more_units:
            return units
        more = [self._more_units[slot] for slot in slots.tolist() if slot in self._more_units]
        return np.concatenate([units, *more])
