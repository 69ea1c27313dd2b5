"""Many watchers in one process: ten are read and timed, the rest are read as cheaply as the kernel allows.

What is not timed is dropped unseen (MSG_TRUNC) where a byte count proves delivery, or kept to its tail where only the
last event does. The crowd must not be what limits: it takes one core, as a peer's crowd does.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.writer import STAMP, STAMP_DIGITS

_BUFFER_BYTES = 1 << 20
_TAIL_BYTES = len(STAMP) + STAMP_DIGITS
_STAMPS = re.compile(re.escape(STAMP) + rb"(\d{%d})" % STAMP_DIGITS)
_QUIET_S = 0.4
TIMED = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """What came: latencies of the timed watchers (ms), which watchers got everything, and how long it took (s)."""

    latencies_ms: list[float]
    complete: int
    seconds: float


class Crowd:
    """Watchers of one server, connected.

    Args:
        hello: what a watcher sends first.
        keep_tails: read everything and look for the last event, instead of counting bytes. Counting needs a server
            that writes the same bytes to every watcher.
    """

    def __init__(self, port: int, count: int, hello: bytes, *, keep_tails: bool) -> None:
        self._keep_tails = keep_tails
        self._sockets: list[socket.socket] = []
        try:
            for _ in range(count):
                connection = socket.create_connection(("127.0.0.1", port), 30.0)
                self._sockets.append(connection)
                connection.sendall(hello)
            for connection in self._sockets:
                connection.setblocking(False)
        except BaseException:
            self.close()
            raise
        self._timed = {one.fileno() for one in self._sockets[:: max(1, count // TIMED)][:TIMED]}

    def __len__(self) -> int:
        return len(self._sockets)

    def settle(self) -> None:
        """Read what the server says first, until all of it has come. Raises TimeoutError, ConnectionError."""
        silent, ends = set(self._by_number()), time.monotonic() + 30.0
        while silent or self._read_some():
            if time.monotonic() > ends:
                msg = f"{len(silent)} watchers heard nothing"
                raise TimeoutError(msg)
            silent -= self._read_some()

    def _read_some(self) -> set[int]:
        """Numbers of the watchers that had something within a moment."""
        heard: set[int] = set()
        by_number = self._by_number()
        with _polling(by_number) as poll:
            for number, _ in poll.poll(_QUIET_S):
                if not by_number[number].recv(_BUFFER_BYTES):
                    raise ConnectionError("the server ended a watch")
                heard.add(number)
        return heard

    def _by_number(self) -> dict[int, socket.socket]:
        return {one.fileno(): one for one in self._sockets}

    def watch(self, start: Callable[[], object], events: int, *, within_s: float) -> Seen:
        """Call `start`, then read until everybody has everything or the time is up."""
        reading = _Reading(self._by_number(), self._timed, events, keep_tails=self._keep_tails)
        began = time.monotonic()
        start()
        reading.run(began + within_s)
        return Seen(reading.latencies_ms, reading.complete(), reading.last - began)

    def close(self) -> None:
        """Hang up."""
        for connection in self._sockets:
            connection.close()


def _polling(numbers: Sequence[int] | dict[int, socket.socket]) -> select.epoll:
    poll = select.epoll()
    for number in numbers:
        poll.register(number, select.EPOLLIN)
    return poll


class _Reading:
    """One measurement's reading."""

    def __init__(self, sockets: dict[int, socket.socket], timed: set[int], events: int, *, keep_tails: bool) -> None:
        self._sockets, self._timed, self._events, self._keep_tails = sockets, timed, events, keep_tails
        self._buffer = bytearray(_BUFFER_BYTES)
        self._bytes = dict.fromkeys(sockets, 0)
        self._tails = dict.fromkeys(sockets, b"")
        self._stamps: dict[int, int] = dict.fromkeys(timed, 0)
        self._final = b""
        self.latencies_ms: list[float] = []
        self.last = time.monotonic()

    def run(self, ends: float) -> None:
        """Read until quiet after everything came, or until the time is up."""
        with _polling(self._sockets) as poll:
            while time.monotonic() < ends:
                ready = poll.poll(_QUIET_S / 2)
                if not ready and min(self._stamps.values()) >= self._events and self.complete() == len(self._sockets):
                    return
                for number, _ in ready:
                    self._read(number)

    def _read(self, number: int) -> None:
        connection = self._sockets[number]
        try:
            if number in self._timed:
                count = connection.recv_into(self._buffer)
                self._time(number, count)
            elif self._keep_tails:
                count = connection.recv_into(self._buffer)
                self._tails[number] = (self._tails[number] + self._buffer[max(0, count - 512) : count])[-512:]
            else:
                count = connection.recv_into(self._buffer, _BUFFER_BYTES, socket.MSG_TRUNC)
        except BlockingIOError:
            return
        if count == 0:
            raise ConnectionError("the server ended a watch")
        self._bytes[number] += count
        self.last = time.monotonic()

    def _time(self, number: int, count: int) -> None:
        now = time.monotonic_ns()
        text = self._tails[number] + self._buffer[:count]
        at = 0
        for match in _STAMPS.finditer(text):
            self.latencies_ms.append((now - int(match[1])) / 1e6)
            self._stamps[number] += 1
            at = match.end()
            self._final = max(self._final, match[1])
        self._tails[number] = bytes(text[max(at, len(text) - _TAIL_BYTES) :])

    def complete(self) -> int:
        """How many watchers got every event."""
        timed = [number for number in self._timed if self._stamps[number] == self._events]
        if not timed:
            return 0
        others = self._sockets.keys() - self._timed
        if self._keep_tails:
            return len(timed) + sum(self._final in self._tails[number] for number in others)
        want = self._bytes[timed[0]]
        return len(timed) + sum(self._bytes[number] == want for number in others)
