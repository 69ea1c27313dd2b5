"""Plain request heads, read from bytes."""

import pytest
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from phoenix.apiserver.http1 import MAX_HEAD_BYTES, Head, Unready, answer_head, read_head, target_url

PLAIN = (
    b"POST /apis/phoenix.io/v1alpha1/namespaces/default/experiments?fieldValidation=Strict HTTP/1.1\r\n"
    b"Host: localhost:8443\r\nUser-Agent: kubectl/v1.31 (linux/amd64)\r\nAccept:application/json, */*\t\r\n"
    b"X-Empty:\r\nContent-Length: 12\r\n\r\n"
)


def test_a_plain_head_has_its_parts() -> None:
    head = read_head(PLAIN + b"x" * 12)
    assert isinstance(head, Head)
    assert (head.method, head.size, head.block.length, head.block.close) == ("POST", len(PLAIN), 12, False)
    assert head.path == "/apis/phoenix.io/v1alpha1/namespaces/default/experiments?fieldValidation=Strict"
    assert head.block.headers["accept"] == "application/json, */*"
    assert head.block.headers["X-Empty"] == ""
    assert (b"Host", b"localhost:8443") in head.block.raw


def test_the_same_headers_are_read_once() -> None:
    first, second = read_head(PLAIN), read_head(PLAIN.replace(b"POST /", b"GET /other"))
    assert isinstance(first, Head)
    assert isinstance(second, Head)
    assert first.block is second.block


@pytest.mark.parametrize("end", range(len(PLAIN)))
def test_half_a_head_is_waited_for(end: int) -> None:
    assert read_head(PLAIN[:end]) is (Unready.INCOMPLETE if end else Unready.NOT_PLAIN)


LINE = b"GET /api HTTP/1.1\r\n"
NOT_PLAIN = {
    "HTTP/1.0": b"GET /api HTTP/1.0\r\nHost: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HEAD": b"HEAD /api HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "lower-case method": b"get /api HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute target": b"GET http://a/api HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": b"GET /api#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the path": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "byte outside ASCII in the path": "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    "line feeds only": b"GET /api HTTP/1.1\nHost: a\n\n",
    "line feed before the end": b"GET /api\nHost",
    "chunked": LINE + b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked and a length": LINE + b"Host: a\r\nContent-Length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
    "upgrade": LINE + b"Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "expectation we do not know": LINE + b"Host: a\r\nExpect: 200-ok\r\nContent-Length: 3\r\n\r\n",
    "compressed body": LINE + b"Host: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n",
    "connection of several words": LINE + b"Host: a\r\nConnection: keep-alive, close\r\n\r\n",
    "no host": LINE + b"Accept: */*\r\n\r\n",
    "no header at all": LINE + b"\r\n",
    "two hosts": LINE + b"Host: a\r\nhost: b\r\n\r\n",
    "two lengths": LINE + b"Host: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
    "two authorizations": LINE + b"Host: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "signed length": LINE + b"Host: a\r\nContent-Length: +3\r\n\r\n",
    "hexadecimal length": LINE + b"Host: a\r\nContent-Length: 0x3\r\n\r\n",
    "list of lengths": LINE + b"Host: a\r\nContent-Length: 3, 3\r\n\r\n",
    "no length in length": LINE + b"Host: a\r\nContent-Length:\r\n\r\n",
    "length beyond reason": LINE + b"Host: a\r\nContent-Length: 9999999999\r\n\r\n",
    "space before the colon": LINE + b"Host : a\r\n\r\n",
    "folded header": LINE + b"Host: a\r\nX: 1\r\n 2\r\n\r\n",
    "bare carriage return": LINE + b"Host: a\r\nX: 1\r2\r\n\r\n",
    "nul in a header": LINE + b"Host: a\r\nX: 1\x002\r\n\r\n",
    "no colon": LINE + b"Host: a\r\nnonsense\r\n\r\n",
    "no name": LINE + b"Host: a\r\n: x\r\n\r\n",
    "too many headers": LINE + b"Host: a\r\n" + b"X: 1\r\n" * 128 + b"\r\n",
    "too large a head": LINE + b"Host: a\r\nX: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
    "too large and not at its end": LINE + b"Host: a\r\nX: " + b"y" * MAX_HEAD_BYTES,
}


@pytest.mark.parametrize("data", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_what_is_rare_or_improper_is_left_to_aiohttp(data: bytes) -> None:
    assert read_head(data) is Unready.NOT_PLAIN


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_left(data: bytes) -> None:
    assert isinstance(read_head(LINE + data), Head | Unready)
    assert isinstance(read_head(data), Head | Unready)


_TOKEN = st.text("abcXYZ019-_", min_size=1, max_size=12)
_VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40),
    st.lists(st.tuples(_TOKEN, _VALUE), max_size=6),
)
async def test_a_plain_head_says_what_aiohttp_reads(path: str, headers: list[tuple[str, str]]) -> None:
    """Where both read it they read the same: two readings of one request are how requests are smuggled."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    data = f"GET /{path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()
    head = read_head(data)
    if not isinstance(head, Head):
        return
    parser = HttpRequestParser(_Paused(), None, 2**16, max_line_size=8190, max_headers=128, max_field_size=8190)
    ((message, _),), upgraded, tail = parser.feed_data(data)
    assert (message.method, message.path, upgraded, tail) == (head.method, head.path, False, b"")
    assert message.url.raw_path == target_url(head.path).raw_path
    assert message.url.raw_query_string == target_url(head.path).raw_query_string
    assert list(message.headers.items()) == list(head.block.headers.items())
    assert list(message.raw_headers) == list(head.block.raw)
    assert message.should_close == head.block.close


class _Paused:
    """What aiohttp's parser asks of a protocol."""

    _reading_paused = False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def test_an_answer_has_its_length_date_and_end() -> None:
    head = answer_head(201, [("Content-Type", "application/json")], 7, date="now", close=False)
    assert head == b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 7\r\nDate: now\r\n\r\n"
    assert b"Connection: close\r\n" in answer_head(400, [], 0, date="now", close=True)
    assert b"Content-Length" not in answer_head(304, [("ETag", '"x"')], 0, date="now", close=False)
    assert answer_head(599, [], 0, date="now", close=False).startswith(b"HTTP/1.1 599 ")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b"])
def test_a_header_cannot_break_out_of_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        answer_head(200, [("Warning", value)], 0, date="now", close=False)
