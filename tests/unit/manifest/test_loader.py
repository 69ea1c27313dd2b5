"""Texts to objects: values as JSON means them, places, and faults that can all be seen at once."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoenix.manifest.document import parse_document
from phoenix.manifest.errors import InvalidManifests, ManifestError
from phoenix.manifest.loader import load_file, load_text

# No deadline and no chance: a loaded machine must not fail the gate, and a failure must come again.
STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
KEYS = st.text(max_size=150)  # as JSON at most 1024 characters, which is YAML's limit for a key
HEAD = "apiVersion: phoenix.io/v1alpha1\nkind: Host\nmetadata: {name: a}\n"


def faults(text: str) -> list[ManifestError]:
    with pytest.raises(InvalidManifests) as caught:
        load_text(dedent(text), "f.yaml")
    return list(caught.value.errors)


def value_of(text: str) -> object:
    document, errors = parse_document(text, "f.yaml", 1)
    assert not errors
    assert document is not None
    return document.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("010", 10),
        ("0o17", 15),
        ("0x1f", 31),
        ("-3", -3),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        ("~", None),
        ("'3'", "3"),
        ("30s", "30s"),
        ("{200: ok, true: x, 1.5: y}", {"200": "ok", "true": "x", "1.5": "y"}),
        ('"\\ud83d\\ude00\\/"', "😀/"),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("|\n  a\n  b\n", "a\nb\n"),
        ('{\n\t"a":\t[1,\n\t2]}', {"a": [1, 2]}),
    ],
)
def test_values_are_those_of_json(text, value):
    assert value_of(text) == value


@STEADY
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_all_of_json_is_read_as_json(value):
    for text in (json.dumps(value), json.dumps(value, indent="\t")):
        assert value_of(text) == json.loads(text)


def test_documents_lists_and_lines():
    text = (
        "# head\n"
        + HEAD
        + "---\n"
        + HEAD.replace("a}", "b}")
        + "...\n---\n---\n"
        + dedent("""
        apiVersion: v1
        kind: List
        items:
        - apiVersion: v1
          kind: Namespace
          metadata: {name: n}
        - apiVersion: phoenix.io/v1alpha1
          kind: HostList
          items:
          - {apiVersion: phoenix.io/v1alpha1, kind: Host, metadata: {name: c}}
        """)
    )
    objects = load_text(text, "f.yaml")
    assert [(obj.ref, obj.line) for obj in objects] == [
        ("host/a", 2), ("host/b", 6), ("namespace/n", 16), ("host/c", 22),
    ]  # fmt: skip
    assert objects[2].position_of("metadata.name") == 18


def test_field_paths_find_their_lines():
    (obj,) = load_text(
        dedent("""\
        apiVersion: phoenix.io/v1alpha1
        kind: Experiment
        metadata:
          name: x
          labels:
            phoenix.io/run: "1"
            plain: a
        spec:
          variants:
          - name: one
            pipeline:
              config:
                processors:
                  attributes/a.b:
                    actions: []
          - name: two
        """),
        "f.yaml",
    )
    lines = {
        "": 1,
        "spec.variants[0].name": 10,
        "spec.variants[1].name": 16,
        "spec.variants[1].pipeline.config": 16,
        "spec.variants[7].name": 9,
        "metadata.labels[phoenix.io/run]": 6,
        "metadata.labels.phoenix.io/run": 6,
        "metadata.labels.plain": 7,
        "spec.variants[0].pipeline.config.processors.attributes/a.b.actions[0]": 15,
        "spec.variants[0].pipeline.config[processors][attributes/a.b].actions": 15,
        "spec.bogus": 8,
        "status": 1,
    }
    assert {path: obj.position_of(path) for path in lines} == lines
    assert obj.where("spec.variants[1]") == "f.yaml:16"


def test_every_fault_of_every_document_is_told():
    errors = faults("""\
        apiVersion: phoenix.io/v1alpha1
        kind: Experimental
        metadata: {name: a}
        ---
        a: [1
        ---
        apiVersion: phoenix.io/v1alpha1
        kind: Host
        kind: Meter
        metadata: {name: b, name: c}
        ---
        apiVersion: v1
        kind: Host
        metadata: {name: a}
        ---
        apiVersion: phoenix.io/v1alpha1
        kind: Host
        metadata: {name: good}
        """)
    assert [(error.line, error.column) for error in errors] == [(2, 1), (6, 1), (9, 1), (10, 21), (12, 1)]
    assert "did you mean Experiment?" in errors[0].hint
    assert "'kind' is given twice" in errors[2].message
    assert "line 8" in errors[2].hint
    assert "write apiVersion: phoenix.io/v1alpha1" in errors[4].hint
    assert str(errors[0]).startswith("f.yaml:2:1: there is no kind 'Experimental' (")


def test_the_right_documents_come_with_the_faults():
    with pytest.raises(InvalidManifests) as caught:
        load_text("a: [1\n---\n" + HEAD, "f.yaml")
    assert [obj.ref for obj in caught.value.objects] == ["host/a"]


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("- 1", 1, "this is a list", "apiVersion"),
        ("kind: Host", 1, "apiVersion is missing", "phoenix.io/v1alpha1"),
        ("apiVersion: v1\nkind: 3", 2, "kind is missing or not text", "kind: Experiment"),
        (HEAD.replace("{name: a}", "{}"), 3, "metadata.name is missing", "name"),
        (HEAD.replace("name: a", "name: 3"), 3, "the number 3, not text", "quote it"),
        (HEAD.replace("metadata: {name: a}", "spec: {}"), 1, "metadata is missing", "name"),
        (HEAD.replace("Host", "Banana"), 2, "no kind 'Banana'", "kinds are Experiment,"),
        (HEAD + "spec:\n\tx: 1", 5, "not YAML", "tabs"),
        (HEAD + "spec: a: b", 4, "mapping values are not allowed", "quotes"),
        (HEAD + "spec: {x: .nan}", 4, "no JSON number", ""),
        (HEAD + "spec: {x: !!binary abc}", 4, "tag !!binary", ""),
        (HEAD + "spec: {x: !mine abc}", 4, "tag !!!mine", ""),
        (HEAD + "spec: {x: 99999999999999999999}", 4, "64 bits", ""),
        (HEAD + "spec: {[1]: 2}", 4, "a key must be text", "quote"),
        (HEAD + "spec: {~: 2}", 4, "must not be null", "quote"),
        (HEAD + "spec: *nowhere", 4, "undefined alias", "anchor"),
        (HEAD + "spec: &x {y: *x}", 4, "contains itself", ""),
        (HEAD + 'spec: {"\\ud83d": 1}', 4, "surrogate", ""),
        (HEAD + "spec: 'open", 4, "not YAML", "quote is not closed"),
        (HEAD + "---\n" + HEAD, 7, "host/a is defined twice", "f.yaml:3"),
    ],
)
def test_faults_say_where_what_and_what_next(text, line, message, hint):
    (error,) = faults(text)
    assert error.line == line
    assert message in error.message
    assert hint in error.hint


def test_aliases_that_explode_are_refused():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    errors = faults(HEAD + "spec:\n" + "".join(f"  {level}\n" for level in levels))
    assert len(errors) == 1
    assert "more than 200,000 values" in errors[0].message


def test_nesting_without_end_is_a_fault_not_a_crash():
    (error,) = faults("[" * 1000)
    assert "nested too deeply" in error.message


def test_files(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode())
    assert [obj.where("metadata") for obj in load_file(path)] == [f"{path}:3"]
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InvalidManifests, match=r"a\.yaml:2: the text is not UTF-8"):
        load_file(path)
    with pytest.raises(InvalidManifests, match="no such file"):
        load_file(tmp_path / "absent.yaml")
    with pytest.raises(InvalidManifests, match="cannot be read"):
        load_file(tmp_path)


def test_empty_text_holds_nothing():
    assert load_text("") == load_text("# only words\n---\n") == []
