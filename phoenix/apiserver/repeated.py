"""Keys that are twice in a JSON body. The decoder keeps the last and says nothing; whoever sent them meant something.

Every write asks, so that nearly every one is told by counting: what was decoded is encoded again, which has a colon
fewer for each pair that was dropped. Only where the counts differ is the body read by a slower decoder that sees pairs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from phoenix.apimachinery.errors import BadRequest
from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.options import FieldValidation

_ESCAPE = b"\\u"  # an escaped colon is none in the body, and one in what was decoded


def repeated_fields(body: bytes, encoded: bytes) -> list[str]:
    """Paths of keys that are there before, such as `spec.host`, in the body's order; empty for nearly every body.

    Args:
        body: JSON that can be decoded, bounded in depth.
        encoded: what it was decoded to, encoded again without spaces.
    """
    if _ESCAPE not in body and body.count(b":") == encoded.count(b":"):
        return []
    return list(dict.fromkeys(_walk(json.loads(body, object_pairs_hook=_Pairs), "")))


def check_repeated(kind: type[Resource], repeated: list[str], mode: FieldValidation) -> list[str]:
    """Warnings of repeated fields. Raises BadRequest where unknown ones would be refused as well."""
    said = [f'duplicate field "{path}"' for path in repeated]
    if said and mode is FieldValidation.STRICT:
        raise strict_error(kind, said)
    return said if mode is FieldValidation.WARN else []


def strict_error(kind: type[Resource], said: list[str]) -> BadRequest:
    """The answer to fields that are unknown or given twice, where the client asked for strictness."""
    info = kind.info
    head = f'{info.kind} in version "{info.version}" cannot be handled as a {info.kind}: strict decoding error: '
    return BadRequest(head + ", ".join(said))


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written."""


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, child in value:
            here = f"{path}.{key}" if path else key
            if key in seen:
                yield here
            seen.add(key)
            yield from _walk(child, here)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk(child, f"{path}[{index}]")
