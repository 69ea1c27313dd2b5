"""Unknown fields, pruning, defaults and validation of objects as JSON."""

import copy
from typing import Any

import pytest

from phoenix.api.core import Event, Namespace
from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineDeployment, PipelineTemplate
from phoenix.api.schema import complete, unknown_fields, validate
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import Resource


def experiment() -> dict[str, Any]:
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "http-lean", "namespace": "default"},
        "spec": {
            "source": {"load": {"profileRef": {"name": "realistic"}}},
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                {"name": "lean", "role": "Candidate", "pipeline": {"config": {"processors": {"batch": None}}}},
            ],
        },
    }


def fields(kind: type[Resource], wire: dict[str, Any]) -> list[tuple[str, str]]:
    return [(cause.field, cause.reason.removeprefix("FieldValue")) for cause in validate(kind, wire)]


def test_unknown_fields_are_named_by_path() -> None:
    wire = experiment()
    wire["bogus"] = 1
    wire["metadata"]["colour"] = "red"
    wire["spec"]["variants"][0]["bogus"] = 1
    wire["spec"]["source"]["load"]["Seed"] = 1
    wire["status"] = {"kopf": {"progress": {}}}
    assert unknown_fields(Experiment, wire) == [
        "metadata.colour",
        "spec.source.load.Seed",
        "spec.variants[0].bogus",
        "bogus",
    ]


def test_free_form_parts_know_no_unknown_fields() -> None:
    assert unknown_fields(Experiment, experiment()) == []


def test_unknown_and_null_fields_are_dropped_but_not_in_free_form_parts() -> None:
    wire = experiment()
    clean, unknown = complete(Experiment, copy.deepcopy(wire))
    assert not unknown
    assert clean["spec"]["variants"][1]["pipeline"]["config"] == {"processors": {"batch": None}}
    wire["metadata"]["creationTimestamp"] = None
    assert complete(Experiment, wire) == (clean, False), "null is no unknown field"
    wire["spec"]["bogus"] = 1
    assert complete(Experiment, wire) == (clean, True)
    assert wire["spec"]["bogus"] == 1, "the given object stays as it is"


def test_defaults_fill_absent_and_null_fields_where_the_parent_is_there() -> None:
    wire = experiment()
    wire["spec"]["timing"] = {"duration": "3m"}
    wire["spec"]["engine"] = None
    filled, _ = complete(Experiment, wire)
    spec = filled["spec"]
    assert spec["timing"] == {"warmup": "5s", "duration": "3m", "interval": "1s", "progressDeadline": "60s"}
    assert (spec["engine"], spec["suspend"], spec["cost"]) == (
        "Auto",
        False,
        {"hosts": 1, "coreMonth": 0.0, "gibMonth": 0.0},
    )
    assert spec["source"]["load"] == {"profileRef": {"name": "realistic"}, "seed": 1, "scale": 1.0}
    assert "host" not in spec["source"], "an absent choice is not made by defaulting"
    assert [criterion["metric"] for criterion in spec["analysis"]["criteria"]] == ["cardinalityReduction", "signalLoss"]
    assert "status" not in filled
    assert wire["spec"]["engine"] is None, "the given object stays as it is"


def test_defaults_reach_into_lists() -> None:
    wire = experiment()
    wire["spec"]["analysis"] = {"signals": [{"name": "rps", "query": "sum(rate(x[5s]))"}]}
    assert complete(Experiment, wire)[0]["spec"]["analysis"]["signals"][0]["tolerance"] == 0.01


def test_defaults_are_never_shared_between_objects() -> None:
    first, _ = complete(Experiment, experiment())
    first["spec"]["analysis"]["criteria"].append("spoilt")
    assert "spoilt" not in complete(Experiment, experiment())[0]["spec"]["analysis"]["criteria"]


def test_defaulting_twice_changes_nothing() -> None:
    once, _ = complete(Experiment, experiment())
    assert complete(Experiment, once) == (once, False)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_schema_defaults_say_what_the_model_says(kind: type[Resource]) -> None:
    """An object with defaults filled in means the same to the model as one without."""
    wires: dict[str, dict[str, Any]] = {
        "Experiment": experiment()["spec"],
        "PipelineDeployment": {"pipeline": {"config": {}}, "measurement": {"experiment": "x", "variant": "y"}},
        "PipelineRevision": {"revision": 1, "pipeline": {"config": {}}, "resolved": {}, "pipelineHash": "h"},
        "ManifestSource": {"path": "/srv/manifests"},
        "PriceBook": {"meters": [{"unit": "samples", "tiers": [{"price": 1}]}]},
    }
    wire: dict[str, Any] = {"metadata": {"name": "x"}}
    if "spec" in kind.model_fields:
        wire["spec"] = wires.get(kind.info.kind, {})
    if "role_ref" in kind.model_fields:
        wire["roleRef"] = {"kind": "ClusterRole", "name": "view"}
    filled, _ = complete(kind, wire)
    assert validate(kind, filled) == []
    assert kind.from_wire(filled) == kind.from_wire(wire)


def test_a_good_object_has_no_causes() -> None:
    assert validate(Experiment, experiment()) == []


def test_types_are_strict_as_in_kubernetes() -> None:
    wire = experiment()
    wire["spec"]["source"]["load"]["seed"] = "3"
    wire["spec"]["suspend"] = "yes"
    wire["metadata"]["labels"] = {"a": 1}
    assert fields(Experiment, wire) == [
        ("metadata.labels[a]", "TypeInvalid"),
        ("spec.suspend", "TypeInvalid"),
        ("spec.source.load.seed", "TypeInvalid"),
    ]
    messages = [cause.message for cause in validate(Experiment, wire)]
    assert 'Invalid value: "3": must be an integer, not a string: write 3 without quotes' in messages


