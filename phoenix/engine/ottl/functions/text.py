"""Converters of text: IsMatch, Concat, Split, Substring, cases, trimming, formats."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.formatting import sprintf
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


def need_int(value: Value, name: str) -> int:
    """The value, which must be a whole number.

    Raises:
        OttlError: it is something else.
    """
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
        at, count = need_int(start(context), "Substring"), need_int(length(context), "Substring")
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


def lower(text: str) -> str:
    """Letter by letter, as Go does it: no letter becomes two."""
    return "".join(letter.lower()[:1] for letter in text)


def upper(text: str) -> str:
    """Letter by letter, as Go does it: one whose capital is two stays as it is."""
    return "".join(big if len(big := letter.upper()) == 1 else letter for letter in text)


_BETWEEN = re.compile(r"(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])|(?<=[A-Z])(?=[0-9])")
_ASCII_LOWER = {ord(letter): ord(letter) + 32 for letter in string.ascii_uppercase}


def snake_case(text: str) -> str:
    """A `_` where the kind of letter changes and for every space, hyphen and dot; a run of capitals is one word."""
    return re.sub(r"[ .-]", "_", _BETWEEN.sub("_", text.strip())).translate(_ASCII_LOWER)


def camel_case(text: str) -> str:
    """A capital after every separator and digit; of a run of capitals only the first stays one."""
    made: list[str] = []
    capital, after_capital = True, False
    for letter in text.strip():
        is_capital = letter in string.ascii_uppercase
        if letter in string.ascii_letters:
            made.append(letter.upper() if capital else letter.lower() if after_capital and is_capital else letter)
            capital = False
        elif letter in string.digits:
            made.append(letter)
            capital = True
        else:
            capital = letter in "_ -."
        after_capital = is_capital
    return "".join(made)


def _convert_case(target: Getter, to_case: str) -> Getter:
    cases: dict[str, Callable[[str], str]] = {
        "lower": lower,
        "upper": upper,
        "snake": snake_case,
        "camel": camel_case,
    }
    if to_case not in cases:
        raise OttlSyntaxError(f"invalid case: {to_case}, allowed cases are: lower, upper, snake, camel")
    return _of_one("ConvertCase", cases[to_case])(target)


def _trim(target: Getter, replacement: Getter | None) -> Getter:
    def get(context: Context) -> Value:
        cut = " " if replacement is None else need_text(replacement(context), "Trim")
        return need_text(target(context), "Trim").strip(cut)

    return get


def _format(form: str, values: Getter) -> Getter:
    def get(context: Context) -> Value:
        parts = values(context)
        if not isinstance(parts, list):
            raise OttlError(f"Format expects a list, not {kind_name(parts)}")
        return sprintf(form, parts)

    sprintf(form, [])  # for its verbs
    return get


_TARGET = params("target:string")

TEXT = by_identity(
    Function("IsMatch", params("target:value pattern:text"), _is_match),
    Function("Concat", params("vals:values delimiter:string"), _concat),
    Function("Split", params("target:string delimiter:string"), _split),
    Function("Substring", params("target:string start:integer length:integer"), _substring),
    Function("HasPrefix", params("target:string prefix:string"), _of_two("HasPrefix", str.startswith)),
    Function("HasSuffix", params("target:string suffix:string"), _of_two("HasSuffix", str.endswith)),
    Function("TrimPrefix", params("target:string prefix:string"), _of_two("TrimPrefix", str.removeprefix)),
    Function("TrimSuffix", params("target:string suffix:string"), _of_two("TrimSuffix", str.removesuffix)),
    Function("Trim", params("target:string replacement:string?"), _trim),
    Function("ConvertCase", params("target:string toCase:text"), _convert_case),
    Function("ToLowerCase", _TARGET, _of_one("ToLowerCase", lower)),
    Function("ToUpperCase", _TARGET, _of_one("ToUpperCase", upper)),
    Function("ToSnakeCase", _TARGET, _of_one("ToSnakeCase", snake_case)),
    Function("ToCamelCase", _TARGET, _of_one("ToCamelCase", camel_case)),
    Function("Format", params("format_string:text vals:values"), _format),
)
