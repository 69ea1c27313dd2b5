"""Validation of an object as JSON: what is wrong, field by field, in words and in Kubernetes' reasons.

The models decide; here their errors get field paths as people write them (`spec.variants[0].name`, `labels[a/b]`) and
messages that say what would be right. Types are strict: `"3"` is no number, as for a real API server.
"""

from __future__ import annotations

import difflib
import json
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from phoenix.api.fields import FieldNode
from phoenix.api.patterns import WANTED
from phoenix.api.structural import JsonObject
from phoenix.apimachinery.errors import Cause
from phoenix.apimachinery.meta import Resource

_MAX_SHOWN_CHARS = 80
_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_REASONS = {
    "missing": "FieldValueRequired",
    "enum": "FieldValueNotSupported",
    "literal_error": "FieldValueNotSupported",
    "string_too_long": "FieldValueTooLong",
    "too_long": "FieldValueTooMany",
}


def model_causes(kind: type[Resource], wire: JsonObject, node: FieldNode) -> list[Cause]:
    """What the kind's model has against an object; empty when nothing."""
    try:
        kind.__pydantic_validator__.validate_json(orjson.dumps(wire), strict=True)
    except ValidationError as error:
        return [_cause(details, node) for details in error.errors(include_url=False)]
    except (ValueError, TypeError) as error:  # text that is not Unicode, an integer beyond 64 bits
        return [Cause("FieldValueInvalid", f"Invalid value: the object is not JSON: {error}")]
    return []


def _cause(details: ErrorDetails, node: FieldNode) -> Cause:
    code = details["type"]
    field = field_path(details["loc"], node)
    if code in _TYPES:
        message = (
            f"Invalid value: {shown(details['input'])}: must be {_TYPES[code]}, not {_type_of(details['input'])}"
            f"{_mended(code, details['input'], field)}"
        )
        return Cause("FieldValueTypeInvalid", message, field)
    reason = _REASONS.get(code, "FieldValueInvalid")
    if reason == "FieldValueRequired":
        return Cause(reason, "Required value", field)
    if reason == "FieldValueNotSupported":
        expected = str(details.get("ctx", {}).get("expected", "")).replace("'", '"')
        message = f"Unsupported value: {shown(details['input'])}: supported values: {expected.replace(' or ', ', ')}"
        message += _nearest(details["input"], expected)
        return Cause(reason, message, field)
    return Cause(reason, f"Invalid value: {_given(details)}{_rule(details)}", field)


def _mended(code: str, value: Any, field: str) -> str:
    """How to write a value of the wrong type, where that is told by it."""
    if code == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        unit = "" if field.startswith("metadata") else f", and a duration with its unit, such as {value}s"
        return f': write "{value}" in quotes{unit}'
    if code == "string_type" and isinstance(value, bool):
        return f': write "{str(value).lower()}" in quotes'
    if code in ("int_type", "float_type") and isinstance(value, str) and value.strip().isdecimal():
        return f": write {value.strip()} without quotes"
    return ""


def _nearest(value: Any, expected: str) -> str:
    """`; did you mean "Auto"?`, where one of the quoted names is near to what was given, whatever its case."""
    names = {name.lower(): name for name in expected.split('"')[1::2]}
    close = difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.6) if isinstance(value, str) else []
    return f'; did you mean "{names[close[0]]}"?' if close else ""


def _given(details: ErrorDetails) -> str:
    """The value at fault; an object at fault is not repeated: its message says what it lacks."""
    return "" if isinstance(details["input"], dict | list) else f"{shown(details['input'])}: "


def _rule(details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    match details["type"]:
        case "value_error":
            return str(context.get("error", details["msg"]))
        case "string_pattern_mismatch":
            return f"must be {WANTED.get(context['pattern'], 'text that matches ' + context['pattern'])}"
        case _:
            return _as_demand(details["msg"])


def _as_demand(message: str) -> str:
    """Pydantic's sentence as a demand: `Input should be greater than 0` is `must be greater than 0`."""
    head, found, tail = message.replace(" after validation, not ", ", and has ").partition(" should ")
    return f"must {tail}" if found and head in ("Input", "String", "List", "Dictionary") else message


def shown(value: Any) -> str:
    """A value as JSON, cut to what fits a line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN_CHARS else text[: _MAX_SHOWN_CHARS - 1] + "…"


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "an object"


def field_path(location: tuple[int | str, ...], node: FieldNode) -> str:
    """Where it is, as people write it: list places and map keys in brackets.

    Steps that are no part of the object (pydantic names validators and union members too) are left out.
    """
    path, at = "", node
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
            at = at.items or at
        elif step in at.properties:
            path += f".{step}" if path else step
            at = at.properties[step]
        elif at.values is not None:
            path += "" if step == "[key]" else f"[{step}]"
            at = at.values
    return path
