"""What a person reads where a field belongs to another manager."""

from __future__ import annotations

from phoenix.apimachinery.errors import Cause, Conflict
from phoenix.cli.explain import explain
from phoenix.manifest.loader import load_text

_MANIFEST = """\
apiVersion: phoenix.io/v1alpha1
kind: Experiment
metadata: {name: a}
spec:
  source:
    load: {profileRef: {name: realistic}}
  variants:
  - name: baseline
    role: Baseline
    pipeline: {templateRef: {name: baseline}}
  - name: candidate
    role: Candidate
    pipeline: {templateRef: {name: lean}}
  timing:
    duration: 12s
"""


def test_a_conflict_is_told_by_line_and_owner() -> None:
    (found,) = load_text(_MANIFEST)
    said = 'conflict with "ci"'
    causes = [Cause("FieldManagerConflict", said, ".spec.timing.duration")]
    assert explain(Conflict("Apply failed with 1 conflict", causes=causes), found) == [
        '-:15: experiment/a: spec.timing.duration: conflict with "ci"; --force-conflicts takes it over; or leave it out'
    ]
    keyed = [Cause("FieldManagerConflict", said, '.spec.variants[name="candidate"].role')]
    (line,) = explain(Conflict("Apply failed with 1 conflict", causes=keyed), found)
    assert line.split(": ")[2] == 'spec.variants[name="candidate"].role'
    assert int(line.split(":")[1]) in range(7, 14)


def test_a_plain_conflict_keeps_its_hint() -> None:
    (found,) = load_text(_MANIFEST)
    (line,) = explain(Conflict("the object has been modified"), found)
    assert line.endswith("it changed meanwhile: read it again and repeat")
