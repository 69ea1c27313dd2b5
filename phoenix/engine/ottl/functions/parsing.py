"""Converters of structured text: numbers of any base, key=value pairs, CSV, URLs, addresses."""

from __future__ import annotations

import csv
import io
import ipaddress
import re
from collections.abc import Callable
from urllib.parse import SplitResult, quote, unquote, urlsplit

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.functions.text import need_int, need_text
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.signature import Function, by_identity, params
from phoenix.engine.ottl.values import Value, as_string, kind_name

_PREFIXES = {"0x": 16, "0o": 8, "0b": 2}
_DIGITS = re.compile("[0-9a-zA-Z]+")


def _parse_int(target: Getter, base: Getter) -> Getter:
    def get(context: Context) -> Value:
        text, radix = need_text(target(context), "ParseInt"), need_int(base(context), "ParseInt")
        if not text:
            raise OttlError("invalid target value for ParseInt function, target cannot be empty")
        if radix < 0 or radix == 1 or radix > 36:
            raise OttlError(f"ParseInt: invalid base {radix}: give 0 or 2 to 36")
        try:
            number = _int_of(text, radix)
        except ValueError as error:
            raise OttlError(f"ParseInt cannot read {text!r} to base {radix}") from error
        if not -(2**63) <= number < 2**63:
            raise OttlError(f"ParseInt: {text!r} is out of range of 64 bits")
        return number

    return get


def _int_of(text: str, radix: int) -> int:
    """As Go reads it: prefixes and underscores with base 0 only, where a leading 0 is octal; no spaces."""
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    if radix == 0:
        radix = _PREFIXES.get(digits[:2].lower(), 8 if digits.startswith("0") and len(digits) > 1 else 10)
        if digits[:2].lower() in _PREFIXES:
            digits = digits[2:].removeprefix("_")
        digits = re.sub("(?<=[0-9a-zA-Z])_(?=[0-9a-zA-Z])", "", digits)
    if not _DIGITS.fullmatch(digits):
        raise ValueError(text)
    return int(sign + digits, radix)


def _delimiters(name: str, delimiter: str | None, pair_delimiter: str | None) -> tuple[str, str]:
    inner, outer = "=" if delimiter is None else delimiter, " " if pair_delimiter is None else pair_delimiter
    if not inner or not outer:
        raise OttlSyntaxError(f"{name}: {'delimiter' if not inner else 'pair delimiter'} cannot be an empty string")
    if inner == outer:
        raise OttlSyntaxError(f"{name}: pair delimiter {outer!r} cannot be equal to delimiter {inner!r}")
    return inner, outer


def _parse_key_value(target: Getter, delimiter: str | None, pair_delimiter: str | None) -> Getter:
    inner, outer = _delimiters("ParseKeyValue", delimiter, pair_delimiter)

    def get(context: Context) -> Value:
        text = need_text(target(context), "ParseKeyValue")
        if not text:
            raise OttlError("cannot parse from empty target")
        found: dict[str, Value] = {}
        for pair in _split_quoted(text, outer):
            key, separator, value = pair.partition(inner)
            if not separator:
                raise OttlError(f"cannot split {pair!r} into 2 items at {inner!r}")
            found[key.strip()] = value.strip()
        return found

    return get


def _split_quoted(text: str, delimiter: str) -> list[str]:
    """The parts between delimiters that are in no quotes; quotes go, a backslash stays and keeps one from counting."""
    parts: list[str] = []
    current: list[str] = []
    quote_char, escaped, at = "", False, 0
    while at < len(text):
        if not quote_char and text.startswith(delimiter, at):
            if current:
                parts.append("".join(current))
                current = []
            at += len(delimiter)
            continue
        char = text[at]
        at += 1
        if not escaped and char == quote_char:
            quote_char = ""
            continue
        if not escaped and not quote_char and char in "\"'":
            quote_char = char
            continue
        escaped = not escaped and char == "\\"
        current.append(char)
    if quote_char:
        raise OttlError("never reached the end of a quoted value")
    return [*parts, "".join(current)] if current else parts


