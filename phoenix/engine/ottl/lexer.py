"""OTTL's tokens, with its traps: a sign is a token of its own, strings are in double quotes only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phoenix.engine.ottl.errors import OttlSyntaxError

_TOKENS = re.compile(
    r"""(?P<space>\s+)
      | (?P<bytes>0x[0-9a-fA-F]+)
      | (?P<float>(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?)
      | (?P<int>\d+)
      | (?P<string>"(?:\\.|[^\\"])*")
      | (?P<compare>==|!=|>=|<=|>|<)
      | (?P<add>[-+])
      | (?P<multiply>[*/])
      | (?P<punct>[=()\[\]{},.:])
      | (?P<name>[A-Za-z][A-Za-z0-9_]*)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r'\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|[abfnrtv\\"]|.)', re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind (a group of the pattern above, or `end`), its text and where it begins."""

    kind: str
    text: str
    at: int


def position(source: str, at: int) -> str:
    """`line:column`, both from 1."""
    line = source.count("\n", 0, at) + 1
    return f"{line}:{at - (source.rfind(chr(10), 0, at) + 1) + 1}"


def tokens(source: str) -> list[Token]:
    """All tokens but white space, then one of kind `end`.

    Raises:
        OttlSyntaxError: a character begins no token.
    """
    found, at = [], 0
    while at < len(source):
        match = _TOKENS.match(source, at)
        if match is None:
            hint = "; strings need double quotes" if source[at] == "'" else ""
            raise OttlSyntaxError(f"{position(source, at)}: lexer: invalid input text {source[at : at + 12]!r}{hint}")
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, match[0], at))
        at = match.end()
    found.append(Token("end", "<EOF>", len(source)))
    return found


def unquote(token: Token, source: str) -> str:
    """The text a string token stands for.

    Raises:
        OttlSyntaxError: it has an escape that OTTL (Go) does not know.
    """

    def one(match: re.Match[str]) -> str:
        code = match[1]
        if code in _SIMPLE:
            return _SIMPLE[code]
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code.isdigit():
            return chr(int(code, 8))
        raise OttlSyntaxError(
            f'{position(source, token.at)}: invalid quoted string {token.text}: unknown escape "\\{code}"; '
            "a backslash in a regular expression is written twice"
        )

    return _ESCAPE.sub(one, token.text[1:-1])
