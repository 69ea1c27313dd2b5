"""`explain` from this program's own schemas."""

from __future__ import annotations

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.schema import structural_schema
from phoenix.cli.commands.explain import explanation, type_of
from phoenix.cli.main import main


def lines(path: str, *, recursive: bool = False) -> list[str]:
    return list(explanation(Experiment.info, structural_schema(Experiment), path, recursive=recursive))


def test_a_field_says_its_type_default_and_what_is_in_it() -> None:
    said = lines("spec.timing")
    assert said[:3] == ["GROUP:      phoenix.io", "KIND:       Experiment", "VERSION:    v1alpha1"]
    assert "FIELD: timing <Object>" in said
    assert said[said.index("  warmup\t<string>") + 1] == '    DEFAULT: "5s"'


def test_lists_and_maps_are_stepped_into_and_required_fields_marked() -> None:
    assert "FIELD: variants <[]Object> -required-" in lines("spec.variants")
    assert "  name\t<string> -required-" in lines("spec.variants")
    assert any(line.startswith("ENUM: Baseline") for line in lines("spec.variants.role"))


def test_recursive_is_a_tree_without_words() -> None:
    said = lines("", recursive=True)
    at = said.index("  spec\t<Object> -required-")
    assert said[at + 1 :][0].startswith("    ")
    assert not [line for line in said if line.strip().startswith('DEFAULT: "5s"')]


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"type": "array", "items": {"type": "string"}}, "[]string"),
        ({"type": "object", "additionalProperties": {"type": "array", "items": {}}}, "map[string][]Object"),
        ({"x-kubernetes-int-or-string": True}, "IntOrString"),
        ({"type": "object"}, "Object"),
        ({}, "Object"),
    ],
)
def test_types_are_named_as_kubectl_does(node: dict[str, object], name: str) -> None:
    assert type_of(node) == name


def test_every_field_path_of_every_kind_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "exp.spec.variants[].pipeline", "--offline"]) == 0
    assert "templateRef" in capsys.readouterr().out
    assert main(["explain", "hosts.status.conditions.type", "--offline"]) == 0