def _to_key_value(
    target: Getter, delimiter: str | None, pair_delimiter: str | None, sort_output: bool | None
) -> Getter:
    inner, outer = _delimiters("ToKeyValueString", delimiter, pair_delimiter)

    def escaped(text: str) -> str:
        text = text.replace('"', '\\"')
        return f'"{text}"' if outer in text or inner in text else text

    def get(context: Context) -> Value:
        values = target(context)
        if not isinstance(values, dict):
            raise OttlError(f"ToKeyValueString expects a map, not {kind_name(values)}")
        pairs = sorted(values.items()) if sort_output else list(values.items())
        return outer.join(f"{escaped(key)}{inner}{escaped(as_string(value))}" for key, value in pairs)

    return get


def _parse_csv(
    target: Getter, header: Getter, delimiter: str | None, header_delimiter: str | None, mode: str | None
) -> Getter:
    by, of_header = delimiter or ",", header_delimiter or delimiter or ","
    if len(delimiter if delimiter is not None else ",") != 1 or len(of_header) != 1 or header_delimiter == "":
        raise OttlSyntaxError("ParseCSV: delimiter and header_delimiter must be a single character each")
    rows: dict[str, Callable[[str], list[str]]] = {
        "strict": lambda text: _csv_row(text, by, strict=True),
        "lazyQuotes": lambda text: _csv_row(text, by, strict=False),
        "ignoreQuotes": lambda text: text.split(by),
    }
    read = rows.get(mode or "strict")
    if read is None:
        raise OttlSyntaxError(f"ParseCSV: unknown mode {mode!r}, it is one of {', '.join(rows)}")

    def get(context: Context) -> Value:
        text, heads = need_text(target(context), "ParseCSV"), need_text(header(context), "ParseCSV")
        if not heads:
            raise OttlError("ParseCSV: headers must not be an empty string")
        names, fields = heads.split(of_header), read(text)
        if len(names) != len(fields):
            raise OttlError(f"ParseCSV: wrong number of fields: expected {len(names)}, found {len(fields)}")
        return dict(zip(names, fields, strict=True))

    return get


def _csv_row(text: str, by: str, *, strict: bool) -> list[str]:
    """The fields of one row; what goes on in another line belongs to the last field of the line before."""
    if strict and re.search(rf'(?:^|[^"{re.escape(by)}\n])[^"{re.escape(by)}\n]*"', _without_quoted(text, by)):
        raise OttlError('ParseCSV: bare " in a field that is not quoted')
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=by, strict=strict) if line]
    except csv.Error as error:
        raise OttlError(f"ParseCSV: {error}") from error
    if not lines:
        raise OttlError("ParseCSV: no csv lines found")
    joined = lines[0]
    for line in lines[1:]:
        joined[-1] += "\n" + line[0]
        joined.extend(line[1:])
    return joined


def _without_quoted(text: str, by: str) -> str:
    """The text without fields that are wholly in quotes."""
    edge = re.escape(by)
    return re.sub(rf'(^|{edge}|\n)"(?:[^"]|"")*"(?={edge}|\n|$)', r"\1", text)


_BAD_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")
_SCHEME = re.compile("[a-zA-Z][a-zA-Z0-9+.-]*:")
_NOT_IN_HOST = re.compile(r"[ {}|\\^`]")
_CONTROL = re.compile("[\x00-\x1f\x7f]")


def _url(uri: Getter) -> Getter:
    def get(context: Context) -> Value:
        text = need_text(uri(context), "URL")
        if not text:
            raise OttlError("url cannot be empty")
        try:
            return _url_parts(text)
        except ValueError as error:
            raise OttlError(f"URL cannot parse {text!r}: {error}") from error

    return get


