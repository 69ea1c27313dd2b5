r"""kubectl's JSONPath: the cases of its documentation, and the ways to get it wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.cli.printers.jsonpath import fill
from phoenix.cli.printers.jsonpathlang import PathError, parse_path, parse_template

DATA: dict[str, Any] = {
    "kind": "List",
    "items": [
        {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "one"}},
         "status": {"capacity": {"cpu": 4}, "ready": True, "addresses": [{"type": "LegacyHostIP"}]}},
        {"kind": "None", "metadata": {"name": "127.0.0.2"},
         "status": {"capacity": {"cpu": 8}, "ready": False, "addresses": [{"type": "Other", "n": 1.5}]}},
    ],
    "users": [{"name": "myself", "user": {}}, {"name": "e2e", "user": {"username": "admin", "password": "secret"}}],
    "null": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("kind is {.kind}", "kind is List"),
        ("{.kind}", "List"),
        ("{$.kind}{@.kind}", "ListList"),
        ("{['kind']}", "List"),
        ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.items[*]['metadata.name', 'kind']}", "None None"),
        ("{.users[?(@.name==\"e2e\")].user.password}", "secret"),
        ("{.users[?(@.user.password)].name}", "e2e"),
        ("{.items[?(@.status.capacity.cpu>4)].metadata.name}", "127.0.0.2"),
        ("{.items[?(@.status.capacity.cpu <= 4)].metadata.name}", "127.0.0.1"),
        ("{.items[?(@.status.ready==true)].metadata.name}", "127.0.0.1"),
        ("{.items[?(@.status.ready=='false')].metadata.name}", "127.0.0.2"),
        ("{.items[?(@.kind!='None')].metadata.name}", ""),
        ("{.items[0].metadata.labels.kubernetes\\.io/hostname}", "one"),
        ("{.items[0].metadata.labels['kubernetes.io/hostname']}", "one"),
        ("{.items[0:1].metadata.name}", "127.0.0.1"),
        ("{.items[-1:].metadata.name}", "127.0.0.2"),
        ("{.items[::2].metadata.name}", "127.0.0.1"),
        ("{.items[-1].metadata.name}", "127.0.0.2"),
        ("{.items[0,1].status.capacity.cpu}", "4 8"),
        ("{.items[9].metadata.name}", ""),
        ("{.items[*].status.capacity}", '{"cpu":4} {"cpu":8}'),
        ("{.items[0].status.*}", '{"cpu":4} true [{"type":"LegacyHostIP"}]'),
        ('{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}]{"\\t"}{end}', "[127.0.0.1, 4]\t[127.0.0.2, 8]\t"),
        ("{range .items[*]}{range .status.addresses[*]}{.type};{end}{end}", "LegacyHostIP;Other;"),
        ("{range .users[*]}{.name}{'\\n'}{end}", "myself\ne2e\n"),
        ("{.nothing.at.all}", ""),
        ("{.null}", ""),
        ("{.items[1].status.addresses[0].n}", "1.5"),
        ("{.kind }{ .kind}", "ListList"),
        ("}text{.kind}", "}textList"),
    ],
)  # fmt: skip
def test_templates(template: str, said: str) -> None:
    assert fill(parse_template(template), DATA) == said


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{.a", "a { is not closed"),
        ("{range .a[*]}x", "{range} without {end}"),
        ("x{end}", "{end} without {range}"),
        ("{.a[}", r"inside \[\]"),
        ("{.a[1}", r"a \[ is not closed"),
        ("{.a['x]}", "a ' is not closed"),
        ("{.a[?(@.x==)]}", "a filter compares"),
        ("{.a[?(@.x=='y']}", "should end with"),
        ("{.a!}", "'!' has no meaning here"),
        ("{.=}", "a field's name should follow"),
    ],
)
def test_what_is_no_template_is_said_with_its_place(template: str, says: str) -> None:
    with pytest.raises(PathError, match=says):
        parse_template(template)


def test_paths_by_themselves_need_no_braces_and_no_dot() -> None:
    for text in ("{.kind}", ".kind", "kind", "$.kind", " { .kind } "):
        assert parse_path(text).find(DATA) == ["List"], text
    with pytest.raises(PathError, match="has no meaning here"):
        parse_path(".kind }")


@given(st.text(alphabet="{}[]().$@*?'\"ab0:,= \\", max_size=25))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        nodes = parse_template(text)
    except PathError:
        return
    assert isinstance(fill(nodes, DATA), str)
