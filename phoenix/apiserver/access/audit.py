"""The record of writes: JSON lines of audit.k8s.io/v1 Events at level Metadata, in a private file of their own.

Requests put a tuple in a bounded queue; one thread makes lines of them and writes, every tenth of a second at most, so
that a request pays about a microsecond. What a crash may lose is that tenth of a second. Bodies and credentials are
never in it.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
import uuid
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from phoenix.apiserver.access.config import AuditConfig
from phoenix.apiserver.access.identity import Identity

_LOGGER = logging.getLogger(__name__)
_PAUSE_S = 0.1
_RETRY_S = 1.0
_SHOWN_CHARS = 1024


class Record(NamedTuple):
    """One request that was answered. Times are Unix seconds; `address` is the peer's."""

    began_at: float
    ended_at: float
    verb: str
    path: str
    code: int
    identity: Identity
    through: Identity | None
    group: str
    version: str
    resource: str
    subresource: str
    namespace: str
    name: str
    address: Any
    agent: str


class AuditLog:
    """The queue and its thread. `start`, then `record` from the event loop, then `stop`.

    Overflow: the oldest record is dropped, counted in `dropped` and said in the log.
    """

    def __init__(self, config: AuditConfig) -> None:
        self._config = config
        self._queue: deque[Record] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._file: BinaryIO | None = None
        self._size = 0
        self.written = 0
        self.dropped = 0
        self.broken = ""
        """Why the file cannot be written now; empty: it can."""

    @property
    def waiting(self) -> int:
        """Records that wait for the file."""
        return len(self._queue)

    def start(self) -> None:
        """Open the file and start the thread. Nothing where no path is configured."""
        if self._config.path is None:
            return
        self._open()
        self._thread = threading.Thread(target=self._run, name="apiserver-audit", daemon=True)
        self._thread.start()

    def record(self, record: Record) -> None:
        """Have a record written."""
        if self._thread is None:
            return
        queue = self._queue
        if len(queue) >= self._config.capacity:
            queue.popleft()
            self.dropped += 1
        queue.append(record)
        if not self._wake.is_set():
            self._wake.set()

    @property
    def refuses(self) -> bool:
        """Whether writes must be refused now."""
        return self._config.required and bool(self.broken)

    def stop(self) -> None:
        """Write what waits and close. Blocks, for as long as the disk takes; may be called twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping = True
        self._wake.set()
        thread.join()

    # ---- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            # NB: while broken it looks again by itself: without writes nothing else would find the disk well again.
            self._wake.wait(_RETRY_S if self.broken else None)
            self._wake.clear()
            stopping = self._stopping
            self._write_waiting()
            if stopping:
                break
            time.sleep(_PAUSE_S)
        if self._file is not None:
            self._file.close()

    def _write_waiting(self) -> None:
        if self._file is None and not self._open():
            return
        while self._queue:
            lines: list[bytes] = []
            while self._queue and len(lines) < 512:
                lines.append(to_line(self._queue.popleft()))
            if not self._write(lines):
                return

    def _write(self, lines: list[bytes]) -> bool:
        assert self._file is not None
        data = b"".join(lines)
        try:
            self._file.write(data)
            self._size += len(data)
            self.written += len(lines)
            if self._size >= self._config.max_bytes:
                self._rotate()
        except OSError as error:
            self.dropped += len(lines)
            self._fail(error)
            return False
        return True

    def _open(self) -> bool:
        path = self._config.path
        assert path is not None
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.fchmod(descriptor, 0o600)
            self._file = os.fdopen(descriptor, "ab", buffering=0)
            self._size = os.fstat(descriptor).st_size
        except OSError as error:
            self._fail(error)
            return False
        if self.broken:
            _LOGGER.info("the audit log is written again path=%s dropped=%d", path, self.dropped)
        self.broken = ""
        return True

    def _fail(self, error: OSError) -> None:
        if not self.broken:
            kept = "writes are refused" if self._config.required else "writes go on without being recorded"
            _LOGGER.error("the audit log cannot be written, %s path=%s: %s", kept, self._config.path, error)
        self.broken = f"{self._config.path}: {error.strerror or error}"
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rotate(self) -> None:
        assert self._file is not None
        path = self._config.path
        assert path is not None
        self._file.close()
        self._file = None
        for number in range(self._config.backups, 0, -1):
            source = backup(path, number - 1)
            if source.exists():
                source.replace(backup(path, number))
        if not self._config.backups:
            path.unlink()
        self._open()


def backup(path: Path, number: int) -> Path:
    """The file put aside `number` times ago; 0 is the one written now."""
    return path.with_name(f"{path.name}.{number}") if number else path


_RUN = uuid.uuid4().hex[:20]
_NUMBERS = itertools.count(1)


def _new_id() -> str:
    """A unique id in the shape of a UUID: random for this process, then counted, at a tenth of uuid4's price."""
    text = f"{_RUN}{next(_NUMBERS):012x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@lru_cache(maxsize=256)
def _user(identity: Identity) -> dict[str, object]:
    return identity.to_wire()


def to_line(record: Record) -> bytes:
    """A record as a line of JSON."""
    reference = {
        "resource": record.resource,
        "namespace": record.namespace,
        "name": record.name,
        "apiGroup": record.group,
        "apiVersion": record.version,
        "subresource": record.subresource,
    }
    wire: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": _new_id(),
        "stage": "ResponseComplete",
        "requestURI": record.path[:_SHOWN_CHARS],
        "verb": record.verb,
        "user": _user(record.through or record.identity),
        "userAgent": record.agent[:_SHOWN_CHARS],
        "objectRef": {key: value for key, value in reference.items() if value},
        "responseStatus": {"metadata": {}, "code": record.code},
        "requestReceivedTimestamp": _stamp(record.began_at),
        "stageTimestamp": _stamp(record.ended_at),
        "annotations": {"authorization.k8s.io/decision": "forbid" if record.code == 403 else "allow"},
    }
    if record.through is not None:
        wire["impersonatedUser"] = _user(record.identity)
    if isinstance(record.address, tuple) and record.address:
        wire["sourceIPs"] = [str(record.address[0])]
    return orjson.dumps(wire, option=orjson.OPT_APPEND_NEWLINE)


def _stamp(at: float) -> str:
    """RFC 3339 with microseconds."""
    micros = round(at * 1e6)
    return f"{_second(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"


@lru_cache(maxsize=64)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
