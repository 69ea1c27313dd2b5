"""The short way of admission against the long one: it may refuse what is right, never accept what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, model_validator

from phoenix.api.experiment import Experiment
from phoenix.api.fields import FieldNode
from phoenix.api.plain import PlainCheck, Uncompilable
from phoenix.api.schema import complete, plain, structural_schema, validate
from phoenix.api.scheme import KINDS
from phoenix.api.structural import INT_OR_STRING, build
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.apimachinery.model import Model
from phoenix.apimachinery.units import Duration
from phoenix.manifest.loader import load_file
from tests.unit.api.test_schema import experiment

LEAST: dict[str, dict[str, Any]] = {  # of kinds whose rules a guess cannot meet
    "ManifestSource": {"spec": {"path": "/tmp", "prune": True}},
    "ClusterRoleBinding": {"roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": []},
}
ROOT = Path(__file__).resolve().parents[3]
BY_NAME = {kind.info.kind: kind for kind in KINDS}


def long_way(kind: type[Resource], wire: dict[str, Any]) -> dict[str, Any] | None:
    kept, has_unknown = complete(kind, wire)
    return None if has_unknown or validate(kind, kept) else kept


def exact(value: Any) -> bytes:
    """As it would be stored, but for the order of fields: 1 is not 1.0, and true is not 1."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def copied(value: Any) -> Any:
    """A deep copy of what is JSON, at a thirtieth of what `copy.deepcopy` takes."""
    return orjson.loads(orjson.dumps(value))


def check(kind: type[Resource], wire: dict[str, Any]) -> bool:
    """Compare; whether the short way was taken."""
    before = orjson.dumps(wire)
    short = plain(kind, wire)
    assert orjson.dumps(wire) == before, "the given object stays as it is"
    if short is None:
        return False
    long = long_way(kind, wire)
    assert long is not None, "accepted what is wrong"
    assert exact(short) == exact(long)
    return True


def manifests() -> Iterator[tuple[type[Resource], dict[str, Any]]]:
    for path in sorted(ROOT.glob("resources/**/*.yaml")):
        for document in load_file(path):
            yield BY_NAME[document.wire["kind"]], dict(document.wire)


@cache
def samples() -> list[tuple[type[Resource], dict[str, Any]]]:
    """Right objects, complete, of every kind there are manifests of, and the least one of each other kind."""
    found = [(kind, copied(complete(kind, wire)[0])) for kind, wire in manifests()]
    found.append((Experiment, complete(Experiment, experiment())[0]))
    for kind in KINDS:
        wire = {"apiVersion": kind.info.api_version, "kind": kind.info.kind, "metadata": {"name": "x"}}
        names = set(structural_schema(kind)["properties"]) - {"apiVersion", "kind", "metadata"}
        if kind.info.kind in LEAST:
            found.append((kind, wire | LEAST[kind.info.kind]))
        elif guess := _repaired(kind, wire | _guess(structural_schema(kind), names)):
            found.append((kind, guess))
    return found


def _repaired(kind: type[Resource], wire: dict[str, Any]) -> dict[str, Any] | None:
    """The object without what breaks rules across fields, as a guess does; None where that is not enough."""
    while causes := validate(kind, wire):
        for place in sorted(places(wire), key=len, reverse=True):
            less = copied(wire)
            mutate(less, place, "drop", None)
            if len(validate(kind, less)) < len(causes):
                wire = less
                break
        else:
            return None
    return wire


