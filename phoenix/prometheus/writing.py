"""Series as remote write 1.0 requests."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

import cramjam

from phoenix.otlp.encode import delimited, varint
from phoenix.promql.vectors import Labels

Points = tuple[Labels, Sequence[int], Sequence[float]]
"""Labels with `__name__` among them, times in Unix milliseconds, ascending, and values."""
_BATCH_BYTES = 1 << 20
_VALUE = struct.Struct("<cdc")


class SeriesEncoder:
    """Encodes series, each with labels of ours added; remembers the bytes of labels it has seen.

    Memory: some 300 bytes a series. A store that hands out the same `Labels` for the same series makes it four times
    as fast. May be used by one thread at a time.
    """

    def __init__(self, more: Mapping[str, str]) -> None:
        self._more = dict(more)
        self._known: dict[Labels, bytes] = {}

    def requests(self, series: Iterable[Points]) -> Iterator[bytes]:
        """Compressed WriteRequests of about a mebibyte each, before compression; series without points are left out."""
        held: list[bytes] = []
        size = 0
        for labels, times, values in series:
            if not len(times):
                continue
            held.append(encoded := self._series(labels, times, values))
            size += len(encoded)
            if size >= _BATCH_BYTES:
                yield bytes(cramjam.snappy.compress_raw(b"".join(held)))
                held, size = [], 0
        if held:
            yield bytes(cramjam.snappy.compress_raw(b"".join(held)))

    def _series(self, labels: Labels, times: Sequence[int], values: Sequence[float]) -> bytes:
        known = self._known.get(labels)
        if known is None:
            pairs = sorted({**labels.map, **self._more}.items())
            known = b"".join(delimited(1, delimited(1, k.encode()) + delimited(2, v.encode())) for k, v in pairs)
            self._known[labels] = known
        points = [
            delimited(2, _VALUE.pack(b"\x09", value, b"\x10") + varint(time))
            for time, value in zip(times, values, strict=True)
        ]
        return delimited(1, known + b"".join(points))
