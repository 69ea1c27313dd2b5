"""libyaml and the parser in Python read the same: values, places, and nothing is accepted that was refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from phoenix.manifest import composing, document
from phoenix.manifest.document import Document, parse_document

RESOURCES = Path(__file__).resolve().parents[3] / "resources"
TEXTS = [
    "a: yes\nb: on\nc: 0o17\nd: 017\ne: 1_000\nf: 12:30:45\ng: 2026-01-01\nh: ~\ni: 0x1F\nj: .inf\nk: 1e3\n",
    "base: &b {x: 1, y: [2, 3]}\nd: {<<: *b, y: 4}\n",
    "text: |\n  two\n  lines\nfold: >-\n  one\n  line\nquoted: 'it''s'\ndouble: \"\\u00e9\\n\"\n",
    "- [a, {b: c}]\n-\n  - nested\n- null\n",
    "a: 1\na: 2\n",
    "é: ü\n",
]


def in_python(text: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(composing, "CParser", None)
        return parsed(text)


def parsed(text: str) -> tuple[Document | None, list[str]]:
    found, errors = parse_document(text, "x.yaml", 1)
    return found, [str(error) for error in errors]


def test_libyaml_is_there() -> None:
    assert composing.CParser is not None


@pytest.mark.parametrize("text", [*TEXTS, *(path.read_text() for path in sorted(RESOURCES.rglob("*.yaml")))])
def test_both_read_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _, part in document.split_documents(text):
        assert parsed(part) == in_python(part, monkeypatch)


@pytest.mark.parametrize("text", ["a: [1\n", "a: 'open\n", "a:\n\t- b\n", "a: b: c\n", "*nothing\n"])
def test_a_fault_is_told_in_the_words_of_the_parser_that_says_more(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed(text) == in_python(text, monkeypatch)
    assert parsed(text)[1]


WORDS = st.sampled_from(["a", "b", "1", "yes", "null", "0x1f", "1.5", "'q'", '"d"', "-", "x y", "2026-01-01", "1_0"])


@settings(max_examples=150, deadline=None)
@given(st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)))
def test_flow_collections_read_the_same(value: Any) -> None:
    text = flow(value)
    quick, slow = composing.compose(text), YAML(typ="safe", pure=True).compose(text)
    assert built(quick) == built(slow)


def flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value)


def built(node: Any) -> Any:
    builder = document._Builder("x", 1)
    return repr(builder.build(node)), builder.root, [str(error) for error in builder.errors]
