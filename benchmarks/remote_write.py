"""The points of `meter_load` as Prometheus remote write: the same series with the same labels, times and values new.

All series of a metric have the same length on the wire, so that times and values are columns of a matrix of bytes, as
there. Snappy-compressed, ten thousand samples a request: more than Prometheus itself sends in one (500 to 2,000), which
is in favour of who receives.
"""

from __future__ import annotations

import time

import cramjam
import numpy as np

from benchmarks.meter_load import METRICS, POINTS, RESOURCE, Bytes, point_attributes

_TIME_BYTES = 6
"""of Unix milliseconds as a varint: from 2004 to 2109"""


class RemoteWrite:
    """One sender's request, written over for every post. `first`: number of the first series; `seed`: of values."""

    def __init__(self, first: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        rows = [
            _series(f"app_metric_{metric}_total", first + index)
            for metric in range(METRICS)
            for index in range(POINTS // METRICS)
        ]
        self._rows: Bytes = np.frombuffer(b"".join(rows), np.uint8).reshape(POINTS, -1).copy()

    def next(self) -> bytes:
        """The next request, compressed."""
        time_at = self._rows.shape[1] - _TIME_BYTES
        self._rows[:, time_at:] = np.frombuffer(_varint(time.time_ns() // 1_000_000), np.uint8)
        values = self._random.random(POINTS).view(np.uint8).reshape(-1, 8)
        self._rows[:, time_at - 9 : time_at - 1] = values
        return bytes(cramjam.snappy.compress_raw(self._rows.data.cast("B")))


def _series(name: str, index: int) -> bytes:
    """A TimeSeries message as it lies in a WriteRequest, with one sample; labels sorted."""
    attributes = [
        *RESOURCE,
        *point_attributes(index),
        ("http.response.status_code", str((200, 201, 404, 500)[index % 4])),
    ]
    labels = {key.replace(".", "_"): value for key, value in attributes} | {"__name__": name}
    content = b"".join(
        _field(1, _field(1, label.encode()) + _field(2, labels[label].encode())) for label in sorted(labels)
    )
    sample = b"\x09" + bytes(8) + b"\x10" + bytes(_TIME_BYTES)
    return _field(1, content + _field(2, sample))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])
