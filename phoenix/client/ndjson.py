"""A stream of JSON lines from chunks of any size."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

_MAX_LINE_BYTES = 64 * 2**20


class LineTooLong(Exception):
    """A line passes the limit: the stream is not what was asked for."""


async def lines(chunks: AsyncIterator[bytes], *, max_line_bytes: int = _MAX_LINE_BYTES) -> AsyncGenerator[bytes, None]:
    """Whole lines, without their ends, empty ones left out; the rest of a broken last line is dropped.

    NB: not StreamReader.readline, which refuses lines longer than its buffer: one large object would end every watch.
    Raises LineTooLong.
    """
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            line = b"".join((*parts, piece)) if parts else piece
            parts, size = [], 0
            if line.strip():
                yield line
        if rest:
            parts.append(rest)
            size += len(rest)
            if size > max_line_bytes:
                raise LineTooLong(f"a line passes {max_line_bytes} bytes")
