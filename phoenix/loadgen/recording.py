"""Recordings: OTLP metrics requests in a file, read one after another, in bounded memory.

Two forms, both as the Collector's file exporter writes them: a line of OTLP/JSON a request, or protobuf with the length
of each request before it (four bytes, big-endian). Either may be compressed with gzip. What is in the file is data of
others: every size is bounded, and a fault is told with its place.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import stat
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.loadgen.order import LOOK_FRAMES, middle
from phoenix.otlp.jsonform import from_json

_LOG = logging.getLogger("phoenix.loadgen")
MAX_REQUEST_BYTES = 64 << 20
"""Of one request in the file; the Collector's own receivers refuse far smaller ones."""
_LOOK_BYTES = 8 << 20
"""Of requests looked ahead at, as they are in the file: decoded they take several times that."""
_LENGTH_BYTES = 4
_NEWEST_TIME = (1 << 63) - 1


class RecordingError(Exception):
    """A recording that cannot be read, with its place and what to do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One request as it is in the file. `number`: from 1.

    `whole`: false for one that the end of the file, at byte `end`, cuts off.
    """

    number: int
    data: bytes
    whole: bool = True
    end: int = 0


@dataclass(frozen=True, slots=True)
class Ends:
    """When its first and its last requests with points are of (`time_of`), in order; where it has few, in both."""

    first: list[int]
    last: list[int]


class Recording:
    """A file below a folder; opened anew by each reader.

    Args:
        folder: nothing outside of it is read, wherever links lead.
        path: relative to it.

    Raises:
        RecordingError: there is no such file, it is no regular one, or it is outside of the folder.
    """

    def __init__(self, folder: Path, path: str) -> None:
        self.name = path
        self._root = root = Path(os.path.realpath(folder))  # NB: Path.resolve fails on links that lead in a circle
        found = Path(os.path.realpath(root / path))
        if not found.is_relative_to(root):
            msg = f"{path}: leads out of the recordings folder {root}: recordings are read from there only"
            raise RecordingError(msg)
        self._parts = found.relative_to(root).parts
        try:
            mode = found.stat().st_mode
        except OSError as error:
            msg = f"{path}: cannot be read from the recordings folder {root}: {error.strerror}"
            raise RecordingError(msg) from error
        self._check_file(mode)
        self._json = path.removesuffix(".gz").endswith((".jsonl", ".json"))

    def frames(self) -> Iterator[Frame]:
        """Every request as bytes, in order; raises RecordingError at its place."""
        try:
            with self._open() as file:
                yield from _lines(file, self.name) if self._json else _prefixed(file, self.name)
        except EOFError:
            return  # compressed, and whoever wrote it was killed: as a line that is cut off
        except (OSError, zlib.error) as error:
            msg = f"{self.name}: cannot be read further: {error}"
            raise RecordingError(msg) from error

    def request(self, frame: Frame) -> ExportMetricsServiceRequest | None:
        """What a frame says; None: the end of the file cut it off.

        Raises:
            RecordingError: it is no metrics request.
        """
        try:
            if self._json:
                return from_json(frame.data)
            return ExportMetricsServiceRequest.FromString(frame.data) if frame.whole else None
        except (ValueError, DecodeError) as error:
            if not frame.whole:
                return None
            what = f"line {frame.number}" if self._json else f"request {frame.number}"
            msg = f"{self.name}: {what} is no OTLP metrics request: {error}"
            raise RecordingError(msg) from error

    def ends(self, *, within_s: float) -> Ends | None:
        """How it begins and ends; None: it is so long that this cannot be told within so many seconds.

        Raises:
            RecordingError: it cannot be read, or has no metrics.
        """
        give_up_at = time.monotonic() + within_s
        first: list[int] = []
        latest: deque[Frame] = deque(maxlen=LOOK_FRAMES + 1)
        looked = 0
        for frame in self.frames():
            latest.append(frame)
            if not first or looked <= LOOK_FRAMES:
                first += self._times([frame])
                looked += bool(first)
            if time.monotonic() > give_up_at:
                return None
        if not first and latest and self.request(latest[-1]) is None:
            cut = latest[-1]
            msg = f"{self.name}: is cut off at byte {cut.end}, within request {cut.number}: copy or record it again"
            raise RecordingError(msg)
        if not first:
            msg = f"{self.name}: holds no metrics: record some with `phoenixctl record`"
            raise RecordingError(msg)
        return Ends(first, self._times(latest) or first[-1:])

    def _times(self, frames: Iterable[Frame]) -> list[int]:
        return [found for frame in frames if (message := self.request(frame)) and (found := time_of(message))]

    def _open(self) -> BinaryIO:
        plain = os.fdopen(self._descriptor(), "rb")
        if not self.name.endswith(".gz"):
            return plain
        return gzip.GzipFile(fileobj=plain, mode="rb")  # type: ignore[return-value]

    def _descriptor(self) -> int:
        """Open it step by step from the folder: neither links, at any step, nor a pipe that was put there since."""
        *folders, name = self._parts
        at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in folders:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
                os.close(at)
                at = below
            # Not blocking: to open a pipe waits for its writer.
            found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        finally:
            os.close(at)
        try:
            self._check_file(os.fstat(found).st_mode)
        except RecordingError:
            os.close(found)
            raise
        return found

    def _check_file(self, mode: int) -> None:
        if not stat.S_ISREG(mode):
            msg = f"{self.name}: is no file, but a folder or a device"
            raise RecordingError(msg)