def test_missing_unsupported_and_invalid_have_their_reasons() -> None:
    wire = experiment()
    wire["spec"]["engine"] = "Otlp"
    del wire["spec"]["variants"][0]["role"]
    wire["spec"]["variants"][1]["name"] = "Lean"
    wire["spec"]["analysis"] = {"confidence": 1}
    causes = {cause.field: cause for cause in validate(Experiment, wire)}
    assert causes["spec.engine"].reason == "FieldValueNotSupported"
    assert causes["spec.engine"].message == (
        'Unsupported value: "Otlp": supported values: "Auto", "Embedded", "Otelcol"'
    )
    assert causes["spec.variants[0].role"].reason == "FieldValueRequired"
    assert causes["spec.variants[1].name"].reason == "FieldValueInvalid"
    assert causes["spec.analysis.confidence"].message == "Invalid value: 1: must be less than 1"


def test_rules_across_fields_point_at_their_object() -> None:
    wire = experiment()
    wire["spec"]["variants"][1]["role"] = "Baseline"
    wire["spec"]["timing"] = {"duration": "2s"}
    assert fields(Experiment, wire) == [("spec.timing", "Invalid")]  # the outer rule needs sound parts first
    del wire["spec"]["timing"]
    assert [cause.message for cause in validate(Experiment, wire)] == [
        "Invalid value: exactly one variant must have role Baseline, found 2"
    ]


def test_durations_say_what_is_right() -> None:
    wire = {"metadata": {"name": "x"}, "spec": {"pipeline": {"config": {}}, "minReady": "2 days"}}
    (cause,) = validate(PipelineDeployment, wire)
    assert cause.field == "spec.minReady"
    assert "such as 30s" in cause.message


def test_missing_spec_is_required() -> None:
    assert fields(Experiment, {"metadata": {"name": "x"}}) == [("spec", "Required")]


def test_wrong_kind_and_version_are_named() -> None:
    wire = experiment() | {"apiVersion": "phoenix.io/v1", "kind": "Exp"}
    assert fields(Experiment, wire) == [("apiVersion", "Invalid"), ("kind", "Invalid")]


@pytest.mark.parametrize(
    ("name", "good"),
    [("a", True), ("http-lean", True), ("a.b-c.d1", True), ("x" * 253, True), ("x" * 254, False), ("A", False),
     ("-a", False), ("a-", False), ("a..b", False), ("a_b", False), ("a\n", False), ("ä", False)],
)  # fmt: skip
def test_names_are_dns_subdomains(name: str, good: bool) -> None:
    assert fields(Event, {"metadata": {"name": name}}) == ([] if good else [("metadata.name", "Invalid")])


def test_names_that_children_carry_as_labels_are_dns_labels() -> None:
    wire = experiment()
    wire["metadata"]["name"] = "x" * 63
    assert fields(Experiment, wire) == []
    wire["metadata"]["name"] = "x" * 64
    assert fields(Experiment, wire) == [("metadata.name", "Invalid")]


def test_namespace_names_are_dns_labels() -> None:
    assert fields(Namespace, {"metadata": {"name": "a.b"}}) == [("metadata.name", "Invalid")]
    assert fields(Namespace, {"metadata": {"name": "a-b"}}) == []


def test_a_name_or_a_prefix_is_required() -> None:
    assert fields(Event, {"metadata": {}}) == [("metadata.name", "Required")]
    assert fields(Event, {}) == [("metadata.name", "Required")]
    assert fields(Event, {"metadata": {"generateName": "x-"}}) == []
    assert fields(Event, {"metadata": {"generateName": "X-"}}) == [("metadata.generateName", "Invalid")]


def test_cluster_scoped_kinds_have_no_namespace() -> None:
    wire = {"metadata": {"name": "x", "namespace": "default"}, "spec": {}}
    assert fields(PipelineTemplate, wire) == [("metadata.namespace", "Forbidden")]


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [("app", "x", ""), ("phoenix.io/run", "1", ""), ("app", "", ""), ("app", "a b", "metadata.labels[app]"),
     ("app", "x" * 64, "metadata.labels[app]"), ("/app", "x", "metadata.labels"), ("a b", "x", "metadata.labels"),
     ("UP.io/a", "x", "metadata.labels"), ("x" * 64, "x", "metadata.labels"), ("a/b/c", "x", "metadata.labels")],
)  # fmt: skip
def test_label_syntax(key: str, value: str, fault: str) -> None:
    wire = experiment()
    wire["metadata"]["labels"] = {key: value}
    assert [cause.field for cause in validate(Experiment, wire)] == ([fault] if fault else [])


def test_annotations_finalizers_and_owners() -> None:
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": "a", "uid": "1", "controller": True}
    wire = experiment()
    wire["metadata"] |= {
        "annotations": {"a b": "x", "big": "x" * 300_000},
        "finalizers": ["phoenix.io/experiment", "no good"],
        "ownerReferences": [owner, owner | {"name": "b", "uid": ""}],
    }
    assert fields(Experiment, wire) == [
        ("metadata.annotations", "Invalid"),
        ("metadata.annotations", "TooLong"),
        ("metadata.finalizers[1]", "Invalid"),
        ("metadata.ownerReferences[1].uid", "Required"),
        ("metadata.ownerReferences", "Invalid"),
    ]


def test_long_values_are_cut_in_messages() -> None:
    wire = experiment()
    wire["spec"]["engine"] = "x" * 10_000
    (cause,) = validate(Experiment, wire)
    assert len(cause.message) < 250


def test_text_that_is_not_unicode_is_a_cause_and_no_crash() -> None:
    wire = experiment()
    wire["spec"]["variants"][0]["name"] = "\ud800"
    assert validate(Experiment, wire) != []
