"""How watch events are laid on a connection: chunks of JSON lines, WebSocket messages, or server-sent events.

All are plain functions of bytes, so that what was framed once can be written to every watcher of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

_TEXT_FINAL = 0x81  # FIN and opcode text, RFC 6455 section 5.2; a server does not mask
_SHORT, _MEDIUM = 126, 1 << 16


HEARTBEAT = b": still here\n\n"
"""A comment of an event stream: keeps proxies from closing what is merely quiet."""


class Framing(StrEnum):
    """Which of the three. EVENT_STREAM is chunks of server-sent events."""

    CHUNKED = "chunked"
    WEBSOCKET = "websocket"
    EVENT_STREAM = "event stream"

    def record(self, line: bytes, revision: int | None) -> bytes:
        """An event's line as it joins others of its connection.

        Args:
            line: JSON, ending in a newline, with no other.
            revision: what a client that got this line may go on from; None where that is not so yet, 0 where it has to
                begin anew.
        """
        if self is not Framing.EVENT_STREAM:
            return line
        if revision is None:
            return b"data: %b\n" % line
        return b"id: %b\ndata: %b\n" % (str(revision).encode() if revision else b"", line)


def frame(framing: Framing, lines: Sequence[bytes]) -> bytes:
    """Bytes for the connection that carry these events (each as `record` made it)."""
    if framing is not Framing.WEBSOCKET:
        body = b"".join(lines)
        return b"%x\r\n%b\r\n" % (len(body), body)
    return b"".join(part for line in lines for part in (_message_head(len(line)), line))


def _message_head(length: int) -> bytes:
    if length < _SHORT:
        return bytes((_TEXT_FINAL, length))
    if length < _MEDIUM:
        return bytes((_TEXT_FINAL, _SHORT)) + length.to_bytes(2, "big")
    return bytes((_TEXT_FINAL, _SHORT + 1)) + length.to_bytes(8, "big")
