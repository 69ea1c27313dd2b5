"""Parameters become values in the tree; what is wrong is said by field, all at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.api.pipeline import PipelineSource, PipelineTemplate
from phoenix.pipelines.errors import PipelineError
from phoenix.pipelines.resolve import ResolvedPipeline, resolve

SERVICE = {"pipelines": {"metrics": {"processors": ["p"]}}}
PATH = "spec.variants[1].pipeline"


def template(node: Any, **parameters: dict[str, Any]) -> PipelineTemplate:
    """A template whose one processor has `node` as its setting `x`."""
    return PipelineTemplate.from_wire(
        {
            "metadata": {"name": "t", "generation": 4},
            "spec": {
                "parameters": [{"name": name, **rest} for name, rest in parameters.items()],
                "config": {"processors": {"p": {"x": node}}, "service": SERVICE},
            },
        }
    )


def resolved(node: Any, given: dict[str, Any], **parameters: dict[str, Any]) -> ResolvedPipeline:
    source = PipelineSource.from_wire({"templateRef": {"name": "t"}, "parameters": given})
    return resolve(source, template(node, **parameters), path=PATH)


def put(node: Any, value: Any, kind: str) -> Any:
    """What becomes of a node when its parameter `v` has this value."""
    return resolved(node, {"v": value}, v={"type": kind}).config["processors"]["p"]["x"]


def faults(node: Any, given: dict[str, Any], **parameters: dict[str, Any]) -> list[str]:
    with pytest.raises(PipelineError) as caught:
        resolved(node, given, **parameters)
    return [str(finding) for finding in caught.value.findings]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("integer", 7), ("number", 0.5), ("boolean", False), ("string", "a"), ("duration", "30s"), ("stringList", ["a"])],
)
def test_a_whole_node_becomes_the_value_as_its_type(kind: str, value: Any) -> None:
    out = put("${param:v}", value, kind)
    assert out == value
    assert type(out) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("integer", 7, "set(x, 7)"), ("boolean", True, "set(x, true)"), ("string", "name", "set(x, name)"),
        ("stringList", ["a", 'b"c'], 'set(x, ["a", "b\\"c"])'),
    ],
)  # fmt: skip
def test_inside_a_longer_string_it_is_written_as_text(kind: str, value: Any, text: str) -> None:
    assert put("set(x, ${param:v})", value, kind) == text


def test_inside_a_quoted_literal_it_stays_within_it() -> None:
    assert put('IsMatch(x, "^${param:v}$")', r'a\d") or true', "string") == r'IsMatch(x, "^a\\d\") or true$")'
    assert faults('f("${param:v}")', {"v": ["a"]}, v={"type": "stringList"}) == [
        "PipelineTemplate/t.spec.config.processors.p.x: the list ${param:v} stands inside quotes; take the quotes away"
    ]


def test_a_value_means_itself_and_expands_to_nothing() -> None:
    assert put("${param:v}", "${env:SECRET}$1", "string") == "$${env:SECRET}$$1"
    assert put("a ${param:v}", "${phoenix:port:x}", "string") == "a $${phoenix:port:x}"


def test_what_is_escaped_is_no_placeholder_and_keys_stay() -> None:
    assert put("$${param:v} ${env:HOME} $1", 1, "integer") == "$${param:v} ${env:HOME} $1"
    assert put({"${param:v}": 1}, 1, "integer") == {"${param:v}": 1}


def test_every_fault_is_said_with_its_path() -> None:
    found = faults(
        ["${param:size}", "${param:sizze}"],
        {"sizee": 1, "size": "big", "when": "10", "level": "hi", "ratio": 2, "name": "A"},
        size={"type": "integer"},
        when={"type": "duration"},
        level={"enum": ["high", "low"]},
        ratio={"type": "number", "maximum": 1},
        name={"pattern": "^[a-z]+$"},
        needed={"description": "the one that is needed"},
    )
    assert found == [
        f"{PATH}.parameters.sizee: is not a parameter of the template; did you mean size?",
        f"{PATH}.parameters.size: 'big' is no integer; write 3",
        (
            f"{PATH}.parameters.when: '10' is not a duration: write a number and a unit (ms, s, m, h), such as 30s or "
            "1m30s"
        ),
        f"{PATH}.parameters.level: 'hi' is not one of the allowed values; did you mean high?",
        f"{PATH}.parameters.ratio: 2 is too large; the maximum is 1",
        f"{PATH}.parameters.name: 'A' does not match ^[a-z]+$",
        f"{PATH}.parameters.needed: is required; give a string: the one that is needed",
        "PipelineTemplate/t.spec.config.processors.p.x[1]: ${param:sizze} is not declared; did you mean size?",
    ]


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_an_integer_is_an_integer(value: Any) -> None:
    assert faults("${param:v}", {"v": value}, v={"type": "integer"})


def test_defaults_are_filled_in_and_told() -> None:
    found = resolved("${param:v}", {}, v={"type": "integer", "default": 3}, w={"default": "x"})
    assert found.parameters == {"v": 3, "w": "x"}
    assert found.template_generation == 4


def test_a_template_that_is_not_there() -> None:
    with pytest.raises(
        PipelineError, match=r"spec\.pipeline\.templateRef\.name: there is no PipelineTemplate"
    ) as caught:
        resolve(PipelineSource.from_wire({"templateRef": {"name": "gone"}}), None)
    assert caught.value.code == "TemplateNotFound"


def inline(config: dict[str, Any]) -> ResolvedPipeline:
    return resolve(PipelineSource(config=config), None)


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({}, "config.service: is missing"),
        ({"service": {}}, "config.service.pipelines: must have at least one pipeline"),
        ({"processorz": {}, "service": SERVICE}, "config.processorz: is not a section.*did you mean processors"),
        ({"service": {"pipelines": {"traces": {}}}}, "is not a metrics pipeline"),
        ({"service": SERVICE}, r"processors\[0\]: references processor 'p' which is not configured; there are none"),
        ({"processors": {"batch": {}}, "service": {"pipelines": {"metrics": {"processors": ["batch", "batch"]}}}},
         "references processor 'batch' twice"),
        ({"processors": {"batch": {}}, "service": {"pipelines": {"metrics": {"processors": "batch"}}}},
         "must be a list of processors, not a string"),
        ({"processors": ["batch"], "service": SERVICE}, "config.processors: must be a mapping, not a list"),
        ({"processors": {"p/phoenix": {}, "p": {}}, "service": SERVICE}, "are kept for what Phoenix adds"),
        ({"connectors": {"count": {}}, "processors": {"p": {}}, "service": SERVICE}, "connectors are not supported"),
        ({"processors": {"p": {"a": "${param:x}"}}, "service": SERVICE}, r"\$\{param:x\} is not declared"),
    ],
)  # fmt: skip
def test_an_unsound_skeleton_is_refused(config: dict[str, Any], fault: str) -> None:
    with pytest.raises(PipelineError, match=fault):
        inline(config)


def pipeline(*processors: str, **settings: Any) -> dict[str, Any]:
    return {
        "receivers": {"otlp": {}},
        "processors": {name: settings.get(name) for name in ("a", "b", "unused")},
        "service": {"pipelines": {"metrics": {"receivers": ["otlp"], "processors": list(processors)}}},
    }


def test_the_pipeline_hash_names_what_is_done_to_data() -> None:
    one = inline(pipeline("a", "b", a={"x": 1}))
    assert len(one.pipeline_hash) == 16
    same = pipeline("a", "b", a={"x": 1}, unused={"y": 2})
    same["receivers"] = {"otlp": {"protocols": {"http": {}}}}
    same["exporters"] = {"debug": {}}
    same["service"]["pipelines"]["metrics"]["exporters"] = ["debug"]
    assert inline(same).pipeline_hash == one.pipeline_hash
    assert inline(pipeline("a", "b", a={"x": 1}, b={})).pipeline_hash == one.pipeline_hash
    for other in (
        pipeline("b", "a", a={"x": 1}), pipeline("a", a={"x": 1}), pipeline("a", "b", a={"x": 2}),
        pipeline("a", "b", a={"x": 1.0}),
    ):  # fmt: skip
        assert inline(other).pipeline_hash != one.pipeline_hash


@given(text=st.text(max_size=40), number=st.integers())
def test_resolving_what_was_resolved_changes_nothing(text: str, number: int) -> None:
    node = {"whole": "${param:v}", "part": 'f("${param:v}", ${param:n})'}
    first = resolved(node, {"v": text, "n": number}, v={}, n={"type": "integer"})
    second = inline(first.config)
    assert second.config == first.config
    assert second.pipeline_hash == first.pipeline_hash