def _lines(file: BinaryIO, name: str) -> Iterator[Frame]:
    number = 0
    while line := file.readline(MAX_REQUEST_BYTES + 1):
        number += 1
        if len(line) > MAX_REQUEST_BYTES:
            msg = f"{name}: line {number} is longer than {MAX_REQUEST_BYTES >> 20} MiB"
            raise RecordingError(msg)
        if line.strip():
            whole = line.endswith(b"\n")
            yield Frame(number, line, whole, 0 if whole else file.tell())


def _prefixed(file: BinaryIO, name: str) -> Iterator[Frame]:
    number = 0
    while prefix := file.read(_LENGTH_BYTES):
        number += 1
        size = int.from_bytes(prefix, "big")
        if len(prefix) == _LENGTH_BYTES and size > MAX_REQUEST_BYTES:
            what = "is this what a file exporter wrote with format: proto?"
            msg = f"{name}: request {number} says it has {size} bytes: {what}"
            raise RecordingError(msg)
        data = file.read(size) if len(prefix) == _LENGTH_BYTES else b""
        whole = len(data) == size and len(prefix) == _LENGTH_BYTES
        yield Frame(number, data, whole, 0 if whole else file.tell())


@dataclass(frozen=True, slots=True)
class _Seen:
    """A request that waits for those behind it to be seen. `time`: 0 without points."""

    message: ExportMetricsServiceRequest
    time: int
    size_bytes: int


def followed(recording: Recording, stop: asyncio.Event) -> Iterator[tuple[ExportMetricsServiceRequest, int, list[int]]]:
    """Requests with points, the time of each, and the times of those that follow (`LOOK_FRAMES`, fewer if large).

    Ends at `stop`, between two requests. What the end of the file cuts off is logged.

    Raises:
        RecordingError: after all that came before the fault.
    """
    seen: deque[_Seen] = deque()
    fault: RecordingError | None = None
    size = 0
    try:
        for frame in recording.frames():
            if stop.is_set():
                return
            message = recording.request(frame)
            if message is None:
                _LOG.warning("the end is cut off path=%s at=%d", recording.name, frame.number)
                continue
            seen.append(_Seen(message, time_of(message), len(frame.data)))
            size += len(frame.data)
            while len(seen) > LOOK_FRAMES or size > _LOOK_BYTES:
                size -= seen[0].size_bytes
                yield from _first_of(seen)
    except RecordingError as error:
        fault = error
    while seen:
        yield from _first_of(seen)
    if fault is not None:
        raise fault


def _first_of(seen: deque[_Seen]) -> Iterator[tuple[ExportMetricsServiceRequest, int, list[int]]]:
    found = seen.popleft()
    if found.time:
        yield found.message, found.time, [one.time for one in seen if one.time]


def points_of(message: ExportMetricsServiceRequest) -> Iterator[Any]:
    """All data points, in order."""
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                if kind:
                    yield from getattr(metric, kind).data_points


def time_of(message: ExportMetricsServiceRequest) -> int:
    """When a request is of: the time of the middle one of its points; 0 without points, or where none has a time."""
    return middle([point.time_unix_nano for point in points_of(message) if point.time_unix_nano])


def move(message: ExportMetricsServiceRequest, to: Callable[[int], int]) -> tuple[int, list[int]]:
    """Change every time in place; number of points, and the new times of those that have one.

    An unset time (0) stays unset; times stay within what OTLP can hold.
    """
    points, times = 0, []
    for point in points_of(message):
        points += 1
        if point.time_unix_nano:
            point.time_unix_nano = moved = _held(to(point.time_unix_nano))
            times.append(moved)
        if point.start_time_unix_nano:
            point.start_time_unix_nano = _held(to(point.start_time_unix_nano))
        for exemplar in getattr(point, "exemplars", ()):
            if exemplar.time_unix_nano:
                exemplar.time_unix_nano = _held(to(exemplar.time_unix_nano))
    return points, times


def _held(time_unix_nano: int) -> int:
    return min(max(time_unix_nano, 1), _NEWEST_TIME)
