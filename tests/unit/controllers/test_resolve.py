"""What cannot run is refused before anything does, with its field; what is only not measured may stay."""

from dataclasses import replace
from typing import Any

import pytest

from controllers.experiment.resolve import Catalogue, Unresolved, resolve_experiment
from phoenix.api.collector import Engine
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host, HostEngine, HostStatus
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.pipeline import NameRef
from phoenix.api.sources import ExperimentSource, LoadSource, OtlpSource
from phoenix.apimachinery.conditions import Condition, ConditionStatus
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.engine import grpcextra

HOST = Host(
    metadata=ObjectMeta(name="a"),
    status=HostStatus(
        engines=[HostEngine(engine=Engine.EMBEDDED)],
        conditions=[Condition(type="Ready", status=ConditionStatus.TRUE)],
    ),
)
CATALOGUE = Catalogue(templates=[], profiles=[], price_books=[], hosts=[HOST])


def experiment(candidate: dict[str, Any], exporters: str) -> Experiment:
    plain = {"processors": {"batch": {}}, "service": {"pipelines": {"metrics": {"processors": ["batch"]}}}}
    return Experiment.from_wire(
        {
            "metadata": {"name": "x"},
            "spec": {
                "source": {"otlp": {}},
                "exporters": exporters,
                "variants": [
                    {"name": "baseline", "role": "Baseline", "pipeline": {"config": plain}},
                    {"name": "candidate", "role": "Candidate", "pipeline": {"config": candidate}},
                ],
            },
        }
    )


def config(*, processor: str = "batch", exporter: str = "debug") -> dict[str, Any]:
    return {
        "processors": {processor: {}},
        "exporters": {exporter: {}},
        "service": {"pipelines": {"metrics": {"processors": [processor], "exporters": [exporter]}}},
    }


def test_what_the_engine_has_is_pinned() -> None:
    resolution = resolve_experiment(experiment(config(), "Keep"), CATALOGUE)
    assert [pinned.name for pinned in resolution.variants] == ["baseline", "candidate"]
    assert resolution.hosts == ("a",)


def test_a_processor_the_engine_has_not_is_refused_with_its_field() -> None:
    with pytest.raises(Unresolved, match=r"spec\.variants\[1\]\.pipeline: processors\.nosuch") as refused:
        resolve_experiment(experiment(config(processor="nosuch"), "Replace"), CATALOGUE)
    assert refused.value.reason == "ConfigInvalid"


def test_an_exporter_the_engine_has_not_matters_only_where_it_is_kept() -> None:
    strange = config(exporter="kafka")
    resolve_experiment(experiment(strange, "Replace"), CATALOGUE)
    with pytest.raises(Unresolved, match="kafka") as refused:
        resolve_experiment(experiment(strange, "Keep"), CATALOGUE)
    assert refused.value.reason == "ConfigInvalid"


def test_a_grpc_port_wants_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = experiment(config(), "Keep")
    asked.spec.source = ExperimentSource(otlp=OtlpSource(port=4318, grpc_port=4317))
    resolve_experiment(asked, CATALOGUE)
    monkeypatch.setattr(grpcextra, "available", lambda: False)
    with pytest.raises(Unresolved, match=r"spec\.source\.otlp\.grpcPort: .*pip install") as refused:
        resolve_experiment(asked, CATALOGUE)
    assert refused.value.reason == "ConfigInvalid"


def test_what_older_rules_allowed_is_refused_with_its_field_before_a_child_is_made_of_it() -> None:
    wire = experiment(config(), "Keep").to_wire()
    asked = Experiment.from_stored({**wire, "spec": {**wire["spec"], "timing": {"progressDeadline": "0s"}}})
    with pytest.raises(Unresolved, match=r"experiment/x: spec\.timing: .*progressDeadline must be longer") as refused:
        resolve_experiment(asked, CATALOGUE)
    assert refused.value.reason == "BreaksNewerRules"
    profile = LoadProfile.from_stored({"metadata": {"name": "old"}, "spec": {"maxDuration": "0s"}})
    asked = experiment(config(), "Keep")
    asked.spec.source = ExperimentSource(load=LoadSource(profile_ref=NameRef(name="old")))
    with pytest.raises(Unresolved, match=r"loadprofile/old: spec.*maxDuration must be longer") as refused:
        resolve_experiment(asked, replace(CATALOGUE, profiles=[profile]))
    assert refused.value.reason == "BreaksNewerRules"


def test_two_protocols_have_two_ports() -> None:
    with pytest.raises(ValueError, match="must differ"):
        OtlpSource(port=4317, grpc_port=4317)
