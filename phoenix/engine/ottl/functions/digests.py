"""Converters of text or bytes to other text: hashes, and encodings both ways."""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import struct
from collections.abc import Callable

import mmh3
import xxhash

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.functions.text import need_text
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.signature import Function, by_identity, params
from phoenix.engine.ottl.values import Value, kind_name


def _hash(name: str, digest: Callable[[bytes], Value]) -> Function:
    def build(target: Getter) -> Getter:
        return lambda context: digest(need_text(target(context), name).encode())

    return Function(name, params("target:string"), build)


def _fnv(data: bytes) -> int:
    """FNV-1a, 64 bits, as a signed number."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value - 2**64 if value >= 2**63 else value


def _murmur3_32(data: bytes) -> str:
    return struct.pack("<I", mmh3.hash(data, signed=False)).hex()


def _murmur3_128(data: bytes) -> str:
    return struct.pack("<QQ", *mmh3.hash64(data, signed=False)).hex()


def _hex(target: Getter) -> Getter:
    def get(context: Context) -> Value:
        match target(context):
            case None:
                return ""
            case bool() as flag:
                return "01" if flag else "00"
            case bytes() as raw:
                return raw.hex()
            case str() as text:
                return text.encode().hex()
            case float() as number:
                return struct.pack(">d", number).hex()
            case int() as number if type(number) is int:
                return struct.pack(">q", number).hex()
            case other:
                raise OttlError(f"Hex does not read a {kind_name(other)}")

    return get


def _variant(name: str) -> tuple[bool, bool] | None:
    """Whether a variant of base64 is for URLs, and whether it is padded."""
    known = {"base64": (False, True), "base64-raw": (False, False)}
    return known.get(name) or {"base64-url": (True, True), "base64-raw-url": (True, False)}.get(name)


def _base64_encode(target: Getter, variant: Getter | None) -> Getter:
    def get(context: Context) -> Value:
        data = need_text(target(context), "Base64Encode").encode()
        name = "base64" if variant is None else need_text(variant(context), "Base64Encode")
        chosen = _variant(name)
        if chosen is None:
            raise OttlError(f"unsupported base64 variant: {name}")
        for_urls, padded = chosen
        text = (base64.urlsafe_b64encode(data) if for_urls else base64.b64encode(data)).decode()
        return text if padded else text.rstrip("=")

    return get


def _from_base64(data: bytes, for_urls: bool, padded: bool) -> bytes:
    data = data.replace(b"\r", b"").replace(b"\n", b"")
    if not padded:
        if b"=" in data:
            raise OttlError("could not decode: padding in base64 without it")
        data += b"=" * (-len(data) % 4)
    try:
        return base64.b64decode(data, altchars=b"-_" if for_urls else b"+/", validate=True)
    except binascii.Error as error:
        raise OttlError(f"could not decode: illegal base64 data: {error}") from error


_CODECS = {
    **dict.fromkeys(("", "utf-8", "utf8", "utf-8-raw", "utf8-raw", "ascii", "us-ascii", "nop"), "utf-8"),
    "utf-16": "utf-16-le", "utf16": "utf-16-le", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
    "iso-8859-1": "latin-1", "iso-8859-15": "iso8859-15", "windows-1252": "cp1252", "koi8-r": "koi8-r",
    "shift_jis": "shift_jis", "euc-jp": "euc_jp", "euc-kr": "euc_kr", "big5": "big5", "gbk": "gbk",
    "gb18030": "gb18030",
}  # fmt: skip


def _decoder(encoding: str) -> Callable[[bytes], str]:
    if variant := _variant(encoding):
        for_urls, padded = variant
        return lambda data: _from_base64(data, for_urls, padded).decode(errors="replace")
    codec = _CODECS.get(encoding.lower())
    if codec is None:
        raise OttlSyntaxError(
            f"Decode: unsupported encoding {encoding!r}: the embedded engine has base64, base64-raw, base64-url, "
            f"base64-raw-url, {', '.join(name for name in _CODECS if name)}"
        )
    info = codecs.lookup(codec)
    return lambda data: info.decode(data, "replace")[0]


def _decode(target: Getter, encoding: str) -> Getter:
    decode = _decoder(encoding)

    def get(context: Context) -> Value:
        value = target(context)
        match value:
            case bytes():
                return decode(value)
            case str():
                return decode(value.encode())
            case _:
                raise OttlError(f"unsupported type provided to Decode: {kind_name(value)}")

    return get


def _base64_decode(target: Getter) -> Getter:
    def get(context: Context) -> Value:
        return _from_base64(need_text(target(context), "Base64Decode").encode(), False, True).decode(errors="replace")

    return get


DIGESTS = by_identity(
    _hash("SHA512", lambda data: hashlib.sha512(data).hexdigest()),
    _hash("SHA256", lambda data: hashlib.sha256(data).hexdigest()),
    _hash("SHA1", lambda data: hashlib.sha1(data).hexdigest()),
    _hash("MD5", lambda data: hashlib.md5(data).hexdigest()),
    _hash("FNV", _fnv),
    _hash("XXH3", xxhash.xxh3_64_hexdigest),
    _hash("XXH128", xxhash.xxh3_128_hexdigest),
    _hash("Murmur3Hash", _murmur3_32),
    _hash("Murmur3Hash128", _murmur3_128),
    Function("Hex", params("target:value"), _hex),
    Function("Base64Encode", params("target:string variant:string?"), _base64_encode),
    Function("Base64Decode", params("target:string"), _base64_decode),
    Function("Decode", params("target:value encoding:text"), _decode),
)
