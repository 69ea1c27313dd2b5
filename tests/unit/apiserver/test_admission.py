"""Which warnings an object gets on its way in: the same by the quick check of what is right and by the long way."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.api.pipeline import PipelineTemplate
from phoenix.api.schema import plain
from phoenix.apiserver.admission import admit
from phoenix.apiserver.options import FieldValidation

CONFIG = {
    "receivers": {"otlp": {}},
    "processors": {"probabilistic_sampler": {"sampling_percentage": 10}},
    "exporters": {"debug": {}},
    "service": {
        "pipelines": {
            "metrics": {"receivers": ["otlp"], "processors": ["probabilistic_sampler"], "exporters": ["debug"]}
        }
    },
}


@pytest.mark.parametrize("more", [{}, {"bogus": 1}])
def test_mistakes_in_a_pipeline_are_told_unless_nobody_wants_to_hear(more: dict[str, Any]) -> None:
    info = PipelineTemplate.info
    wire = {"apiVersion": info.api_version, "kind": info.kind, "metadata": {"name": "t"}, "spec": {"config": CONFIG}}
    wire |= more
    assert (plain(PipelineTemplate, wire) is None) == bool(more), "one goes each way"
    _, told = admit(PipelineTemplate, wire, FieldValidation.WARN)
    assert any("probabilistic_sampler" in warning for warning in told), told
    assert admit(PipelineTemplate, wire, FieldValidation.IGNORE)[1] == []
