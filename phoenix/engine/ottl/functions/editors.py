"""Editors that change any target or map: set, delete_key, replace_pattern, limit and their kin."""

from __future__ import annotations

from collections.abc import Callable

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.functions.text import need_text
from phoenix.engine.ottl.paths import Access, Getter
from phoenix.engine.ottl.patterns import Pattern, glob
from phoenix.engine.ottl.signature import Editor, Function, MapTarget, by_identity, params
from phoenix.engine.ottl.values import Value, kind_name, text_of


def _set(target: Access, value: Getter) -> Editor:
    write = target.set
    assert write is not None, "the compiler checks targets"

    def edit(context: Context) -> None:
        new = value(context)
        if new is not None:
            write(context, new)

    return edit


def _delete_key(target: MapTarget, key: str | Getter) -> Editor:
    def delete(context: Context, key: str) -> None:
        values = target.values(context)
        if key in values:
            del values[key]
            target.changed(context)

    if isinstance(key, str):
        return lambda context: delete(context, key)
    return lambda context: delete(context, need_text(key(context), "delete_key"))


def _drop_where(target: MapTarget, drop: Callable[[str], bool]) -> Editor:
    def edit(context: Context) -> None:
        values = target.values(context)
        gone = [key for key in values if drop(key)]
        if gone:
            for key in gone:
                del values[key]
            target.changed(context)

    return edit


def _keep_keys(target: MapTarget, keys: list[str] | Getter) -> Editor:
    if isinstance(keys, list):
        kept = frozenset(keys)
        return _drop_where(target, lambda key: key not in kept)

    def edit(context: Context) -> None:
        told = keys(context)
        now = {need_text(key, "keep_keys") for key in told} if isinstance(told, list) else set()
        _drop_where(target, lambda key: key not in now)(context)

    return edit


def _delete_matching_keys(target: MapTarget, pattern: str) -> Editor:
    return _drop_where(target, Pattern(pattern).found_in)


def _keep_matching_keys(target: MapTarget, pattern: str) -> Editor:
    found_in = Pattern(pattern).found_in
    return _drop_where(target, lambda key: not found_in(key))


def _text_change(function: Callable[[Value], Value] | None, form: str | None) -> Callable[[str], str] | None:
    """The optional function of the replace editors, as text to text; its result may be put into a format."""
    if function is None:
        if form is not None:
            msg = "replacement_format needs a function"
            raise OttlSyntaxError(msg)
        return None

    def change(text: str) -> str:
        result = function(text)
        if not isinstance(result, str):
            raise OttlError(f"the replacement function must give a string, not {kind_name(result)}")
        return form.replace("%s", result, 1) if form else result

    return change


def _replace_pattern(
    target: Access,
    regex: str,
    replacement: str | Getter,
    function: Callable[[Value], Value] | None,
    form: str | None,
) -> Editor:
    change = _text_change(function, form)
    read, write = target.get, target.set
    assert write is not None, "the compiler checks targets"

    def with_replacer(context: Context, replace: Callable[[str], str]) -> None:
        value = read(context)
        if isinstance(value, str):
            new = replace(value)
            if new is not value:
                write(context, new)

    if isinstance(replacement, str):
        replace = Pattern(regex).replacer(replacement, change)
        return lambda context: with_replacer(context, replace)
    pattern = Pattern(regex)

    def edit(context: Context) -> None:
        with_replacer(context, pattern.replacer(need_text(replacement(context), "replace_pattern"), change))

    return edit


def _replace_all_patterns(
    target: MapTarget,
    mode: str,
    regex: str,
    replacement: str,
    function: Callable[[Value], Value] | None,
    form: str | None,
) -> Editor:
    if mode not in {"key", "value"}:
        raise OttlSyntaxError(f"invalid mode {mode}, must be either 'key' or 'value'")
    replace = Pattern(regex).replacer(replacement, _text_change(function, form))

    def values_edit(context: Context) -> None:
        values = target.values(context)
        for key, value in list(values.items()):
            if isinstance(value, str) and (new := replace(value)) != value:
                values[key] = new
                target.changed(context)

    def keys_edit(context: Context) -> None:
        values = target.values(context)
        renamed = {replace(key): value for key, value in values.items()}
        if list(renamed) != list(values):
            values.clear()
            values.update(renamed)
            target.changed(context)

    return values_edit if mode == "value" else keys_edit


