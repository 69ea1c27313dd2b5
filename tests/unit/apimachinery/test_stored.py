"""What was stored by wider rules is readable, whatever its kind."""

import pytest
from pydantic import ValidationError

from phoenix.api.loadprofile import LoadProfile, SeriesModel
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import Resource
from phoenix.apimachinery.stored import reader


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.info.kind)
def test_every_kind_has_a_reader(kind: type[Resource]) -> None:
    assert reader(kind) is not None
    with pytest.raises(ValidationError, match="metadata"):
        kind.from_stored({"metadata": 3})


def test_a_rule_of_a_model_that_is_used_twice_is_left_out_in_both_places() -> None:
    turn = {"every": "0s"}
    otlp = {"model": "M1", "pods": 3, "churn": turn, "resets": turn}
    found = LoadProfile.from_stored({"metadata": {"name": "old"}, "spec": {"maxDuration": "0s", "otlp": otlp}})
    assert found.spec.otlp is not None
    assert found.spec.otlp.churn is not None
    assert found.spec.otlp.resets is not None
    assert (found.spec.otlp.model, found.spec.otlp.pods) == (SeriesModel.M1, 3)
    assert (found.spec.otlp.churn.every, found.spec.otlp.resets.every) == ("0s", "0s")
