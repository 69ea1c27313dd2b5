"""Regular expressions as the collector means them (RE2), with results kept per text: labels repeat more than differ."""

from __future__ import annotations

import re
from collections.abc import Callable

import re2

from phoenix.engine.ottl.errors import OttlSyntaxError

RE2 = "write it without lookarounds and backreferences, brackets closed: it is RE2's language"
"""What to do about a pattern that cannot be read."""
_KEPT = 65_536
"""Results kept per pattern; when full, all are forgotten: a stream of ever new texts must not grow the process."""
_REFERENCE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class Pattern:
    """A compiled pattern; `names` are its named groups."""

    def __init__(self, source: str) -> None:
        """Compile.

        Raises:
            OttlSyntaxError: RE2 cannot read it; lookarounds and backreferences it never could.
        """
        try:
            self._compiled = re2.compile(source, _OPTIONS)
        except re2.error as error:
            reason = error.args[0] if error.args else "bad pattern"
            reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
            raise OttlSyntaxError(f"the regex pattern {source!r} is not valid RE2: {reason}") from error
        self.source = source
        self.names: dict[str, int] = dict(self._compiled.groupindex)
        self._found: dict[str, bool] = {}

    def found_in(self, text: str) -> bool:
        """Whether it matches anywhere in the text."""
        known = self._found.get(text)
        if known is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            known = self._found[text] = self._compiled.search(text) is not None
        return known

    def named_groups(self, text: str) -> dict[str, str] | None:
        """Named groups of the first match (unmatched ones empty), None without a match."""
        match = self._compiled.search(text)
        return None if match is None else {name: match.group(name) or "" for name in self.names}

    def expanded(self, template: str, text: str) -> str | None:
        """The template with the groups of the first match, as Go's Expand does it; None without a match."""
        match = self._compiled.search(text)
        return None if match is None else _expansion(template)(match)

    def replacer(self, template: str, change: Callable[[str], str] | None = None) -> Callable[[str], str]:
        """A function that replaces all matches; `$1`, `${1}` and `${name}` stand for groups, as in Go.

        Args:
            template: the replacement.
            change: applied to each expanded replacement.
        """
        done: dict[str, str] = {}
        expand = _expansion(template)

        def one(match: re.Match[str]) -> str:
            text = expand(match)
            return change(text) if change else text

        def replace(text: str) -> str:
            known = done.get(text)
            if known is None:
                if len(done) >= _KEPT:
                    done.clear()
                known = done[text] = self._compiled.sub(one, text)
            return known

        return replace


def _expansion(template: str) -> Callable[[re.Match[str]], str]:
    """Go's Expand: the longest name after `$` counts, so `$1x` is the group `1x`, which is empty if there is none."""
    if "$" not in template:
        return lambda _match: template

    def group(match: re.Match[str], name: str) -> str:
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    def expand(match: re.Match[str]) -> str:
        def one(reference: re.Match[str]) -> str:
            name = reference[1] or reference[2]
            return "$" if name is None else group(match, name)

        return _REFERENCE.sub(one, template)

    return expand


def glob(source: str) -> Callable[[str], bool]:
    """A glob that must match the whole text: `*`, `?`, `[abc]`, `[!a]`, `{a,b}`; a backslash makes a character plain.

    Raises:
        OttlSyntaxError: a bracket is not closed.
    """
    out, depth, at = [], 0, 0
    while at < len(source):
        char = source[at]
        if char == "\\" and at + 1 < len(source):
            at += 1
            out.append(re2.escape(source[at]))
        elif char in "*?":
            out.append(".*" if char == "*" else ".")
        elif char == "{":
            depth += 1
            out.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            out.append(")")
        elif char == "," and depth:
            out.append("|")
        elif char == "[" and (end := source.find("]", at + 2)) > 0:
            out.append("[" + source[at + 1 : end].replace("!", "^", 1) + "]")
            at = end
        else:
            out.append(re2.escape(char))
        at += 1
    if depth:
        raise OttlSyntaxError(f"the pattern {source!r} has a brace that is not closed")
    pattern = Pattern("(?s)^" + "".join(out) + "$")
    return pattern.found_in
