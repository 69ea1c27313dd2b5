"""A process that makes events at a steady rate: status patches to the API server, or puts into etcd.

    python -m benchmarks.writer phoenix|etcd PORT COUNT SIZE [TOKEN]

One connection, one write in flight. Every event carries the monotonic time at which it was *due*, so that a writer or a
server that falls behind shows as latency. Prints what it reached as JSON: {"per_s": …}.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import PurePosixPath

from benchmarks.grpc import Putter

RATE = 500
KEY = b"/phoenix.io/collectors/default/bench"
STAMP = b"due="
STAMP_DIGITS = 20
PATH = "/apis/phoenix.io/v1alpha1/namespaces/default/collectors"


def stamp(due_ns: int) -> str:
    """What the timed watchers look for."""
    return f"{STAMP.decode()}{due_ns:0{STAMP_DIGITS}d}"


class Patcher:
    """One connection that patches the status of one Collector, one patch after another."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        self._token = token

    def send(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> bytes:
        """The body of the answer. Raises ConnectionError: it is not a success."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        status, length = self._reader.readline(), 0
        while (line := self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = self._reader.read(length)
        if not status.startswith(b"HTTP/1.1 2"):
            raise ConnectionError(f"{method} {path}: {status!r} {answer[:300]!r}")
        return answer

    def patch(self, name: str, text: str) -> None:
        """Write a text into the object's status."""
        body = json.dumps({"status": {"gap": text}}).encode()
        path = str(PurePosixPath(PATH) / name / "status")
        self.send("PATCH", path, body, "application/merge-patch+json")

    def close(self) -> None:
        """End the connection."""
        self._reader.close()
        self._socket.close()


def paced(write: Callable[[int], None], count: int) -> float:
    """Write `count` times at RATE; the rate reached."""
    began = time.monotonic_ns()
    for number in range(count):
        due = began + number * 1_000_000_000 // RATE
        wait_s = (due - time.monotonic_ns()) / 1e9
        if wait_s > 0:
            time.sleep(wait_s)
        write(due)
    return count / ((time.monotonic_ns() - began) / 1e9)


def main() -> None:
    target, port, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if target == "phoenix":
        patcher = Patcher(port, sys.argv[5])
        per_s = paced(lambda due: patcher.patch("bench", stamp(due)), count)
        patcher.close()
    else:
        putter = Putter(port)
        per_s = paced(lambda due: putter.put(KEY, stamp(due).encode().rjust(size, b"x")), count)
        putter.close()
    print(json.dumps({"per_s": per_s}))


if __name__ == "__main__":
    main()
