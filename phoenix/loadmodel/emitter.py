"""The OtlpEmitter of a load profile with its size's numbers filled in. Pure.

Knows the JSON, not `phoenix.api`: the generator is a child program and knows no API objects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.reading import Fields


@dataclass(frozen=True, slots=True)
class Emitter:
    """Model M1 with every number decided."""

    services: int
    """number of services; each third one has routes that are not templated"""
    instances: int
    """instances (pods) a service"""
    routes: int
    """route templates a service"""
    users: int
    """user ids over all services"""
    raw_paths: int
    """distinct ids in each id route of a service that does not template its routes; 0: all services do"""
    zipf: float
    """exponent of the law by which routes, ids and users are drawn"""
    requests: int
    """requests an instance has served when it is looked at: a combination it saw less than once has no series"""

    @classmethod
    def from_json(cls, wire: object) -> Self:
        """Read an OtlpEmitter (camelCase or snake_case keys; absent or null: the size decides).

        Raises:
            LoadModelError: with a line for each fault.
        """
        faults: list[str] = []
        fields = Fields(wire, "otlp", faults)
        if (model := fields.raw("model") or "M1") != "M1":
            faults.append(f"otlp.model: want M1 here, have {model!r}")
        found = cls.read(fields)
        if faults:
            raise LoadModelError(faults)
        return found

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read M1's own fields; faults go to those of `fields`."""
        size = str(fields.raw("size") or "S")
        if size not in _SIZES:
            fields.fault("size", f"{size!r} is not known; use one of {', '.join(_SIZES)}")
        base = _SIZES.get(size, _SIZES["S"])
        found = cls(
            services=fields.whole("services", base.services, 1),
            instances=fields.whole("instances", base.instances, 1),
            routes=fields.whole("routes", base.routes, 1),
            users=fields.whole("users", base.users, 0),
            raw_paths=fields.whole("rawPaths", base.raw_paths, 0),
            zipf=fields.above_zero("zipf", base.zipf),
            requests=base.requests,
        )
        if found.routes * max(found.raw_paths, 1) > _MAX_PATHS:
            fields.fault("rawPaths", f"routes × rawPaths is at most {_MAX_PATHS}: use fewer of either")
        return found

    def scaled(self, scale: float) -> Self:
        """With `scale` times the services (at least one); users go with them, since each has a home service.

        Raises:
            LoadModelError: the scale is not a finite number above 0.
        """
        if not (math.isfinite(scale) and scale > 0):
            raise LoadModelError([f"scale: want a number above 0, have {scale!r}"])
        services = max(1, round(self.services * scale))
        return replace(self, services=services, users=round(self.users * services / self.services))


_MAX_PATHS = 50_000
"""Paths of a service: what can be enumerated in half a second, and more than any pipeline survives."""

_SIZES = {
    # Data points a tick before user.id: S 1,208, M 9,152, L 92,120; users add 1,294, 11,044 and 102,340.
    "S": Emitter(services=6, instances=2, routes=8, users=1_000, raw_paths=46, zipf=1.1, requests=300),
    "M": Emitter(services=12, instances=4, routes=12, users=10_000, raw_paths=52, zipf=1.1, requests=1_000),
    "L": Emitter(services=20, instances=10, routes=15, users=100_000, raw_paths=71, zipf=1.1, requests=10_000),
}
