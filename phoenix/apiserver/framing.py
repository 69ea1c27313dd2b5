"""How watch events are laid on a connection: HTTP/1.1 chunks of JSON lines, or WebSocket text messages.

Both are plain functions of bytes, so that what was framed once can be written to every watcher of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

_TEXT_FINAL = 0x81  # FIN and opcode text, RFC 6455 section 5.2; a server does not mask
_SHORT, _MEDIUM = 126, 1 << 16


class Framing(StrEnum):
    """Which of the two."""

    CHUNKED = "chunked"
    WEBSOCKET = "websocket"


def frame(framing: Framing, lines: Sequence[bytes]) -> bytes:
    """Bytes for the connection that carry these events (JSON, each ending in a newline)."""
    if framing is Framing.CHUNKED:
        body = b"".join(lines)
        return b"%x\r\n%b\r\n" % (len(body), body)
    return b"".join(part for line in lines for part in (_message_head(len(line)), line))


def _message_head(length: int) -> bytes:
    if length < _SHORT:
        return bytes((_TEXT_FINAL, length))
    if length < _MEDIUM:
        return bytes((_TEXT_FINAL, _SHORT)) + length.to_bytes(2, "big")
    return bytes((_TEXT_FINAL, _SHORT + 1)) + length.to_bytes(8, "big")
