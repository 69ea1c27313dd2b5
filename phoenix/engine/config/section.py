"""One mapping of a configuration, read field by field: strict types, no unknown keys, faults with their path.

A component's `parse` reads what it knows and calls `close`; whatever is left over is an error. Nothing here raises: a
fault is noted and the default is used, so that all faults of a file are shown at once.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import TypeVar

from phoenix.engine.config.durations import parse_duration_ns
from phoenix.engine.config.values import Sourced, Unresolved, Value, plain
from phoenix.engine.errors import Finding, Phase

T = TypeVar("T")
OTELCOL = "a real collector could run it: set engine: Otelcol"
OTELCOL_IF = "a real collector that has it could run it: set engine: Otelcol"


def kind_of(value: Value) -> str:
    """The name of a value's type, for messages."""
    match value:
        case Sourced():
            return kind_of(value.value)
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
        case list():
            return "list"
        case _:
            return "map"


_WRITE = {
    "string": "write a text", "bool": "write true or false", "int": "write a whole number without quotes",
    "float64": "write a number without quotes", "time.Duration": "write a number and a unit, such as 10s",
    "[]string": "write a list: [a, b]", "list of maps": "write a list of mappings: [{…}]",
}  # fmt: skip


class Section:
    """A mapping at `path`. A null mapping reads as an empty one (the defaults apply)."""

    def __init__(self, value: Value, path: str, findings: list[Finding], phase: Phase = Phase.VALIDATE) -> None:
        self.path = path
        self.findings = findings
        self.phase = phase
        """that of the faults a component finds here; sections below have it too"""
        value = value.value if isinstance(value, Sourced) else value
        self._seen: set[str] = set()
        self._values: dict[str, Value] = {}
        if isinstance(value, dict):
            self._values = value
        elif value is not None:
            message = f"expected type 'map', got unconvertible type '{kind_of(value)}'"
            self.fault("", message, "write keys and values under it", Phase.DECODE)

    def at(self, key: str) -> str:
        """The path of a key here."""
        return f"{self.path}.{key}" if key and self.path else key or self.path

    def fault(self, key: str, message: str, hint: str = "", phase: Phase | None = None) -> None:
        """Note a fault of this section (empty key) or of one of its keys, of the section's phase or another."""
        self.findings.append(Finding(self.at(key), message, hint, phase or self.phase))

    def has(self, key: str) -> bool:
        """Whether the key is written here, even as null."""
        return key in self._values

    def raw(self, key: str) -> Value:
        """The value as written, None if absent; marks the key as known."""
        self._seen.add(key)
        return self._values.get(key)

    def keys(self) -> list[str]:
        """All keys written here, in order; marks none as known."""
        return list(self._values)

    def _nulled(self, key: str) -> bool:
        """Whether a scalar is written as null, such as by an unset variable: it then is zero, not the default."""
        return self.has(key) and plain(self._values[key]) is None

    def _mistyped(self, key: str, expected: str, value: Value) -> None:
        message = f"'{key}' expected type '{expected}', got unconvertible type '{kind_of(value)}'"
        self.fault(key, message, _WRITE[expected], Phase.DECODE)

    def string(self, key: str, default: str = "") -> str:
        """A text."""
        value = self.raw(key)
        if isinstance(value, Sourced):
            return value.text
        if isinstance(value, str):
            return value
        if value is not None:
            self._mistyped(key, "string", value)
        return "" if self._nulled(key) else default

    def choice(self, key: str, options: Sequence[str], default: str) -> str:
        """One of a few texts."""
        value = self.string(key, default)
        if self._nulled(key):
            return default
        if value in options or isinstance(value, Unresolved):
            return str(value)
        phase = Phase.BUILD if self.phase is Phase.BUILD else Phase.DECODE
        known = [option for option in options if option]
        self.fault(key, f"{value!r} is not one of {', '.join(map(repr, known))}", f"write {key}: {known[0]}", phase)
        return default

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = plain(self.raw(key))
        if isinstance(value, bool):
            return value
        if value is not None and not isinstance(value, Unresolved):
            self._mistyped(key, "bool", value)  # also yes and on: they are texts in a Collector's configuration
        return default and not self._nulled(key)

    def integer(self, key: str, default: int, *, minimum: int | None = None) -> int:
        """A whole number, not below `minimum`; of a fraction the whole part, as in the collector."""
        value = plain(self.raw(key))
        if isinstance(value, float) and math.isfinite(value):
            value = int(value)
        elif self._nulled(key):
            value = 0
        if isinstance(value, int) and not isinstance(value, bool):
            if minimum is not None and value < minimum:
                phase = Phase.DECODE if value < 0 else Phase.VALIDATE
                self.fault(key, f"must be {minimum} or more, not {value}", f"write {minimum} or more", phase)
                return default
            return value
        if value is not None and not isinstance(value, Unresolved):
            self._mistyped(key, "int", value)
        return default

    def number(self, key: str, default: float) -> float:
        """A number."""
        value = plain(self.raw(key))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if value is not None and not isinstance(value, Unresolved):
            self._mistyped(key, "float64", value)
        return 0.0 if self._nulled(key) else default

    def duration_s(self, key: str, default_s: float, *, minimum_s: float = 0.0) -> float:
        """A Go duration in seconds; a bare number is nanoseconds, as in the collector (`phoenixctl validate` warns)."""
        value = self.raw(key)
        text = value.text if isinstance(value, Sourced) and isinstance(value.value, str) else plain(value)
        if isinstance(text, Unresolved) or not self.has(key):
            return default_s
        text = 0 if text is None else text
        if isinstance(text, int | float) and not isinstance(text, bool):
            text = f"{int(text)}ns"
        if not isinstance(text, str):
            self._mistyped(key, "time.Duration", value)
            return default_s
        try:
            seconds = parse_duration_ns(text) / 1e9
        except ValueError as error:
            self.fault(key, str(error), "write a number and a unit: ms, s, m or h", Phase.DECODE)
            return default_s
        if seconds < minimum_s:
            self.fault(key, f"must be {minimum_s:g}s or more, not {text}", f"write {minimum_s:g}s or more")
            return default_s
        return seconds

    def strings(self, key: str) -> list[str]:
        """A list of texts; one text with commas is a list too, as in the collector."""
        value = self.raw(key)
        value = value.value if isinstance(value, Sourced) and not isinstance(value.value, str) else value
        if value is None:
            return []
        if isinstance(value, str):
            return [part for part in value.split(",") if part]
        if not isinstance(value, list):
            self._mistyped(key, "[]string", value)
            return []
        texts = []
        for index, item in enumerate(value):
            item = item.text if isinstance(item, Sourced) else item
            if isinstance(item, str):
                texts.append(item)
            else:
                message = f"expected type 'string', got unconvertible type '{kind_of(item)}'"
                self.fault(f"{key}[{index}]", message, "write a text, in quotes if need be", Phase.DECODE)
        return texts

    def section(self, key: str) -> Section:
        """A mapping below this one; empty if absent."""
        return Section(self.raw(key), self.at(key), self.findings, self.phase)

    def sections(self, key: str) -> list[Section]:
        """A list of mappings; empty if absent."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self._mistyped(key, "list of maps", value)
            return []
        return [
            Section(item, self.at(f"{key}[{index}]"), self.findings, self.phase) for index, item in enumerate(value)
        ]

    def texts_by_key(self, key: str) -> dict[str, str]:
        """A mapping of texts, such as headers."""
        section = self.section(key)
        return {name: section.string(name) for name in section.keys()}  # noqa: SIM118 (not a dict)

    def unsupported(self, *keys: str) -> None:
        """Refuse keys that a real collector has and this engine has not, unless they are null, false or empty."""
        for key in keys:
            value = plain(self.raw(key))
            if value not in (None, False, "", 0) and value != [] and value != {}:
                self.fault(key, f"'{key}' is not implemented by the Embedded engine", OTELCOL)

    def close(self) -> None:
        """Refuse every key nobody read."""
        unknown = [key for key in self._values if key not in self._seen]
        if unknown:
            close = difflib.get_close_matches(unknown[0], self._seen, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(self._seen)) or 'none'}"
            where = "" if self.path else unknown[0]
            self.fault(where, f"has invalid keys: {', '.join(unknown)}", hint, Phase.DECODE)
