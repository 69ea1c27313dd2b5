"""Compressed request bodies: whole or not at all, and never larger than allowed."""

from __future__ import annotations

import zlib

from phoenix.engine.errors import BadData

ENCODINGS = {"gzip": 31, "zlib": 15, "deflate": 15}
"""Content-Encoding to zlib's window bits; HTTP's `deflate` is the zlib format."""


def inflate(data: bytes, encoding: str, limit_bytes: int) -> bytes:
    """The body behind a Content-Encoding; gzip may have several members.

    aiohttp would do this by itself, but takes a gzip body that was cut short for a whole one.

    Raises:
        BadData: it is not of that encoding, ends early, or is larger than `limit_bytes`.
    """
    parts: list[bytes] = []
    room = limit_bytes
    while data:
        stream = zlib.decompressobj(ENCODINGS[encoding])
        try:
            part = stream.decompress(data, room + 1)
        except zlib.error as error:
            raise BadData(f"the body is no {encoding}: {error}") from error
        if len(part) > room:
            raise BadData(f"request body too large: the limit is {limit_bytes} bytes")
        if not stream.eof:
            raise BadData(f"the {encoding} body ends early")
        parts.append(part)
        room -= len(part)
        data = stream.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
