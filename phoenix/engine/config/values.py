"""YAML as the collector reads it: version 1.2 scalars, Go's leading-zero octal, no dates, no repeated keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode

from phoenix.engine.errors import ConfigError, Finding, Phase

Value: TypeAlias = "bool | int | float | str | Sourced | list[Value] | dict[str, Value] | None"


@dataclass(frozen=True, slots=True)
class Sourced:
    """What `${env:X}` alone became: the value its text parses to, and the text, which string fields keep."""

    value: Value
    text: str


class Unresolved(str):
    """Text with a placeholder that has no value yet; it is accepted wherever a scalar is expected."""

    __slots__ = ()


class Date(str):
    """Text that YAML takes for a date: fields of text have it as it is written, others refuse it."""

    __slots__ = ()


class _Constructor(SafeConstructor):
    def construct_yaml_int(self, node: ScalarNode) -> int:
        text = node.value.replace("_", "")
        sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text.lstrip("+"))
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit() and not set(digits) & {"8", "9"}:
            return sign * int(digits, 8)
        return int(super().construct_yaml_int(node))

    def construct_yaml_str(self, node: ScalarNode) -> str | int:
        text = str(node.value)
        if node.style is None and node.tag == _STR and _CAPITAL_PREFIX.fullmatch(text):
            return int(text, 0)
        return text

    def construct_yaml_timestamp(self, node: ScalarNode, values: Any = None) -> Date:
        return Date(node.value)


_STR = "tag:yaml.org,2002:str"
_CAPITAL_PREFIX = re.compile("[-+]?0(?:O[0-7]+|X[0-9a-fA-F]+|B[01]+)")
"""Numbers in Go's YAML, texts in YAML 1.2."""
_Constructor.add_constructor(_STR, _Constructor.construct_yaml_str)
_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.construct_yaml_int)
_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.construct_yaml_timestamp)


def parse_yaml(text: str) -> Value:
    """Read one YAML document.

    Raises:
        ValueError: it is no YAML, or a mapping repeats a key; the message has the line.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        return from_python(yaml.load(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise ValueError(f"{where}{error.problem or error.context}".strip()) from error
    except YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def from_python(value: object) -> Value:
    """Make plain dicts, lists and scalars of whatever mapping and list types a parser gave; keys become text."""
    match value:
        case Mapping():
            return {str(key): from_python(item) for key, item in value.items()}
        case list() | tuple():
            return [from_python(item) for item in value]
        case None | bool() | int() | float() | str() | Sourced():
            return value
        case bytes():
            return value.decode(errors="replace")
        case _:
            return str(value)


def plain(value: Value) -> Value:
    """The value with what came from the environment put in its parsed form."""
    match value:
        case Sourced():
            return plain(value.value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def load(text: str) -> dict[str, Value]:
    """Read a configuration file's text as a mapping.

    Raises:
        ConfigError: it is no YAML mapping.
    """
    try:
        value = parse_yaml(text)
    except ValueError as error:
        raise ConfigError([Finding("", f"not valid YAML: {error}", "mend the file there", Phase.RETRIEVE)]) from error
    if value is None:
        raise ConfigError([Finding("", "empty configuration file", "write receivers, exporters and service")])
    if not isinstance(value, dict):
        hint = "write receivers, exporters, service"
        raise ConfigError([Finding("", "the configuration must be a mapping", hint, Phase.RETRIEVE)])
    return value
