"""The catalogue's templates on the series models: what goes in, and what left in a form small enough to keep.

A summary has for each metric the number of points, a digest of all that is exact about them (identities, times,
integers, counts, buckets) and a checksum of what is not (doubles, each weighted by its point's identity, so that
values cannot change places unseen), with the sum of magnitudes it is compared at. All four add up over payloads and
do not depend on order.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from benchmarks.catalogue.inputs import START_NS, Input, cluster, fleet, http
from benchmarks.catalogue.measuring import ALWAYS, resolved, templates

TICKS = 3
"""The first gives deltas nothing, the second the first increments, the third is added to them."""
INPUTS = {"M1": cache(http), "M2": cache(fleet), "M3": cache(cluster)}
TEMPLATES = templates()
NAMES = sorted(TEMPLATES)
PAIRS = [(name, model) for name in NAMES for model in INPUTS]
ACCURACY = 1e-9
"""Relative: sums of doubles may be taken in another order."""

_OWN: dict[str, dict[str, Any]] = {
    "downsample-60s": {"interval": "1h"},  # ends at shutdown: nothing here waits for the clock
    "hybrid": {"interval": "1h"},
    "http-instance-rollup": {"gather": "1ms"},  # so that ticks stay apart although they come at once
    "usage-allowlist": {
        "metrics": [
            "http.server.request.duration", "process.cpu.time", "process.memory.usage", "system.cpu.time",
            "container.cpu.time", "container.memory.working_set",
        ],
        "labels": ["http.route", "http.response.status_code", "state"],
    },
}  # fmt: skip


def config(template: str) -> dict[str, Any]:
    """The resolved configuration of a template: its processors and pipeline."""
    return resolved(TEMPLATES[template], _OWN.get(template) or ALWAYS.get(template, {}))


def ticks(model: str) -> list[bytes]:
    """A payload a tick."""
    given: Input = INPUTS[model]()
    return [payload for tick in given.ticks[:TICKS] for payload in tick]


@dataclass(frozen=True, slots=True)
class Total:
    """Of one metric, over any number of payloads."""

    points: int = 0
    digest: int = 0
    checksum: float = 0.0
    magnitude: float = 0.0

    def __add__(self, other: Total) -> Total:
        return Total(
            self.points + other.points, (self.digest + other.digest) % (1 << 64), self.checksum + other.checksum,
            self.magnitude + other.magnitude,
        )  # fmt: skip

    def same(self, other: Total) -> bool:
        """Equal but for the order of sums."""
        near = math.isclose(
            self.checksum, other.checksum, rel_tol=0, abs_tol=ACCURACY * max(self.magnitude, other.magnitude)
        )
        return (self.points, self.digest) == (other.points, other.digest) and near

    def wire(self) -> list[Any]:
        """As golden data has it, without digits that the order of sums decides."""
        return [self.points, f"{self.digest:016x}", float(f"{self.checksum:.12g}"), float(f"{self.magnitude:.12g}")]

    @classmethod
    def from_wire(cls, row: list[Any]) -> Total:
        """The reverse of `wire`."""
        return cls(row[0], int(row[1], 16), row[2], row[3])


Summary = dict[str, Total]


def summary(payloads: Iterable[bytes]) -> Summary:
    """Of all points, by metric."""
    found: Summary = {}
    for payload in payloads:
        for name, total in _summary(bytes(payload)).items():
            found[name] = found.get(name, Total()) + total
    return found


def differences(ours: Summary, theirs: Summary) -> list[str]:
    """A sentence for each metric that is not the same."""
    return [
        f"{name}: {ours.get(name)} against {theirs.get(name)}"
        for name in sorted({*ours, *theirs})
        if name not in ours or name not in theirs or not ours[name].same(theirs[name])
    ]


@lru_cache(maxsize=256)  # templates that do nothing to a model give the same bytes
def _summary(payload: bytes) -> Summary:
    found: Summary = {}
    for name, exact, doubles in rows(payload):
        digest = int.from_bytes(hashlib.blake2b(exact, digest_size=8).digest())
        weight = 0.5 + digest / (1 << 64)
        own = Total(1, digest, math.fsum(doubles) * weight, math.fsum(map(abs, doubles)))
        found[name] = found.get(name, Total()) + own
    return found


def rows(payload: bytes) -> Iterator[tuple[str, bytes, list[float]]]:
    """Of each point: its metric's name, all that is exact about it, its doubles in an order of their own."""
    for resource in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
        owner = _pairs(resource.resource.attributes), resource.schema_url
        for scope in resource.scope_metrics:
            within = *owner, scope.scope.name, scope.scope.version, _pairs(scope.scope.attributes)
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                shape = (
                    metric.name, metric.unit, metric.description, kind,
                    getattr(data, "aggregation_temporality", 0), getattr(data, "is_monotonic", False),
                )  # fmt: skip
                head = repr((within, shape))
                for point in data.data_points:
                    exact, doubles = _values(point)
                    place = (
                        point.time_unix_nano - START_NS,
                        point.start_time_unix_nano and (point.start_time_unix_nano - START_NS),
                    )
                    yield metric.name, f"{head}{_pairs(point.attributes)}{place}{point.flags}{exact}".encode(), doubles


def _values(point: Any) -> tuple[Any, list[float]]:
    if hasattr(point, "bucket_counts"):
        exact = point.count, tuple(point.bucket_counts), tuple(point.explicit_bounds)
        return exact, [getattr(point, name) for name in ("sum", "min", "max") if point.HasField(name)]
    kind = point.WhichOneof("value")
    return (kind, []) if kind is None else ((kind, point.as_int), []) if kind == "as_int" else (kind, [point.as_double])


def _pairs(attributes: Any) -> tuple[tuple[str, bytes], ...]:
    return tuple(sorted((pair.key, pair.value.SerializeToString()) for pair in attributes))
