"""As much of gRPC over HTTP/2 as it takes to put keys into etcd and to watch one: frames by hand, no library.

Why by hand: the load client must not be what limits, and Python's gRPC would be. Headers are sent as literals without
indexing, and answers' headers are never decoded: the end of a stream is the trailers' flag.
"""

from __future__ import annotations

import socket
import struct

_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW = 0, 1, 4, 6, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_WIDEST = 2**31 - 1
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PUT, WATCH = "/etcdserverpb.KV/Put", "/etcdserverpb.Watch/Watch"


def varint(number: int) -> bytes:
    """Base-128, as protobuf has it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(payload: bytes) -> bytes:
    """A gRPC message, not compressed."""
    return b"\0" + struct.pack(">I", len(payload)) + payload


def put_request(key: bytes, value: bytes) -> bytes:
    """etcd's PutRequest as a gRPC message."""
    return message(field(1, key) + field(2, value))


def watch_request(key: bytes) -> bytes:
    """etcd's WatchRequest that creates a watch of one key, as a gRPC message."""
    return message(field(1, field(1, key)))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _head(path: str) -> bytes:
    pairs = {
        ":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
        "content-type": "application/grpc", "te": "trailers",
    }  # fmt: skip
    return b"".join(
        b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
        for name, value in pairs.items()
    )


def hello() -> bytes:
    """Opens a connection on which the server may send without end."""
    settings = struct.pack(">HI", 4, _WIDEST)  # SETTINGS_INITIAL_WINDOW_SIZE
    window = (_WIDEST - 65535).to_bytes(4, "big")
    return (
        _PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_SETTINGS, _ACK, 0, b"") + _frame(_WINDOW, 0, 0, window)
    )


def call(path: str, request: bytes, stream: int, *, ends: bool) -> bytes:
    """A call with one message; `ends`: the client sends no more on it."""
    head = _frame(_HEADERS, _END_HEADERS, stream, _head(path))
    return head + _frame(_DATA, _END_STREAM if ends else 0, stream, request)


class Putter:
    """One connection that puts keys, one after another."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(hello())
        self._reader = self._socket.makefile("rb")
        self._stream = -1

    def put(self, key: bytes, value: bytes) -> None:
        """Put and wait for the answer. Raises ConnectionError."""
        self._stream += 2
        self._socket.sendall(call(PUT, put_request(key, value), self._stream, ends=True))
        answered = False
        while True:
            head = self._reader.read(9)
            if len(head) < 9:
                raise ConnectionError("etcd closed the connection")
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = self._reader.read(length)
            if kind == _PING and not flags & _ACK:
                self._socket.sendall(_frame(_PING, _ACK, 0, payload))
            elif kind == _DATA and int.from_bytes(head[5:], "big") == self._stream:
                answered = True
            elif kind == _HEADERS and flags & _END_STREAM:
                if not answered:
                    raise ConnectionError("etcd refused a put")
                return

    def close(self) -> None:
        """End the connection."""
        self._reader.close()
        self._socket.close()
