"""Owners of new objects: what is remembered by shape is bounded by shapes, not by how many objects were made."""

from __future__ import annotations

from typing import Any

import orjson

from phoenix.api.collector import Collector
from phoenix.fieldmanagers import newobject
from phoenix.fieldmanagers.newobject import managed_fields_of_new


def wire(name: str, owner: str = "") -> dict[str, Any]:
    owners = [{"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "name": "x", "uid": owner}] if owner else []
    metadata = {"name": name, **({"ownerReferences": owners} if owner else {})}
    return {"apiVersion": "phoenix.io/v1alpha1", "kind": "Collector", "metadata": metadata, "spec": {"host": name}}


def owned(name: str, owner: str = "") -> Any:
    entry = managed_fields_of_new(Collector, wire(name, owner), "me", "2026-01-01T00:00:00Z")
    return orjson.loads(orjson.dumps(entry))[0]["fieldsV1"]


def test_shapes_are_remembered_but_not_those_that_name_an_owner() -> None:
    assert owned("a") == owned("b")
    known = len(newobject._shapes)
    for number in range(50):
        fields = owned(f"c{number}", f"uid-{number}")
        assert f'k:{{"uid":"uid-{number}"}}' in fields["f:metadata"]["f:ownerReferences"]
        assert owned(f"d{number}") == owned("a")
    assert len(newobject._shapes) == known
