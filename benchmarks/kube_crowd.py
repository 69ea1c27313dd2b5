"""Watchers over TLS in one process, each a connection, and a process that makes the events they wait for.

    python -m benchmarks.kube_crowd PORT COUNT PER_S PATH < TOKEN

patches the status of the object at PATH, one patch in flight, each carrying the monotonic time at which it was due: a
server that falls behind shows as latency. Prints {"per_s": …}.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import ssl
import sys
import time
from collections.abc import Callable

from benchmarks.kube_side import request_bytes, unverified
from benchmarks.writer import STAMP, STAMP_DIGITS, stamp

_STAMPS = re.compile(re.escape(STAMP) + rb"(\d{%d})" % STAMP_DIGITS)
_TAIL_BYTES = len(STAMP) + STAMP_DIGITS
_QUIET_S = 0.3


def connect(port: int) -> ssl.SSLSocket:
    """A connection with TLS."""
    plain = socket.create_connection(("127.0.0.1", port), 30.0)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return unverified().wrap_socket(plain, server_hostname="localhost")


class TlsCrowd:
    """Watchers that are connected; reading is timed from when an event was due."""

    def __init__(self, port: int, count: int, hello: bytes) -> None:
        self._selector = selectors.DefaultSelector()
        self._tails: dict[ssl.SSLSocket, bytes] = {}
        self._left: dict[ssl.SSLSocket, int] = {}
        self.latencies_ms: list[float] = []
        for _ in range(count):
            watcher = connect(port)
            watcher.sendall(hello)
            watcher.setblocking(False)
            self._selector.register(watcher, selectors.EVENT_READ)
            self._tails[watcher] = b""

    def settle(self) -> None:
        """Read what comes first until it is quiet."""
        while ready := self._selector.select(_QUIET_S):
            for key, _ in ready:
                self._read(key.fileobj)  # type: ignore[arg-type]  # what was registered above
        self.latencies_ms.clear()

    def watch(self, start: Callable[[], object], events: int, *, within_s: float) -> None:
        """Call `start`, then read until every watcher has every event. Raises TimeoutError, ConnectionError."""
        self._left = dict.fromkeys(self._tails, events)
        ends = time.monotonic() + within_s
        start()
        while any(self._left.values()):
            if time.monotonic() > ends:
                missing = sum(map(bool, self._left.values()))
                raise TimeoutError(f"{missing} of {len(self._left)} watchers have not got all of {events} events")
            for key, _ in self._selector.select(_QUIET_S):
                self._read(key.fileobj)  # type: ignore[arg-type]  # what was registered above

    def _read(self, watcher: ssl.SSLSocket) -> None:
        while True:
            try:
                text = watcher.recv(1 << 16)
            except ssl.SSLWantReadError:
                return
            if not text:
                raise ConnectionError("the server ended a watch")
            now = time.monotonic_ns()
            whole, at = self._tails[watcher] + text, 0
            for match in _STAMPS.finditer(whole):
                self.latencies_ms.append((now - int(match[1])) / 1e6)
                at = match.end()
                if watcher in self._left:
                    self._left[watcher] -= 1
            self._tails[watcher] = whole[max(at, len(whole) - _TAIL_BYTES) :]

    def close(self) -> None:
        """Hang up."""
        for watcher in self._tails:
            watcher.close()
        self._selector.close()


def main() -> None:
    port, count, per_s, path = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    token = sys.stdin.readline().strip()
    connection = connect(port)
    reader = connection.makefile("rb")
    began = time.monotonic_ns()
    for number in range(count):
        due = began + int(number * 1e9 / per_s)
        time.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
        body = json.dumps({"status": {"note": stamp(due)}}).encode()
        connection.sendall(request_bytes(token, "PATCH", path, body, "application/merge-patch+json"))
        status, length = reader.readline(), 0
        while (line := reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = reader.read(length)
        if not status.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"{status!r} {answer[:300]!r}")
    print(json.dumps({"per_s": count / ((time.monotonic_ns() - began) / 1e9)}))
    connection.close()


if __name__ == "__main__":
    main()
