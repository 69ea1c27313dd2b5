"""The OtlpEmitter of a load profile with its size's numbers filled in. Pure.

Knows the JSON, not `phoenix.api`: the generator is a child program and knows no API objects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from phoenix.loadmodel.errors import LoadModelError


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
        if not isinstance(wire, Mapping):
            raise LoadModelError([f"otlp: want an object, have {type(wire).__name__}"])
        faults: list[str] = []
        if (model := wire.get("model", "M1")) != "M1":
            faults.append(f"otlp.model: {model!r} is not known; this version has M1")
        size = str(wire.get("size", "S"))
        if size not in _SIZES:
            faults.append(f"otlp.size: {size!r} is not known; use one of {', '.join(_SIZES)}")
        base = _SIZES.get(size, _SIZES["S"])
        found = cls(
            services=_whole(wire, "services", base.services, 1, faults),
            instances=_whole(wire, "instances", base.instances, 1, faults),
            routes=_whole(wire, "routes", base.routes, 1, faults),
            users=_whole(wire, "users", base.users, 0, faults),
            raw_paths=_whole(wire, "rawPaths", base.raw_paths, 0, faults),
            zipf=_exponent(wire, base.zipf, faults),
            requests=base.requests,
        )
        if found.routes * max(found.raw_paths, 1) > _MAX_PATHS:
            faults.append(f"otlp.rawPaths: routes × rawPaths is at most {_MAX_PATHS}: use fewer of either")
        if faults:
            raise LoadModelError(faults)
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


def _field(wire: Mapping[object, object], camel: str) -> object:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in camel)
    return wire.get(camel, wire.get(snake))


def _whole(wire: Mapping[object, object], camel: str, default: int, least: int, faults: list[str]) -> int:
    value = _field(wire, camel)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    faults.append(f"otlp.{camel}: want a whole number from {least}, have {value!r}")
    return default


def _exponent(wire: Mapping[object, object], default: float, faults: list[str]) -> float:
    value = _field(wire, "zipf")
    if value is None:
        return default
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
        return float(value)
    faults.append(f"otlp.zipf: want a number above 0, have {value!r}")
    return default