def _guess(schema: dict[str, Any], only: Collection[str] = ()) -> Any:
    """A value with every field the schema has, so that each is mutated too."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            names = schema.get("properties", {}).items()
            value = {name: _guess(child) for name, child in names if not only or name in only}
            if "additionalProperties" in schema:
                value["key"] = _guess(schema["additionalProperties"])
            return value
        case "array":
            return [_guess(schema["items"])]
        case "string":
            return "1s" if "ms|s|m" in schema.get("pattern", "") else "1" if "Ki" in schema.get("pattern", "") else "a"
        case "integer" | "number":
            return schema.get("minimum", 0) + (1 if schema.get("exclusiveMinimum") else 0)
        case "boolean":
            return True
    return 1 if INT_OR_STRING in schema else {"any": [None, 1]}


def test_every_manifest_we_ship_takes_the_short_way() -> None:
    refused = [wire["metadata"]["name"] for kind, wire in manifests() if not check(kind, wire)]
    assert refused == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_can_be_checked(kind: type[Resource]) -> None:
    assert any(check(found, wire) for found, wire in samples() if found is kind)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*at, key))


# What decoded JSON may hold: whole numbers of 64 bits, proper Unicode.
LEAVES = [None, True, False, 0, 1, -1, 3, 1.0, 0.5, 1e300, 2**63, "", "a", "A b", "1s", "0", "5m", "1h1",
          "x" * 300, "64Mi", "ünï", "Baseline", "Candidate", "Promote", [], {}, [1], ["a"], ["a", "a"],
          {"a": "b"}, {"a": None}, {"name": "x"}, [{}], [None]]  # fmt: skip


def mutate(wire: dict[str, Any], place: tuple[Any, ...], what: str, leaf: Any) -> None:
    owner: Any = wire
    leaf = copy.deepcopy(leaf)
    for step in place[:-1]:
        owner = owner[step]
    match what:
        case "drop":
            del owner[place[-1]]
        case "set":
            owner[place[-1]] = leaf
        case "add" if isinstance(owner[place[-1]], dict):
            owner[place[-1]]["bogus"] = leaf
        case "add" if isinstance(owner[place[-1]], list):
            owner[place[-1]].append(leaf)
        case "twice" if isinstance(owner, list):
            owner.append(copy.deepcopy(owner[place[-1]]))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_is_accepted_is_right_and_complete(data: st.DataObject) -> None:
    kind, sample = data.draw(st.sampled_from(samples()))
    wire = copied(sample)
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(wire))
        if not found:
            break
        place = data.draw(st.sampled_from(found))
        what = data.draw(st.sampled_from(["drop", "set", "add", "twice"]))
        mutate(wire, place, what, data.draw(st.sampled_from(LEAVES)))
    check(kind, wire)


@pytest.mark.parametrize("number", range(len(samples())))
def test_each_single_fault_is_told_as_the_long_way_tells_it(number: int) -> None:
    kind, sample = samples()[number]
    taken = 0
    for place in places(sample):
        for what, leaf in (("drop", None), ("set", None), ("set", 1), ("set", 1.5), ("set", "a"), ("add", 1)):
            wire = copied(sample)
            mutate(wire, place, what, leaf)
            taken += check(kind, wire)
    assert taken


def test_defaults_are_never_shared_between_objects() -> None:
    first = plain(Experiment, experiment())
    assert first is not None
    first["spec"]["analysis"]["criteria"][0]["metric"] = "spoilt"
    first["spec"]["timing"]["warmup"] = "spoilt"
    second = plain(Experiment, experiment())
    assert second is not None
    assert (second["spec"]["analysis"]["criteria"][0]["metric"], second["spec"]["timing"]["warmup"]) == (
        "cardinalityReduction", "5s",
    )  # fmt: skip


class Inner(Model):
    size: int = 1
    wait: Duration = Duration("1s")


class Spec(Model):
    total_size: int = Field(default=3)
    inner: Inner = Field(default_factory=Inner)
    parts: list[Inner] = Field(default_factory=list)
    named: dict[str, Inner] = Field(default_factory=dict)

    @property
    def _sum(self) -> float:
        return self.inner.size + sum(part.size for part in self.parts) + sum(one.size for one in self.named.values())

    def _is_patient(self) -> bool:
        return self.inner.wait.seconds >= 1

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self._sum > self.total_size or not self._is_patient():
            raise ValueError("too much")
        return self


class Made(Resource):
    info: ClassVar[KindInfo] = KindInfo("Made", "mades", has_status=False)
    spec: Spec = Field(default_factory=Spec)


@pytest.mark.parametrize(
    ("spec", "right"),
    [
        ({}, True),
        ({"totalSize": 0}, False),
        ({"inner": {"size": 3}}, True),
        ({"inner": {"size": 4}}, False),
        ({"parts": [{}, {}]}, True),
        ({"parts": [{}, {"size": 2}]}, False),
        ({"named": {"a": {}, "b": {"size": 2}}}, False),
        ({"named": {"a": {}, "b": {"size": 1}}}, True),
        ({"inner": {"wait": "1ms"}}, False),
        ({"inner": {"wait": "2s"}}, True),
    ],
)
def test_rules_see_names_defaults_nested_objects_properties_and_methods(spec: dict[str, Any], right: bool) -> None:
    wire = {"apiVersion": "phoenix.io/v1alpha1", "kind": "Made", "metadata": {"name": "x"}, "spec": spec}
    found = PlainCheck(Made, FieldNode(build(Made)))(wire)
    assert (found is not None) == right
    assert found is None or found["spec"]["totalSize"] == 3


class Meddling(Resource):
    info: ClassVar[KindInfo] = KindInfo("Meddling", "meddlings", has_status=False)
    host_name: str = ""

    @model_validator(mode="after")
    def _meddle(self) -> Self:
        self.host_name = "other"
        return self


def test_a_rule_that_changes_its_object_takes_the_long_way() -> None:
    wire = {"apiVersion": "phoenix.io/v1alpha1", "kind": "Meddling", "metadata": {"name": "x"}}
    assert PlainCheck(Meddling, FieldNode(build(Meddling)))(wire) is None


class Loop(Model):
    inner: Loop | None = None


class Looping(Resource):
    info: ClassVar[KindInfo] = KindInfo("Looping", "loopings", has_status=False)
    spec: Loop = Field(default_factory=Loop)


def test_what_has_no_form_is_refused_when_compiled() -> None:
    with pytest.raises(Uncompilable, match="contains itself"):
        PlainCheck(Looping, FieldNode(build(Looping)))