def _url_parts(text: str) -> Value:
    before_query = text.partition("#")[0].partition("?")[0]
    if _CONTROL.search(text) or _BAD_ESCAPE.search(before_query) or before_query.startswith(":"):
        raise ValueError("control characters, escapes or scheme")
    first = before_query.partition("/")[0]
    if ":" in first and not _SCHEME.match(first):
        raise ValueError("first path segment in URL cannot contain colon")
    parts = urlsplit(text)
    if bad := _NOT_IN_HOST.search(parts.netloc):
        raise ValueError(f"invalid character {bad[0]!r} in host name")
    path = unquote(parts.path) if parts.netloc or parts.path.startswith("/") or not parts.scheme else ""
    found: dict[str, Value] = {
        "url.original": _original(text, parts),
        "url.domain": _host(parts),
        "url.scheme": parts.scheme,
        "url.path": path,
    }
    if parts.port is not None:
        found["url.port"] = parts.port
    if parts.fragment:
        found["url.fragment"] = unquote(parts.fragment)
    if "@" in parts.netloc:
        found["url.user_info"] = parts.netloc.rpartition("@")[0]
        if parts.username:
            found["url.username"] = unquote(parts.username)
        if parts.password is not None:
            found["url.password"] = unquote(parts.password)
    if parts.query:
        found["url.query"] = parts.query
    _, dot, extension = path.rpartition(".")
    if dot and extension:
        found["url.extension"] = extension
    return found


def _host(parts: SplitResult) -> str:
    """The host without port and brackets, in the letters it was given in."""
    host = parts.netloc.rpartition("@")[2]
    return host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]


def _original(text: str, parts: SplitResult) -> str:
    """As Go writes a URL it has read: the scheme in small letters, what needs it escaped."""
    scheme, colon, rest = text.partition(":")
    if parts.scheme and colon:
        text = f"{scheme.lower()}:{rest}"
    return quote(text, safe="%/:?#[]@!$&'()*+,;=~-._")


def _is_in_cidr(target: Getter, networks: list[str] | Getter) -> Getter:
    try:
        fixed = [_network(network) for network in networks] if isinstance(networks, list) else None
    except ValueError as error:
        raise OttlSyntaxError(f"IsInCIDR: {error}") from error

    def get(context: Context) -> Value:
        try:
            address = ipaddress.ip_address(need_text(target(context), "IsInCIDR").partition("%")[0])
        except ValueError:
            return False
        if fixed is not None:
            return any(_within(address, network) for network in fixed)
        return any(_within(address, network) for network in _computed(networks, context))

    return get


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str) -> _Network:
    if "/" not in text or "." in text.partition("/")[2]:
        raise ValueError(f"invalid CIDR address: {text}")
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"invalid CIDR address: {text}") from error


def _computed(networks: object, context: Context) -> list[_Network]:
    assert callable(networks)
    try:
        return [_network(need_text(network, "IsInCIDR")) for network in networks(context)]
    except ValueError as error:
        raise OttlError(f"IsInCIDR: {error}") from error


def _within(address: _Address, network: _Network) -> bool:
    """Whether it contains the address; one of IPv4 written as IPv6 is the former, as in Go."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.version == network.version and mapped in network


PARSING = by_identity(
    Function("ParseInt", params("target:string base:integer"), _parse_int),
    Function(
        "ParseKeyValue", params("target:string delimiter:text? pair_delimiter:text?"), _parse_key_value
    ),
    Function(
        "ToKeyValueString", params("target:mapping delimiter:text? pair_delimiter:text? sort_output:bool?"),
        _to_key_value,
    ),
    Function(
        "ParseCSV", params("target:string header:string delimiter:text? headerDelimiter:text? mode:text?"), _parse_csv
    ),
    Function("URL", params("url:string"), _url),
    Function("IsInCIDR", params("target:string networks:strings"), _is_in_cidr),
)  # fmt: skip
