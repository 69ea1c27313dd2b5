"""`${…}` in values, as the collector expands it: `${env:X}`, `${X}`, `${env:X:-default}`, `${yaml:…}`, and `$$`.

Keys are never expanded. A variable that is unset and has no default, or is set to nothing, is null (empty inside longer
text), which makes a scalar zero, as in the collector.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from phoenix.engine.config.values import Date, Sourced, Unresolved, Value, parse_yaml
from phoenix.engine.errors import Finding, Phase

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_DEPTH = 100


class _Fault(Exception):
    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Expander:
    """Expands a tree; faults become findings.

    Args:
        environ: the environment; None when it is not known yet (a check ahead of time): then a reference without a
            value is kept as `Unresolved` text, and so are the agent's `${phoenix:…}` placeholders.
        findings: where faults go.
    """

    def __init__(self, environ: Mapping[str, str] | None, findings: list[Finding]) -> None:
        self._environ = environ
        self._findings = findings

    def tree(self, value: Value, path: str = "") -> Value:
        """The value with every string in it expanded."""
        match value:
            case dict():
                return {key: self.tree(item, f"{path}.{key}" if path else key) for key, item in value.items()}
            case list():
                return [self.tree(item, f"{path}[{index}]") for index, item in enumerate(value)]
            case str() if "$" in value:
                try:
                    return self._text(value, 0)
                except _Fault as fault:
                    self._findings.append(Finding(path, str(fault), fault.hint, Phase.EXPAND))
                    return Unresolved(value)
            case _:
                return value

    def _text(self, text: str, depth: int) -> Value:
        if depth > _MAX_DEPTH:
            raise _Fault("too many recursive expansions", "a variable may not lead to itself")
        parts: list[Value] = []
        at, literal = 0, ""
        while at < len(text):
            if text.startswith("$$", at):
                literal += "$"
                at += 2
            elif text.startswith("${", at) and (end := _closing(text, at)) > 0:
                if literal:
                    parts.append(literal)
                    literal = ""
                parts.append(self._reference(text[at + 2 : end], depth))
                at = end + 1
            else:
                literal += text[at]
                at += 1
        if literal or not parts:
            parts.append(literal)
        if len(parts) == 1:
            return parts[0]
        joined = "".join(_as_text(part) for part in parts)
        return Unresolved(joined) if any(isinstance(part, Unresolved) for part in parts) else joined

    def _reference(self, inner: str, depth: int) -> Value:
        uri = _as_text(self._text(inner, depth + 1)) if "$" in inner else inner
        if _NAME.fullmatch(uri):
            return self._env(uri, depth)
        match = _SCHEME.fullmatch(uri)
        if match is None:
            hint = f"only ${{env:{uri}}} takes a default" if ":-" in uri else "write ${env:NAME}, or $$ for a plain $"
            if uri.isdigit():
                hint = f"a group of a pattern is written $${{{uri}}} here"
            raise _Fault(f'invalid uri: "{uri}"', hint)
        scheme, rest = match[1], match[2]
        if scheme == "env":
            return self._env(rest, depth)
        if scheme == "yaml":
            return self._parsed(rest, depth)
        if scheme == "phoenix" and self._environ is None:
            return Unresolved(f"${{{uri}}}")
        hint = (
            f"only ${{env:{uri}}} takes a default"
            if rest.startswith("-")
            else "the Embedded engine reads env: and yaml:"
        )
        raise _Fault(f'scheme "{scheme}" is not supported for uri "{uri}"', hint)

    def _env(self, reference: str, depth: int) -> Value:
        name, has_default, default = reference.partition(":-")
        if not _NAME.fullmatch(name):
            raise _Fault(
                f'environment variable "{name}" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$',
                "write a letter or _ first, and $$ for a plain $",
            )
        text = None if self._environ is None else self._environ.get(name)
        if text is None and has_default:
            return self._parsed(default, depth) if default else ""
        if text is not None:
            return self._parsed(text, depth)
        return Unresolved(f"${{env:{name}}}") if self._environ is None else None

    def _parsed(self, text: str, depth: int) -> Value:
        """What a text from outside becomes: expanded again, then YAML where it parses, with its own text kept."""
        expanded = self._text(text, depth + 1) if "$" in text else text
        if not isinstance(expanded, str) or isinstance(expanded, Unresolved):
            return expanded
        try:
            value = parse_yaml(expanded)
        except ValueError:
            return expanded
        if isinstance(value, str):
            return Date(expanded) if isinstance(value, Date) else expanded
        return Sourced(value, expanded)


def _closing(text: str, at: int) -> int:
    """Where the brace opened by `${` at `at` closes, 0 if it does not."""
    depth = 0
    for index in range(at, len(text)):
        if text.startswith("${", index):
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return 0


def _as_text(value: Value) -> str:
    match value:
        case None:
            return ""
        case Sourced():
            return value.text
        case str():
            return value
        case _:
            return str(value)
