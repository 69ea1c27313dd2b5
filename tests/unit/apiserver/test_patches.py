"""Merge patch, JSON patch, strategic merge: the tables of their specifications."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.apimachinery.errors import BadRequest, Invalid
from phoenix.apiserver.patches import json_patch, merge_patch
from phoenix.apiserver.strategic import strategic_merge


@pytest.mark.parametrize(  # RFC 7386, appendix A
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(  # RFC 6902, appendix A, and pointers with escapes
    ("target", "operations", "result"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"foo": "bar", "baz": "qux"}),
        ({"foo": [1, 3]}, [{"op": "add", "path": "/foo/1", "value": 2}], {"foo": [1, 2, 3]}),
        ({"foo": [1]}, [{"op": "add", "path": "/foo/-", "value": [2]}], {"foo": [1, [2]]}),
        ({"baz": 1, "foo": 2}, [{"op": "remove", "path": "/baz"}], {"foo": 2}),
        ({"foo": [1, 2]}, [{"op": "remove", "path": "/foo/0"}], {"foo": [2]}),
        ({"baz": 1}, [{"op": "replace", "path": "/baz", "value": 2}], {"baz": 2}),
        ({"a": {"x": 1}, "b": {}}, [{"op": "move", "from": "/a/x", "path": "/b/y"}], {"a": {}, "b": {"y": 1}}),
        ({"a": [1, 2, 3]}, [{"op": "move", "from": "/a/0", "path": "/a/2"}], {"a": [2, 3, 1]}),
        ({"a": {"x": 1}}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": {"x": 1}, "b": {"x": 1}}),
        ({"a/b": {"m~n": 1}}, [{"op": "test", "path": "/a~1b/m~0n", "value": 1}], {"a/b": {"m~n": 1}}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
        ({"a": 1}, [{"op": "add", "path": "/a", "value": None}], {"a": None}),
    ],
)
def test_json_patch(target: Any, operations: Any, result: Any) -> None:
    assert json_patch(target, operations) == result


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "test", "path": "/a", "value": True},  # 1 is not true
        {"op": "test", "path": "/none", "value": None},
        {"op": "remove", "path": "/none"},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "add", "path": "/none/x", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "remove", "path": "/list/-"},
        {"op": "add", "path": "/a/x", "value": 1},
        {"op": "move", "from": "/list", "path": "/list/0"},
    ],
)
def test_a_json_patch_that_cannot_be_done_changes_nothing(operation: dict[str, Any]) -> None:
    target = {"a": 1, "list": [1]}
    with pytest.raises(Invalid):
        json_patch(target, [{"op": "add", "path": "/b", "value": 1}, operation])
    assert target == {"a": 1, "list": [1]}


@pytest.mark.parametrize(
    "patch",
    [{}, [1], [{"op": "nope", "path": "/a"}], [{"op": "add", "path": "/a"}], [{"op": "add", "path": "a", "value": 1}],
     [{"op": "copy", "from": "", "path": "/a"}] * 17, [{"op": ["x"], "path": ""}],
     [{"op": "move", "path": "/a", "from": 1}], [{"op": "remove", "path": "/a"}] * 10_001],
)  # fmt: skip
def test_what_is_no_json_patch_is_refused(patch: Any) -> None:
    with pytest.raises((BadRequest, Invalid)):
        json_patch({"a": 1}, patch)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"labels": {"a": "1"}}, {"labels": {"b": "2", "a": None}}, {"labels": {"b": "2"}}),
        ({"finalizers": ["a"]}, {"finalizers": ["b", "a"]}, {"finalizers": ["a", "b"]}),
        ({"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
        ({"x": 1}, {"$setElementOrder/finalizers": ["a"], "$retainKeys": ["y"], "y": 2}, {"y": 2}),
        (
            {"conditions": [{"type": "A", "status": "True", "reason": "R"}, {"type": "B"}]},
            {"conditions": [{"type": "A", "status": "False"}, {"type": "B", "$patch": "delete"}, {"type": "C"}]},
            {"conditions": [{"type": "A", "status": "False", "reason": "R"}, {"type": "C"}]},
        ),
        ({"spec": {"a": 1}}, {"spec": {"$patch": "replace", "b": 2}}, {"spec": {"b": 2}}),
        ({"list": [1]}, {"list": [2]}, {"list": [2]}),
    ],
)
def test_strategic_merge(target: Any, patch: Any, result: Any) -> None:
    assert strategic_merge(target, patch) == result


def test_a_strategic_directive_of_the_wrong_form_is_a_bad_request() -> None:
    for patch in ({"$patch": "x"}, {"$retainKeys": 1}, {"$deleteFromPrimitiveList/f": 1}, {"conditions": [1]}):
        with pytest.raises(BadRequest):
            strategic_merge({"conditions": []}, patch)
