"""Series as remote write 1.0 requests."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

import cramjam

from phoenix.otlp.encode import delimited, varint

Series = tuple[Mapping[str, str], Sequence[int], Sequence[float]]
"""Labels with `__name__` among them, times in Unix milliseconds, ascending, and values."""
_BATCH_BYTES = 1 << 20


def requests_of(series: Iterable[Series]) -> Iterator[bytes]:
    """Compressed WriteRequests of about a mebibyte each, before compression; series without points are left out."""
    held: list[bytes] = []
    size = 0
    for labels, times, values in series:
        if not len(times):
            continue
        held.append(encoded := delimited(1, _series(labels, times, values)))
        size += len(encoded)
        if size >= _BATCH_BYTES:
            yield _compressed(held)
            held, size = [], 0
    if held:
        yield _compressed(held)


def _compressed(parts: list[bytes]) -> bytes:
    return bytes(cramjam.snappy.compress_raw(b"".join(parts)))


def _series(labels: Mapping[str, str], times: Sequence[int], values: Sequence[float]) -> bytes:
    parts = [
        delimited(1, delimited(1, name.encode()) + delimited(2, text.encode())) for name, text in sorted(labels.items())
    ]
    parts += [
        delimited(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(int(time)))
        for time, value in zip(times, values, strict=True)
    ]
    return b"".join(parts)
