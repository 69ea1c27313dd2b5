"""Every manifest we show or ship is one the server would take, by the models and by the published schemas."""

from __future__ import annotations

import json
from functools import cache

import pytest
from jsonschema import Draft202012Validator

from phoenix import engine
from phoenix.api.pipeline import NameRef, PipelineSource, PipelineTemplate
from phoenix.api.schema import unknown_fields, validate
from phoenix.api.scheme import KINDS
from phoenix.manifest.loader import ManifestObject, load_text, load_tree
from phoenix.pipelines.parameters import stand_ins
from phoenix.pipelines.render import render
from phoenix.pipelines.resolve import resolve
from tests.docs.pages import DOCS, ROOT, blocks, pages

SHIPPED = load_tree(ROOT / "resources")


def shown() -> list[ManifestObject]:
    """Every manifest in a ```yaml block of the documentation."""
    return [
        found
        for page in pages()
        for block in blocks(page)
        if block.language == "yaml" and "apiVersion:" in block.text
        for found in load_text(block.text, str(block))
    ]


SHOWN = shown()


def name(found: ManifestObject) -> str:
    return f"{found.kind.info.singular}/{found.key.name}"


@cache
def published(kind: str) -> Draft202012Validator:
    """The JSON Schema as committed."""
    return Draft202012Validator(json.loads((ROOT / "schemas" / "json" / f"{kind}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("found", [*SHOWN, *SHIPPED], ids=name)
def test_it_is_valid_by_models_and_by_the_published_schema(found: ManifestObject) -> None:
    assert unknown_fields(found.kind, found.wire) == []
    assert validate(found.kind, found.wire) == []
    faults = [fault.message for fault in published(found.kind.info.singular).iter_errors(found.wire)]
    assert faults == []


def test_the_published_schema_can_say_no() -> None:
    found = next(item for item in SHIPPED if item.kind.info.kind == "Experiment")
    wrong = {**found.wire, "spec": {**found.wire["spec"], "tempo": {}}}
    assert not published("experiment").is_valid(wrong)


@pytest.mark.parametrize("found", [item for item in (*SHOWN, *SHIPPED) if item.kind is PipelineTemplate], ids=name)
def test_every_template_renders_and_the_embedded_engine_can_run_it(found: ManifestObject) -> None:
    template = PipelineTemplate.from_wire(found.wire)
    source = PipelineSource(
        template_ref=NameRef(name=template.metadata.name), parameters=stand_ins(template.spec.parameters)
    )
    found_wanting = engine.check(render(resolve(source, template).config).config)
    # What a template says it requires is the one thing the engine may lack.
    assert [
        item for item in found_wanting if item.path.replace("processors.", "processor/") not in template.spec.requires
    ] == []


def test_every_kind_has_an_example_in_the_reference() -> None:
    for kind in KINDS:
        page = DOCS / "reference" / f"{kind.info.singular}.md"
        assert any(f"kind: {kind.info.kind}\n" in block.text for block in blocks(page)), page.name
