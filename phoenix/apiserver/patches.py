"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902) on decoded objects."""

from __future__ import annotations

import copy
from typing import Any

import orjson

from phoenix.apimachinery.errors import BadRequest, Invalid

MAX_OPERATIONS = 10_000  # as upstream: a patch is a request, not a programme
MAX_COPY_BYTES = 1 << 20
_MAX_COPIES = 16
_MEMBERS = {
    "add": ("value",),
    "replace": ("value",),
    "test": ("value",),
    "remove": (),
    "move": ("from",),
    "copy": ("from",),
}


def merge_patch(target: Any, patch: Any) -> Any:
    """`patch` laid over `target`; null removes. Changes and returns `target` where both are objects."""
    if not isinstance(patch, dict):
        return patch
    result = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(target: Any, patch: Any) -> Any:
    """Operations in order, all or none.

    Raises:
        BadRequest: the patch is not a list of operations.
        Invalid: an operation is none, or cannot be done, or a test does not hold (clients use it as a precondition).
    """
    if not isinstance(patch, list):
        msg = 'a JSON patch is a list of operations, such as [{"op": "add", "path": "/spec/x", "value": 1}]'
        raise BadRequest(msg)
    if len(patch) > MAX_OPERATIONS:
        msg = f"the patch has {len(patch)} operations, the limit is {MAX_OPERATIONS}"
        raise BadRequest(msg)
    copies = sum(isinstance(operation, dict) and operation.get("op") == "copy" for operation in patch)
    if copies > _MAX_COPIES:
        msg = f"the patch has {copies} copy operations, the limit is {_MAX_COPIES}"
        raise BadRequest(msg)
    document = copy.deepcopy(target)
    for number, operation in enumerate(patch):
        _check_form(number, operation)
        try:
            document = _apply(document, operation)
        except _CannotApply as error:
            msg = f"operation {number} ({operation['op']} {operation['path']}) cannot be done: {error}"
            raise Invalid(msg) from error
    return document


class _CannotApply(Exception):
    """An operation does not fit the document."""


def _check_form(number: int, operation: Any) -> None:
    if not isinstance(operation, dict):
        raise BadRequest(f"operation {number} of the patch must be an object with op and path")
    op = operation.get("op")
    if not isinstance(op, str) or op not in _MEMBERS:
        msg = f"operation {number} of the patch needs an op: add, remove, replace, move, copy or test"
        raise Invalid(msg)
    for member in ("path", *_MEMBERS[op]):
        if member not in operation or (member != "value" and not isinstance(operation[member], str)):
            msg = f"operation {number} of the patch ({op}) needs a {member}"
            raise Invalid(msg)
        if member != "value" and operation[member] and not operation[member].startswith("/"):
            msg = f"operation {number} of the patch: {member} {operation[member]!r} must begin with /"
            raise Invalid(msg)


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = _tokens(operation["path"])
    match operation["op"]:
        case "add":
            return _add(document, path, operation["value"])
        case "remove":
            return _remove(document, path)
        case "replace":
            _look_up(document, path)
            return _put(document, path, operation["value"])
        case "test":
            found = _look_up(document, path)
            if not _same(found, operation["value"]):
                msg = f"the value is {found!r}"
                raise _CannotApply(msg)
            return document
        case "move":
            source = _tokens(operation["from"])
            if path[: len(source)] == source and path != source:
                msg = "a value cannot move into itself"
                raise _CannotApply(msg)
            value = _look_up(document, source)
            return _add(_remove(document, source), path, value)
        case _:
            return _add(document, path, _copied(_look_up(document, _tokens(operation["from"]))))


def _copied(value: Any) -> Any:
    """A copy by way of JSON, which bounds its depth. Repeated copies double: hence the limit on what one may be."""
    try:
        encoded = orjson.dumps(value)
    except TypeError as error:
        raise _CannotApply("the value is nested too deeply") from error
    if len(encoded) > MAX_COPY_BYTES:
        msg = f"the value is larger than {MAX_COPY_BYTES} bytes"
        raise _CannotApply(msg)
    return orjson.loads(encoded)


def _tokens(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _same(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _index(items: list[Any], token: str, *, end: bool) -> int:
    if end and token == "-":
        return len(items)
    if not (token.isascii() and token.isdigit()) or (len(token) > 1 and token[0] == "0") or len(token) > 9:
        msg = f"{token!r} is no index of a list"
        raise _CannotApply(msg)
    index = int(token)
    if index >= len(items) + end:
        msg = f"the list has {len(items)} items"
        raise _CannotApply(msg)
    return index


def _look_up(document: Any, path: list[str]) -> Any:
    for token in path:
        if isinstance(document, dict):
            if token not in document:
                msg = f"there is no {token!r}"
                raise _CannotApply(msg)
            document = document[token]
        elif isinstance(document, list):
            document = document[_index(document, token, end=False)]
        else:
            msg = f"{token!r} is inside a plain value"
            raise _CannotApply(msg)
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _look_up(document, path[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, path[-1], end=True), value)
        return document
    return _put(document, path, value)


def _put(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _look_up(document, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif isinstance(parent, list):
        parent[_index(parent, path[-1], end=False)] = value
    else:
        msg = f"{path[-1]!r} is inside a plain value"
        raise _CannotApply(msg)
    return document


def _remove(document: Any, path: list[str]) -> Any:
    _look_up(document, path)
    if not path:
        return None
    parent = _look_up(document, path[:-1])
    del parent[_index(parent, path[-1], end=False) if isinstance(parent, list) else path[-1]]
    return document
