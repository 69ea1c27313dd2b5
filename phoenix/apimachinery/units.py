"""Durations (`30s`, `1m30s`) and sizes (`64Mi`): what manifests write, with the number the code needs.

Both are strings that know their value, so that an object read and written back keeps the text its author chose.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_DURATION_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$")
_SIZE_BYTES = {
    None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
}  # fmt: skip


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> float:
    """Read a Go duration (no sign, no days) as seconds.

    Raises:
        ValueError: the text is no duration; the message shows a right one.
    """
    if text == "0":
        return 0.0
    total, at = 0.0, 0
    for part in _DURATION_PART.finditer(text):
        if part.start() != at:
            break
        total += float(part[1]) * _DURATION_SECONDS[part[2]]
        at = part.end()
    if at != len(text) or not text:
        msg = f"{text!r} is not a duration: write a number and a unit (ms, s, m, h), such as 30s or 1m30s"
        raise ValueError(msg)
    return total


def format_seconds(seconds: float) -> str:
    """Write seconds as the shortest duration people read: `90.0` is `1m30s`, `0.25` is `250ms`."""
    millis = round(seconds * 1000)
    if millis % 1000:
        return f"{millis}ms"
    minutes, secs = divmod(millis // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    text = (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "") + (f"{secs}s" if secs else "")
    return text or "0s"


class _Quantity(str):
    """A validated string with a number behind it."""

    __slots__ = ()
    pattern: ClassVar[str]

    @classmethod
    def _check(cls, text: str) -> None:
        """Raise ValueError where text is none."""
        raise AssertionError(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(text: str) -> _Quantity:
            try:
                cls._check(text)
            except ValueError as error:
                raise PydanticCustomError("quantity", "{reason}", {"reason": str(error)}) from error
            return cls(text)

        return core_schema.no_info_after_validator_function(
            validate,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
            metadata={"pydantic_js_updates": {"pattern": cls.pattern}},
        )


class Duration(_Quantity):
    """A length of time as manifests write it; `.seconds` is the number (float, 0 or more)."""

    __slots__ = ()
    pattern = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$"

    @classmethod
    def _check(cls, text: str) -> None:
        parse_duration(text)

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return parse_duration(self)


def check_lasting(name: str, length: Duration) -> None:
    """For rules of a model. Raises ValueError: the length of its field `name` is 0."""
    if not length.seconds:
        msg = f"{name} must be longer than 0"
        raise ValueError(msg)


class ByteSize(_Quantity):
    """A size as manifests write it (`64Mi`, `1G`); `.bytes` is the number."""

    __slots__ = ()
    pattern = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"

    @classmethod
    def _check(cls, text: str) -> None:
        if not _SIZE.match(text):
            msg = f"{text!r} is not a size: write bytes or a number with Ki, Mi, Gi, k, M or G, such as 64Mi"
            raise ValueError(msg)

    @property
    def bytes(self) -> int:
        """The size in bytes."""
        match = _SIZE.match(self)
        assert match is not None  # checked when the value was made
        return round(float(match[1]) * _SIZE_BYTES[match[2]])
