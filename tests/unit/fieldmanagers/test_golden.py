"""Sequences of applies and updates, with what sigs.k8s.io/structured-merge-diff v6.3.0 made of each.

golden.jsonl was recorded from that library (`merge.Updater`, the schema of `kinds.py` in its YAML): a line a sequence,
each step with `then`: the object, the field set of every manager, and the conflicts. Empty and absent objects and lists
count as one there: the library leaves nulls where it empties them, which a kube-apiserver prunes, and so do we.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phoenix.fieldmanagers.errors import ApplyConflict
from tests.unit.fieldmanagers.kinds import World

_CASES = [json.loads(line) for line in (Path(__file__).parent / "golden.jsonl").read_text().splitlines()]


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: bare for key, child in value.items() if (bare := _bare(child)) not in (None, {}, [])}
    if isinstance(value, list):
        return [bare for child in value if (bare := _bare(child)) not in (None, {}, [])]
    return value


@pytest.mark.usefixtures("small_kind")
@pytest.mark.parametrize("number", range(len(_CASES)))
def test_as_structured_merge_diff(number: int) -> None:
    world = World()
    for step in _CASES[number]:
        conflicts: list[str] = []
        if step["op"] == "update":
            world.update(step["manager"], step["object"])
        else:
            try:
                world.apply(step["manager"], step["object"], force=step["force"])
            except ApplyConflict as error:
                conflicts = sorted(
                    f"{'U' if 'using' in one.owner else 'A'}:{one.owner.split(chr(34))[1]} {one.path}"
                    for one in error.conflicts
                )
        then = step["then"]
        assert conflicts == then["conflicts"]
        assert _bare(world.wire) == _bare(then["object"])
        assert world.owners == then["managers"]


def test_the_cases_have_what_they_are_for() -> None:
    steps = [step for case in _CASES for step in case]
    assert len(steps) > 250
    assert sum(bool(step["then"]["conflicts"]) for step in steps) > 20
    assert sum(step["force"] and step["op"] == "apply" for step in steps) > 50
