"""Go's format strings, as far as OTTL's values need them: verbs v s d q x X t f F e E g G and %%, with flags."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from phoenix.engine.ottl.errors import OttlSyntaxError
from phoenix.engine.ottl.values import Value, float_text, kind_name, text_of

_VERB = re.compile(r"%([-+ 0#]*)(\d*)(?:\.(\d+))?(.)", re.DOTALL)
_KNOWN = frozenset("vsdqxXtfFeEgG%")


def sprintf(form: str, parts: Sequence[Value]) -> str:
    """The text; what does not fit its verb, is missing or left over is said in the text, as Go does.

    Raises:
        OttlSyntaxError: a verb that is not known here.
    """
    left = list(parts)

    def one(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb not in _KNOWN:
            raise OttlSyntaxError(f"Format {form!r}: the Embedded engine has no verb %{verb} (it has {_KNOWN_TEXT})")
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        return _one(left.pop(0), flags, width, precision, verb)

    made = _VERB.sub(one, form)
    if left and parts:
        made += f"%!(EXTRA {', '.join(f'{kind_name(part)}={_plain(part)}' for part in left)})"
    return made


_KNOWN_TEXT = "%v %s %d %q %x %X %t %f %e %g"


def _one(part: Value, flags: str, width: str, precision: str | None, verb: str) -> str:
    spec = f"%{flags}{width}" + (f".{precision}" if precision is not None else "")
    match part, verb:
        case bool(), "t" | "v":
            return _padded(_plain(part), flags, width)
        case (int(), "d" | "x" | "X") if not isinstance(part, bool):
            return (spec + verb) % part
        case float(), "f" | "F" | "e" | "E" | "g" | "G":
            return (spec + verb) % part
        case str(), "s" | "v":
            return (spec + "s") % part
        case str(), "q":
            return _padded(json.dumps(part, ensure_ascii=False), flags, width)
        case str() | bytes(), "x" | "X":
            data = part.encode() if isinstance(part, str) else part
            return _padded(data.hex() if verb == "x" else data.hex().upper(), flags, width)
        case _, "v":
            return _padded(_plain(part), flags, width)
        case None, _:
            return f"%!{verb}(<nil>)"
        case _:
            return f"%!{verb}({kind_name(part)}={_plain(part)})"


def _padded(text: str, flags: str, width: str) -> str:
    return f"%{'-' if '-' in flags else ''}{width}s" % text


def _plain(part: Value) -> str:
    """As %v writes it."""
    match part:
        case None:
            return "<nil>"
        case list():
            return f"[{' '.join(_plain(item) for item in part)}]"
        case dict():
            return f"map[{' '.join(f'{key}:{_plain(part[key])}' for key in sorted(part))}]"
        case float():
            return float_text(part)
        case _:
            return text_of(part) or ""
