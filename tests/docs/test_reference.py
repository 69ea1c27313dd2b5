"""The reference is fresh, and complete for every kind, field, column, condition and event."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from phoenix.api import reference
from phoenix.api.experiment import ExperimentPhase
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.conditions import Condition
from phoenix.apimachinery.meta import ObjectMeta, Resource
from tests.docs.pages import DOCS, rows, section, sources, words

REFERENCE = DOCS / "reference"
BY_NAME = {kind.info.singular: kind for kind in KINDS}


def documented(page: str) -> dict[str, str]:
    """Field path → rest of its row."""
    return dict(rows(section(REFERENCE / f"{page}.md", "## Fields")))


def models_in(annotation: object) -> list[type[BaseModel]]:
    """Models that a field's annotation mentions: `list[Variant]`, `Timing | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in models_in(part)]


def field_names(model: type[BaseModel], seen: frozenset[type[BaseModel]] = frozenset()) -> set[str]:
    """Wire names of every field at any depth, found without the schema generator."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(field.alias or name)
        for below in models_in(field.annotation):
            if below not in seen and below not in (ObjectMeta, Condition):
                found |= field_names(below, seen | {below})
    return found


def test_the_committed_reference_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main([str(REFERENCE), "--check"]) == 0, capsys.readouterr().err


def test_check_lists_changed_missing_and_left_over_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    intros = tmp_path / "_intro"
    intros.mkdir()
    for name in (*BY_NAME, "metadata"):
        (intros / f"{name}.md").write_text("Words.\n")
    assert reference.main([str(tmp_path)]) == 0
    assert reference.main([str(tmp_path), "--check"]) == 0
    (tmp_path / "host.md").write_text("changed")
    (tmp_path / "meter.md").unlink()
    (tmp_path / "gone.md").write_text("left over")
    capsys.readouterr()
    assert reference.main([str(tmp_path), "--check"]) == 1
    listed = re.findall(r"stale: \S*/(\w+)\.md", capsys.readouterr().err)
    assert listed == ["gone", "host", "meter"]
    assert (tmp_path / "host.md").read_text() == "changed", "--check changes nothing"
    assert reference.write(tmp_path) == ["gone.md", "host.md", "meter.md"]
    assert reference.stale(tmp_path) == []


def test_a_kind_without_an_introduction_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main([str(tmp_path)]) == 1
    assert "_intro/experiment.md" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS, ids=BY_NAME)
def test_every_field_has_a_row_with_words(kind: type[Resource]) -> None:
    found = documented(kind.info.singular)
    last_words = {re.sub(r"\[.*?\]", "", path).rsplit(".", 1)[-1] for path in found}
    assert field_names(kind) - {"apiVersion", "kind"} <= last_words
    silent = [path for path, rest in found.items() if not rest.rsplit("|", 2)[-2].strip()]
    assert not silent, "a Field without a description"


def test_types_limits_and_defaults_are_those_of_the_models() -> None:
    found = documented("experiment")
    assert found["spec.source.load.scale"].split("|")[:2] == [" number, above 0, at most 1000 ", " `1.0` "]
    assert found["spec.timing.warmup"].split("|")[:2] == [" duration ", " `5s` "]
    assert found["spec.variants"].split("|")[:2] == [" list of objects, at least 2 items ", " required "]
    assert "`Auto`, `Embedded`, `Otelcol`" in found["spec.engine"]
    assert "object of any fields" in found["spec.variants[].pipeline.config"]
    meta = dict(rows(section(REFERENCE / "metadata.md", "## Metadata")))
    assert set(meta) >= {f"metadata.{field.alias or name}" for name, field in ObjectMeta.model_fields.items()}


@pytest.mark.parametrize("kind", KINDS, ids=BY_NAME)
def test_every_column_and_name_is_there(kind: type[Resource]) -> None:
    page = REFERENCE / f"{kind.info.singular}.md"
    text = page.read_text(encoding="utf-8")
    columns = section(page, "## Columns of `phoenixctl get`")
    for column in kind.info.columns:
        shown = "with `-o wide`" if column.priority else "always"
        assert f"| {column.name} | `{column.path}` | {shown} |" in columns
    names = "|".join((kind.info.plural, kind.info.singular, *kind.info.short_names))
    assert f"`phoenixctl get {names}`" in text
    index = (REFERENCE / "README.md").read_text(encoding="utf-8")
    assert f"[{kind.info.kind}]({kind.info.singular}.md)" in index


CONDITIONS = {
    "controllers/experiment": ["experiment"],
    "controllers/pipelinedeployment": ["pipelinedeployment"],
    "controllers/catalog": ["pipelinetemplate", "loadprofile"],
    "controllers/placement": ["collector", "loadgenerator", "meter"],
    "phoenix/agent": ["collector", "loadgenerator", "meter", "host"],
    "controllers/hostlifecycle": ["host"],
    "controllers/manifestsource": ["manifestsource"],
}


def conditions_set(folder: str) -> set[str]:
    """Condition types that modules below a folder set: the argument before a truth value and a reason."""
    found: set[str] = set()
    for _, tree in sources(folder):
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="condition") | ast.Name(id="put"), args=[type_, *_]):
                    found |= set(words(type_))
                case ast.Call(func=ast.Name(id="set_condition"), args=[_, type_, *_]):
                    found |= set(words(type_))
                case ast.For(target=ast.Name(id="type_"), iter=names):
                    found |= set(words(names))
    return found


def test_every_condition_is_on_its_page_and_no_other() -> None:
    said: dict[str, set[str]] = {page: set() for pages in CONDITIONS.values() for page in pages}
    for folder, pages in CONDITIONS.items():
        for page in pages:
            said[page] |= conditions_set(folder)
    # NB: the agent sets one type on all kinds it writes; placement another on processes only.
    assert said["host"] == {"Ready"}
    for page, types in said.items():
        table = {name for name, _ in rows(section(REFERENCE / f"{page}.md", "## Conditions"))}
        assert table == types, page


def event_reasons() -> set[str]:
    """Reasons of every event the code records by name, `Notice("X", …)` and `.record(object, "X", …)`."""
    found: set[str] = set()
    for _, tree in sources("controllers", "phoenix/agent", "phoenix/runtime"):
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id="Notice"), args=[ast.Constant(value=str(reason)), *_]):
                    found.add(reason)
                case ast.Call(func=ast.Attribute(attr="record"), args=[_, ast.Constant(value=str(reason)), *_]):
                    found.add(reason)
    # `f"Experiment{ending.phase}"`: the three phases a run can end in.
    return found | {f"Experiment{phase}" for phase in ExperimentPhase if phase.finished}


def test_every_event_reason_is_documented_and_every_documented_one_is_recorded() -> None:
    table = {reason for reason, _ in rows(section(REFERENCE / "event.md", "## Reasons"))}
    assert len(event_reasons()) > 15, "the search found too little to mean anything"
    assert table == event_reasons()
