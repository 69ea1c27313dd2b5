"""Converters of text: IsMatch, Concat, Split, Substring, cases, trimming, hashes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import xxhash

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.patterns import Pattern
from phoenix.engine.ottl.signature import Function, by_identity, params
from phoenix.engine.ottl.values import Value, kind_name, text_of


def _is_match(target: Getter, pattern: str) -> Getter:
    found_in = Pattern(pattern).found_in

    def get(context: Context) -> Value:
        text = text_of(target(context))
        return text is not None and found_in(text)

    return get


def need_text(value: Value, name: str) -> str:
    """The value, which must be a string.

    Raises:
        OttlError: it is something else.
    """
    if not isinstance(value, str):
        raise OttlError(f"{name} expects a string, not {kind_name(value)}")
    return value


def _need_int(value: Value, name: str) -> int:
    if type(value) is not int:
        raise OttlError(f"{name} expects an int, not {kind_name(value)}")
    return value


def _concat(values: Getter, delimiter: Getter) -> Getter:
    def get(context: Context) -> Value:
        parts = values(context)
        if not isinstance(parts, list):
            raise OttlError(f"Concat expects a list, not {kind_name(parts)}")
        texts = [text_of(part) for part in parts]
        return need_text(delimiter(context), "Concat").join("<nil>" if text is None else text for text in texts)

    return get


def _split(target: Getter, delimiter: Getter) -> Getter:
    def get(context: Context) -> Value:
        text, by = need_text(target(context), "Split"), need_text(delimiter(context), "Split")
        return list(text.split(by)) if by else list(text)

    return get


def _substring(target: Getter, start: Getter, length: Getter) -> Getter:
    def get(context: Context) -> Value:
        encoded = need_text(target(context), "Substring").encode()
        at, count = _need_int(start(context), "Substring"), _need_int(length(context), "Substring")
        if at < 0 or count <= 0 or at + count > len(encoded):
            raise OttlError(f"Substring: [{at}, {at + count}) lies outside a string of {len(encoded)} bytes")
        return encoded[at : at + count].decode(errors="replace")

    return get


def _of_two(name: str, test: Callable[[str, str], Value]) -> Callable[[Getter, Getter], Getter]:
    def build(target: Getter, other: Getter) -> Getter:
        return lambda context: test(need_text(target(context), name), need_text(other(context), name))

    return build


def _of_one(name: str, convert: Callable[[str], Value]) -> Callable[[Getter], Getter]:
    def build(target: Getter) -> Getter:
        return lambda context: convert(need_text(target(context), name))

    return build


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]|\d+")


def _convert_case(target: Getter, to_case: str) -> Getter:
    cases: dict[str, Callable[[str], str]] = {
        "lower": str.lower,
        "upper": str.upper,
        "snake": lambda text: "_".join(word.lower() for word in _WORDS.findall(text)),
        "camel": lambda text: "".join(word[:1].upper() + word[1:].lower() for word in _WORDS.findall(text)),
    }
    if to_case not in cases:
        raise OttlSyntaxError(f"invalid case: {to_case}, allowed cases are: lower, upper, snake, camel")
    return _of_one("ConvertCase", cases[to_case])(target)


def _trim(target: Getter, replacement: Getter | None) -> Getter:
    def get(context: Context) -> Value:
        cut = " " if replacement is None else need_text(replacement(context), "Trim")
        return need_text(target(context), "Trim").strip(cut)

    return get


def _fnv(text: str) -> int:
    """FNV-1a, 64 bits, as a signed number."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value - 2**64 if value >= 2**63 else value


def _format(form: str, values: Getter) -> Getter:
    verbs = re.findall(r"%[-+ 0#]*\d*(?:\.\d+)?([a-zA-Z%])", form)
    if any(verb not in "sdvfxq%" for verb in verbs):
        raise OttlSyntaxError(f"Format {form!r} has a verb the Embedded engine lacks: it has %s %d %v %f %x %q")
    python = re.sub(r"(%[-+ 0#]*\d*(?:\.\d+)?)v", r"\1s", form).replace("%q", '"%s"')

    def get(context: Context) -> Value:
        parts = values(context)
        if not isinstance(parts, list):
            raise OttlError(f"Format expects a list, not {kind_name(parts)}")
        shown = tuple(text_of(part) if isinstance(part, bool | list | dict) else part for part in parts)
        try:
            return python % tuple("<nil>" if part is None else part for part in shown)
        except (TypeError, ValueError) as error:
            raise OttlError(f"Format {form!r}: {error}") from error

    return get


_TARGET = params("target:value")

TEXT = by_identity(
    Function("IsMatch", params("target:value pattern:text"), _is_match),
    Function("Concat", params("vals:values delimiter:value"), _concat),
    Function("Split", params("target:value delimiter:value"), _split),
    Function("Substring", params("target:value start:value length:value"), _substring),
    Function("HasPrefix", params("target:value prefix:value"), _of_two("HasPrefix", str.startswith)),
    Function("HasSuffix", params("target:value suffix:value"), _of_two("HasSuffix", str.endswith)),
    Function("TrimPrefix", params("target:value prefix:value"), _of_two("TrimPrefix", str.removeprefix)),
    Function("TrimSuffix", params("target:value suffix:value"), _of_two("TrimSuffix", str.removesuffix)),
    Function("Trim", params("target:value replacement:value?"), _trim),
    Function("ConvertCase", params("target:value toCase:text"), _convert_case),
    Function("ToLowerCase", _TARGET, _of_one("ToLowerCase", str.lower)),
    Function("ToUpperCase", _TARGET, _of_one("ToUpperCase", str.upper)),
    Function("Format", params("format_string:text vals:values"), _format),
    Function("SHA256", _TARGET, _of_one("SHA256", lambda text: hashlib.sha256(text.encode()).hexdigest())),
    Function("SHA1", _TARGET, _of_one("SHA1", lambda text: hashlib.sha1(text.encode()).hexdigest())),
    Function("MD5", _TARGET, _of_one("MD5", lambda text: hashlib.md5(text.encode()).hexdigest())),
    Function("FNV", _TARGET, _of_one("FNV", _fnv)),
    Function("XXH3", _TARGET, _of_one("XXH3", lambda text: xxhash.xxh3_64_hexdigest(text.encode()))),
)
