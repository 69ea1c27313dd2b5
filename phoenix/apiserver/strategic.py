"""Strategic merge patch, as far as the core kinds need it: kubectl sends it for namespaces and events.

Maps merge; lists are replaced but for those with a merge key below; the directives `$patch`, `$retainKeys`,
`$deleteFromPrimitiveList/LIST` and `$setElementOrder/LIST` (order only: dropped) are understood. Upstream refuses it
for custom resources, and so do we.
"""

from __future__ import annotations

from typing import Any

from phoenix.apimachinery.errors import BadRequest

_MERGED_BY_KEY = {"ownerReferences": "uid", "conditions": "type"}
_MERGED_AS_SETS = frozenset({"finalizers"})
_DELETE_FROM, _ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"


def strategic_merge(target: Any, patch: Any) -> Any:
    """`patch` laid over `target`, which may be changed.

    Raises:
        BadRequest: a directive has the wrong form.
    """
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = target if isinstance(target, dict) else {}
    match patch.get("$patch"):
        case None | "merge":
            pass
        case "replace":
            return {key: value for key, value in patch.items() if key != "$patch"}
        case "delete":
            return {}
        case other:
            msg = f"$patch {other!r} is not merge, replace or delete"
            raise BadRequest(msg)
    kept = patch.get("$retainKeys")
    if kept is not None:
        result = {key: value for key, value in result.items() if key in _listed("$retainKeys", kept)}
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            name = key.removeprefix(_DELETE_FROM)
            gone = _listed(key, value)
            result[name] = [item for item in result.get(name) or () if item not in gone]
        elif key in ("$patch", "$retainKeys") or key.startswith(_ORDER):
            continue
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(key, result.get(key), value)
    return result


def _merged(name: str, old: Any, new: Any) -> Any:
    if not isinstance(new, list) or not isinstance(old, list):
        return strategic_merge(old, new) if not isinstance(new, list) else _plain(new)
    if name in _MERGED_AS_SETS:
        return old + [item for item in new if item not in old]
    if name in _MERGED_BY_KEY:
        return _merge_items(_MERGED_BY_KEY[name], old, new)
    return new


def _merge_items(key: str, old: list[Any], new: list[Any]) -> list[Any]:
    items = [item for item in old if isinstance(item, dict)]
    for change in new:
        if not isinstance(change, dict):
            msg = f"an item of a list merged by {key} must be an object, not {change!r}"
            raise BadRequest(msg)
        at = next((index for index, item in enumerate(items) if item.get(key) == change.get(key)), None)
        if change.get("$patch") == "delete":
            items = [item for index, item in enumerate(items) if index != at]
        elif at is None:
            items.append(strategic_merge({}, change))
        else:
            items[at] = strategic_merge(items[at], change)
    return items


def _plain(items: list[Any]) -> list[Any]:
    """A list that has nothing to merge with, without directives."""
    kept = [item for item in items if not (isinstance(item, dict) and item.get("$patch") == "delete")]
    return [strategic_merge({}, item) if isinstance(item, dict) else item for item in kept]


def _listed(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        msg = f"{name} must be a list"
        raise BadRequest(msg)
    return value
