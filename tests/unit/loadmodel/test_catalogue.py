"""The load profiles that come with Phoenix, and the figures their comments state."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from phoenix.api.loadprofile import LoadProfile, LoadProfileSpec
from phoenix.loadmodel.dynamics import EVENTS_OF, EventKind
from phoenix.loadmodel.expected import expected_active_series, expected_streams

FILE = Path(__file__).parents[3] / "resources" / "catalog" / "loadprofiles.yaml"
PROFILES = {
    profile.metadata.name: profile
    for profile in map(LoadProfile.from_wire, YAML(typ="safe").load_all(FILE.read_text("utf-8")))
}


@pytest.mark.parametrize(
    ("name", "aliases", "streams", "series"),
    [
        ("realistic", ["normal"], 2_502, 21_322),
        ("high-cardinality", ["high-card"], 18_574, 150_542),
        ("microservices-http", [], 2_502, 21_322),
        ("steady", [], 612, 5_292),
        ("spike", [], 2_502, 21_322),
        ("churn", [], 2_502, 21_322),
        ("fleet", ["process-fleet"], 5_500, 5_500),
        ("kubernetes", ["k8s-pods"], 3_060, 3_060),
    ],
)
def test_profiles_amount_to(name: str, aliases: list[str], streams: int, series: int) -> None:
    profile = PROFILES[name]
    assert profile.spec.aliases == aliases
    otlp = profile.spec.otlp.to_wire()
    assert (expected_streams(otlp), expected_active_series(otlp)) == (streams, series)


@pytest.mark.parametrize("size", ["S", "M", "L"])
def test_the_comments_state_the_sizes_as_they_are(size: str) -> None:
    (line,) = (line for line in FILE.read_text("utf-8").splitlines() if line.startswith(f"#   {size} "))
    assert line.endswith(f"{expected_active_series({'size': size}):,}")


@pytest.mark.parametrize("size", ["S", "M", "L"])
@pytest.mark.parametrize("model", ["M2", "M3"])
def test_the_comments_state_the_other_models_too(model: str, size: str) -> None:
    (line,) = (line for line in FILE.read_text("utf-8").splitlines() if line.startswith(f"#   {model} {size} "))
    assert line.endswith(f" {expected_active_series({'model': model, 'size': size}):,}")


def test_an_event_of_another_model_is_refused_by_the_kind_and_both_know_the_same() -> None:
    for model, known in EVENTS_OF.items():
        for kind in EventKind:
            spec = {"otlp": {"model": model, "events": [{"kind": kind}]}}
            if kind in known:
                LoadProfileSpec.from_wire(spec)
            else:
                with pytest.raises(ValueError, match=rf"model {model} has .*, not {kind}"):
                    LoadProfileSpec.from_wire(spec)
