"""Parameters of a template: check values against their declarations, put them into the tree.

A node that is the string `${param:NAME}` and nothing else becomes the value, as its type. Inside a longer string the
value is written as text: strings, numbers and durations as they are, booleans as `true` and `false` (OTTL's words), a
list of strings as an OTTL list literal `["a", "b"]`. Inside double quotes (an OTTL string literal) a value is escaped
so that it stays within them; a list cannot stand there. Values mean themselves: each `$` in one is doubled, so that
the collector expands nothing in it. `$${param:NAME}` is no placeholder. Keys are never substituted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phoenix.api.pipeline import ParameterType, TemplateParameter
from phoenix.apimachinery.units import parse_duration
from phoenix.pipelines.errors import Finding, did_you_mean

_PLACEHOLDER = re.compile(r"(?<!\$)(?:\$\$)*\$\{param:([^{}]*)\}")
_REFERENCE = re.compile(r"\$\{param:([^{}]*)\}$")

Value = str | int | float | bool | list[str]


def fill_in(
    declared: Sequence[TemplateParameter], given: Mapping[str, Any], path: str
) -> tuple[dict[str, Value], list[Finding]]:
    """Values of all declared parameters, given or default, and what is wrong with them. `path` is that of `given`."""
    by_name = {parameter.name: parameter for parameter in declared}
    findings = [
        Finding(f"{path}.{name}", "is not a parameter of the template", did_you_mean(name, by_name))
        for name in given
        if name not in by_name
    ]
    values: dict[str, Value] = {}
    for name, parameter in by_name.items():
        if (value := given.get(name, parameter.default)) is None:
            findings.append(
                Finding(f"{path}.{name}", "is required", f"give a {parameter.type}: {parameter.description or name}")
            )
            continue
        if problem := check_value(parameter, value):
            findings.append(Finding(f"{path}.{name}", problem[0], problem[1]))
        else:
            values[name] = value
    return values, findings


_STAND_INS: Mapping[ParameterType, Value] = {
    ParameterType.STRING: "example",
    ParameterType.INTEGER: 1,
    ParameterType.NUMBER: 1.0,
    ParameterType.BOOLEAN: True,
    ParameterType.DURATION: "1s",
    ParameterType.STRING_LIST: ["example"],
}


def stand_ins(declared: Sequence[TemplateParameter]) -> dict[str, Any]:
    """A value for each parameter that has no default, to see whether the template holds together; it means nothing."""
    return {
        parameter.name: parameter.enum[0] if parameter.enum else _stand_in(parameter)
        for parameter in declared
        if parameter.default is None
    }


def _stand_in(parameter: TemplateParameter) -> Value:
    least = parameter.minimum
    if least is not None and parameter.type in (ParameterType.INTEGER, ParameterType.NUMBER):
        return int(least) if parameter.type is ParameterType.INTEGER else least
    return _STAND_INS[parameter.type]


def check_value(parameter: TemplateParameter, value: object) -> tuple[str, str] | None:
    """What is wrong with a value, and what to do; None where nothing is."""
    if problem := _type_problem(parameter.type, value):
        return problem
    if parameter.enum is not None and value not in parameter.enum:
        known = [str(choice) for choice in parameter.enum]
        return f"{value!r} is not one of the allowed values", did_you_mean(str(value), known)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if parameter.minimum is not None and value < parameter.minimum:
            return f"{value} is too small", f"the minimum is {parameter.minimum:g}"
        if parameter.maximum is not None and value > parameter.maximum:
            return f"{value} is too large", f"the maximum is {parameter.maximum:g}"
    if parameter.pattern is not None:
        texts = value if isinstance(value, list) else [value]
        for text in texts:
            if isinstance(text, str) and not re.search(parameter.pattern, text):
                return f"{text!r} does not match {parameter.pattern}", ""
    return None


def _type_problem(kind: ParameterType, value: object) -> tuple[str, str] | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is ParameterType.DURATION and isinstance(value, str):
        try:
            parse_duration(value)
        except ValueError as error:
            return str(error), ""
        return None
    right = {
        ParameterType.STRING: isinstance(value, str),
        ParameterType.INTEGER: isinstance(value, int) and number,
        ParameterType.NUMBER: number,
        ParameterType.BOOLEAN: isinstance(value, bool),
        ParameterType.DURATION: False,
        ParameterType.STRING_LIST: isinstance(value, list) and all(isinstance(item, str) for item in value),
    }[kind]
    example = {"string": '"text"', "integer": "3", "number": "0.5", "boolean": "true", "duration": "30s"}
    return None if right else (f"{value!r} is no {kind}", f"write {example.get(kind, '[a, b]')}")


@dataclass(slots=True)
class Substitution:
    """Puts values into a tree, collecting what is wrong and which parameters were used."""

    values: Mapping[str, Value]
    declared: frozenset[str]
    findings: list[Finding] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def tree(self, node: object, path: str) -> Any:
        """A copy of the tree with every placeholder replaced."""
        if isinstance(node, Mapping):
            return {key: self.tree(child, f"{path}.{key}") for key, child in node.items()}
        if isinstance(node, list):
            return [self.tree(child, f"{path}[{index}]") for index, child in enumerate(node)]
        return self._text(node, path) if isinstance(node, str) else node

    def _text(self, text: str, path: str) -> Any:
        if (whole := _REFERENCE.match(text)) is not None:
            if (value := self._lookup(whole[1], path)) is None:
                return text
            return _as_node(value)
        return "".join(self._pieces(text, path))

    def _pieces(self, text: str, path: str) -> Iterator[str]:
        at = 0
        for found in _PLACEHOLDER.finditer(text):
            start = found.end() - len(f"${{param:{found[1]}}}")
            yield text[at:start]
            at = found.end()
            value = self._lookup(found[1], path)
            if value is None:
                continue
            quoted = _inside_quotes(text[:start])
            if quoted and isinstance(value, list):
                self.findings.append(
                    Finding(path, f"the list ${{param:{found[1]}}} stands inside quotes", "take the quotes away")
                )
                continue
            yield _as_text(value, quoted=quoted)
        yield text[at:]

    def _lookup(self, name: str, path: str) -> Value | None:
        self.used.add(name)
        if name not in self.declared:
            self.findings.append(Finding(path, f"${{param:{name}}} is not declared", did_you_mean(name, self.declared)))
        return self.values.get(name)


def _inside_quotes(text: str) -> bool:
    """Whether the text ends inside a double-quoted literal."""
    return len(re.findall(r'(?<!\\)(?:\\\\)*"', text)) % 2 == 1


def _as_node(value: Value) -> Value:
    if isinstance(value, str):
        return value.replace("$", "$$")
    return [item.replace("$", "$$") for item in value] if isinstance(value, list) else value


def _as_text(value: Value, *, quoted: bool) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, list):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value)
        if quoted:
            text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text.replace("$", "$$")
