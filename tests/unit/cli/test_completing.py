"""What TAB offers that no server is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from phoenix.cli import completing


def given(**values: object) -> argparse.Namespace:
    names = ("state", "kubeconfig", "context", "namespace", "what")
    return argparse.Namespace(**(dict.fromkeys(names) | values))


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without Phoenix, of a person without kubeconfig."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PHOENIX_STATE", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_kinds_several_kinds_and_categories() -> None:
    found = completing.complete_refs(prefix="", parsed_args=given())
    assert {"experiments", "experiment/", "all"} <= set(found)
    assert "exp,hosts" in completing.complete_refs(prefix="exp,ho", parsed_args=given(what=[]))


def test_fields_of_a_kind_step_by_step() -> None:
    assert {"experiment", "experiment."} <= set(completing.complete_kinds(prefix="exp", parsed_args=given()))
    assert "exp.spec.timing" in completing.complete_kinds(prefix="exp.spec.", parsed_args=given())
    assert "exp.spec.variants.name" in completing.complete_kinds(prefix="exp.spec.variants.n", parsed_args=given())
    assert completing.complete_kinds(prefix="exp.nothing.here.", parsed_args=given()) == []


def test_contexts_are_those_of_every_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_text("contexts: [{name: a, context: {}}]")
    (tmp_path / "two").write_text("contexts: [{name: b, context: {}}]\nusers: [{name: u, user: {}}]")
    monkeypatch.setenv("KUBECONFIG", "one:two")
    assert completing.complete_contexts(parsed_args=given()) == ["a", "b"]
    assert completing.complete_users(parsed_args=given()) == ["u"]
    (tmp_path / "two").write_text("{")
    assert completing.complete_contexts(parsed_args=given()) == [], "a TAB says nothing of faults"


def test_names_without_a_server_are_none() -> None:
    assert completing.complete_refs(prefix="exp/", parsed_args=given()) == []
    assert completing.complete_experiments(parsed_args=given()) == []
    assert completing.complete_namespaces(parsed_args=given()) == []


def test_forms_of_output_say_which_want_more() -> None:
    assert {"yaml", "jsonpath=", "custom-columns="} <= set(completing.complete_outputs())