def _replace_match(
    target: Access, pattern: str, replacement: Getter, function: Callable[[Value], Value] | None, form: str | None
) -> Editor:
    matches, change = glob(pattern), _text_change(function, form)
    read, write = target.get, target.set
    assert write is not None, "the compiler checks targets"

    def edit(context: Context) -> None:
        value = read(context)
        if isinstance(value, str) and matches(value):
            text = text_of(replacement(context)) or ""
            write(context, change(text) if change else text)

    return edit


def _replace_all_matches(
    target: MapTarget, pattern: str, replacement: Getter, function: Callable[[Value], Value] | None, form: str | None
) -> Editor:
    matches, change = glob(pattern), _text_change(function, form)

    def edit(context: Context) -> None:
        values = target.values(context)
        text = text_of(replacement(context)) or ""
        text = change(text) if change else text
        for key, value in list(values.items()):
            if isinstance(value, str) and matches(value):
                values[key] = text
                target.changed(context)

    return edit


def _limit(target: MapTarget, limit: int, priority_keys: list[str]) -> Editor:
    if limit < 0:
        raise OttlSyntaxError(f"invalid limit for limit function, {limit} cannot be negative")
    if limit < len(priority_keys):
        msg = f"invalid limit for limit function, {limit} cannot be less than number of priority attributes"
        raise OttlSyntaxError(msg)
    first = frozenset(priority_keys)

    def edit(context: Context) -> None:
        values = target.values(context)
        if len(values) <= limit:
            return
        room = limit - sum(key in first for key in values)
        for key in list(values):
            if key in first:
                continue
            room -= 1
            if room < 0:
                del values[key]
        target.changed(context)

    return edit


def _truncate_all(target: MapTarget, limit: int) -> Editor:
    if limit < 0:
        raise OttlSyntaxError(f"invalid limit for truncate_all function, {limit} cannot be negative")

    def edit(context: Context) -> None:
        values = target.values(context)
        for key, value in list(values.items()):
            # Bytes count, and a character is never cut in two.
            if isinstance(value, str) and len(value) * 4 > limit and len(encoded := value.encode()) > limit:
                values[key] = encoded[:limit].decode(errors="ignore")
                target.changed(context)

    return edit


def _merge_maps(target: MapTarget, source: Getter, strategy: str) -> Editor:
    if strategy not in {"insert", "update", "upsert"}:
        raise OttlSyntaxError(f"invalid value for strategy, {strategy}, must be 'insert', 'update' or 'upsert'")

    def edit(context: Context) -> None:
        values, other = target.values(context), source(context)
        if not isinstance(other, dict):
            raise OttlError(f"merge_maps expects a map as source, not {kind_name(other)}")
        for key, value in other.items():
            if strategy == "upsert" or (key in values) == (strategy == "update"):
                values[key] = value
                target.changed(context)

    return edit


_REPLACED = "function:function? replacement_format:text?"

EDITORS = by_identity(
    Function("set", params("target:target value:value"), _set),
    Function("delete_key", params("target:map key:key"), _delete_key),
    Function("delete_matching_keys", params("target:map pattern:text"), _delete_matching_keys),
    Function("keep_keys", params("target:map keys:strings"), _keep_keys),
    Function("keep_matching_keys", params("target:map pattern:text"), _keep_matching_keys),
    Function("replace_pattern", params(f"target:target regex:text replacement:key {_REPLACED}"), _replace_pattern),
    Function(
        "replace_all_patterns",
        params(f"target:map mode:text regex:text replacement:text {_REPLACED}"),
        _replace_all_patterns,
    ),
    Function("replace_match", params(f"target:target pattern:text replacement:value {_REPLACED}"), _replace_match),
    Function(
        "replace_all_matches", params(f"target:map pattern:text replacement:value {_REPLACED}"), _replace_all_matches
    ),
    Function("limit", params("target:map limit:int priority_keys:texts"), _limit),
    Function("truncate_all", params("target:map limit:int"), _truncate_all),
    Function("merge_maps", params("target:map source:mapping strategy:text"), _merge_maps),
)
