"""HTTP/1.1 as most requests are: heads read and answers written, as plain functions of bytes.

Only what is plain is read here. Whatever is rare, streamed or not quite proper (chunked bodies, upgrades, HTTP/1.0, a
header no client of ours sends twice) is `NotPlain`: aiohttp's parser takes the connection over and also answers what is
wrong, so that there is one judge of bad HTTP. Clients on a kept connection send the same headers again and again: a
block of headers is read once and found again by its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

MAX_HEAD_BYTES: Final = 16 << 10
_MAX_HEADERS = 128
_CACHED_BLOCK_BYTES = 4096  # a longer block is read anew each time: the cache stays within 256 * 4 KiB of keys

_END: Final = b"\r\n\r\n"
# A path and a query of visible ASCII, without a fragment; anything else is aiohttp's to judge.
_REQUEST_LINE = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) (/[!\"$-~]*) HTTP/1\.1\r\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|)[ \t]*\r\n")
_LENGTH = re.compile(r"[0-9]{1,9}\Z")
_STREAMED = frozenset(
    (
        "transfer-encoding", "upgrade", "content-encoding", "http2-settings", "trailer", "te",
        "sec-websocket-key", "sec-websocket-version",
    )
)  # fmt: skip
_ONCE = frozenset(("host", "content-length", "content-type", "authorization", "connection", "expect"))
_CONTINUE = "100-continue"


class Unready(Enum):
    """Why there is no request to answer yet."""

    INCOMPLETE = "the head has not come whole"
    NOT_PLAIN = "aiohttp reads it"


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """Headers that many requests share.

    `length` is the body's in bytes; `close`: the client sends no other request; `expects`: it sends the body once told
    to; `accepts_stream`: it asks for server-sent events.
    """

    headers: CIMultiDictProxy[str]
    raw: tuple[tuple[bytes, bytes], ...]
    length: int
    close: bool
    expects: bool
    accepts_stream: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a plain request; its body begins `size` bytes after the head's first."""

    method: str
    path: str
    block: HeaderBlock
    size: int


def read_head(data: bytes) -> Head | Unready:
    """The head at the beginning of `data`, or why there is none. Pure; the same bytes always give the same."""
    end = data.find(_END)
    if end < 0:
        # What cannot become plain any more is not waited for.
        early = len(data) > MAX_HEAD_BYTES or not _may_become_plain(data)
        return Unready.NOT_PLAIN if early else Unready.INCOMPLETE
    if end > MAX_HEAD_BYTES:
        return Unready.NOT_PLAIN
    line = _REQUEST_LINE.match(data)
    if line is None:
        return Unready.NOT_PLAIN
    raw_block = data[line.end() : end + 2]
    block = _cached_block(raw_block) if len(raw_block) <= _CACHED_BLOCK_BYTES else _read_block(raw_block)
    if block is None:
        return Unready.NOT_PLAIN
    return Head(line[1].decode(), line[2].decode(), block, end + 4)


def _may_become_plain(data: bytes) -> bool:
    """Whether the beginning of a head could be that of a plain one."""
    line_end = data.find(b"\r\n")
    if line_end >= 0:
        return _REQUEST_LINE.match(data) is not None
    return data[:1] in (b"G", b"P", b"D") and b"\n" not in data


def _read_block(raw_block: bytes) -> HeaderBlock | None:
    """Headers, each line ending in CRLF; None where they are not plain."""
    found, at = [], 0
    for header in _HEADER.finditer(raw_block):
        if header.start() != at:
            return None
        found.append((header[1], header[2]))
        at = header.end()
    if at != len(raw_block) or len(found) > _MAX_HEADERS:
        return None
    names = [name.decode().lower() for name, _ in found]
    if names.count("host") != 1 or not _STREAMED.isdisjoint(names):
        return None
    if any(names.count(name) > 1 for name in _ONCE):
        return None
    headers = CIMultiDict((name.decode(), value.decode()) for name, value in found)
    length = headers.get("Content-Length", "0")
    connection = headers.get("Connection", "keep-alive").lower()
    if not _LENGTH.match(length) or connection not in ("keep-alive", "close"):
        return None
    if headers.get("Expect", _CONTINUE).lower() != _CONTINUE:
        return None
    accepts_stream = "event-stream" in headers.get("Accept", "").lower()
    return HeaderBlock(
        headers=CIMultiDictProxy(headers),
        raw=tuple(found),
        length=int(length),
        close=connection == "close",
        expects="Expect" in headers,
        accepts_stream=accepts_stream,
    )


_cached_block = lru_cache(maxsize=256)(_read_block)


@lru_cache(maxsize=1024)
def target_url(path: str) -> URL:
    """The path and query of a request line as the URL that handlers see: as it was sent, escapes and all."""
    path, _, query = path.partition("?")
    return URL.build(path=path, query_string=query, encoded=True)


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_BODYLESS = frozenset((204, 304))


def answer_head(status: int, headers: Collection[tuple[str, str]], length: int, *, date: str, close: bool) -> bytes:
    """The head of an answer whose body has `length` bytes. `headers` have no Content-Length, Date or Connection.

    Raises ValueError: a header would break out of its line.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\r") != len(headers) or lines.count("\n") != len(headers) or "\0" in lines:
        msg = f"a header of an answer has a line break in it: {lines!r}"
        raise ValueError(msg)
    size = "" if status in _BODYLESS else f"Content-Length: {length}\r\n"
    connection = "Connection: close\r\n" if close else ""
    line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n"
    return f"{line}{lines}{size}Date: {date}\r\n{connection}\r\n".encode()
