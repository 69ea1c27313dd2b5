"""Fields of a load profile's JSON, read one by one with every fault gathered. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from phoenix.apimachinery.units import parse_duration


class Fields:
    """The fields of one object. Keys are camelCase or snake_case; absent and null are the same.

    Args:
        wire: the object.
        path: where it is, for faults.
        faults: lines are appended to it.
    """

    def __init__(self, wire: object, path: str, faults: list[str]) -> None:
        self.path, self.faults = path, faults
        self._wire: Mapping[object, object] = wire if isinstance(wire, Mapping) else {}
        if not isinstance(wire, Mapping):
            faults.append(f"{path}: want an object, have {type(wire).__name__}")

    def raw(self, camel: str) -> object:
        """The value as it is; None: absent."""
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in camel)
        return self._wire.get(camel, self._wire.get(snake))

    def fault(self, camel: str, text: str) -> None:
        """Note a fault of a field."""
        self.faults.append(f"{self.path}.{camel}: {text}")

    def whole(self, camel: str, default: int, least: int) -> int:
        """A whole number from `least`."""
        value = self.raw(camel)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.fault(camel, f"want a whole number from {least}, have {value!r}")
        return default

    def above_zero(self, camel: str, default: float, most: float = math.inf) -> float:
        """A finite number above 0, at most `most`."""
        value = self.raw(camel)
        if value is None:
            return default
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= most and value < math.inf:
            return float(value)
        self.fault(camel, "want a number above 0" + f" and at most {most:g}" * (most < math.inf) + f", have {value!r}")
        return default

    def duration_ns(self, camel: str, default: int | None = None) -> int:
        """A duration such as `10m`, in nanoseconds; without a default it must be there and above 0."""
        value = self.raw(camel)
        if value is None and default is not None:
            return default
        try:
            found = round(parse_duration(str(value)) * 1e9) if value is not None else 0
        except ValueError:
            found = -1
        if found > 0 or (found == 0 and default is not None and value is not None):
            return found
        self.fault(camel, f"want a duration such as 30s, have {value!r}")
        return default or 1_000_000_000

    def items(self, camel: str) -> list[Fields]:
        """The objects of a list."""
        value = self.raw(camel)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(camel, f"want a list, have {type(value).__name__}")
            return []
        return [Fields(one, f"{self.path}.{camel}[{place}]", self.faults) for place, one in enumerate(value)]
