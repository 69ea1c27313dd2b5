"""What differs between the two servers' answers, and the list of differences that have a reason.

`differences.yaml` holds groups: a reason, and patterns `SCENARIO/STEP POINTER` of what it explains, in which `*` stands
for anything. A difference is a JSON pointer into an answer. Every difference must be explained by a pattern, and every
pattern must explain one: what no longer differs must go from the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from conformance.runner import Answer

FILE = Path(__file__).with_name("differences.yaml")
ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place of one answer. `step` counts from 1; a value that is not there is `ABSENT`."""

    scenario: str
    step: int
    said: str
    pointer: str
    kube: Any
    phoenix: Any

    @property
    def place(self) -> str:
        """As patterns name it."""
        return f"{self.scenario}/{self.step} {self.pointer}"


@dataclass(frozen=True, slots=True)
class Group:
    """Differences with one reason. `title` names it in a few words."""

    title: str
    reason: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """Differences by the group that explains them, those nobody explains, and patterns that explain nothing."""

    explained: dict[str, list[Difference]] = field(default_factory=dict)
    unlisted: list[Difference] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def differences(scenario: str, kube: Sequence[Answer], phoenix: Sequence[Answer]) -> Iterator[Difference]:
    """What differs in one scenario. Steps of the two must be the same ones."""
    for number, (theirs, ours) in enumerate(zip(kube, phoenix, strict=True), 1):
        for pointer, left, right in _compare(theirs, ours, ""):
            yield Difference(scenario, number, str(theirs["step"]), pointer, left, right)


def _compare(left: Any, right: Any, at: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in [*left, *(key for key in right if key not in left)]:
            pointer = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
            yield from _compare(left.get(key, ABSENT), right.get(key, ABSENT), pointer)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (mine, other) in enumerate(zip(left, right, strict=True)):
            yield from _compare(mine, other, f"{at}/{index}")
    elif left != right or isinstance(left, bool) != isinstance(right, bool):  # 1 and 1.0 are one number in JSON
        yield at, left, right


@cache
def groups() -> tuple[Group, ...]:
    """The list. Raises KeyError, ruamel.yaml.error.YAMLError: it is not well formed."""
    found = YAML(typ="safe").load(FILE.read_text(encoding="utf-8")) or []
    return tuple(Group(one["title"], " ".join(one["reason"].split()), tuple(one["places"])) for one in found)


def judge(found: Mapping[str, Sequence[Difference]], listed: Sequence[Group]) -> Judged:
    """Explain what can be explained; the first pattern that fits counts."""
    patterns = [(group.title, pattern, _compiled(pattern)) for group in listed for pattern in group.patterns]
    used: set[tuple[str, str]] = set()
    judged = Judged({group.title: [] for group in listed})
    for difference in (one for some in found.values() for one in some):
        for title, pattern, compiled in patterns:
            if compiled.fullmatch(difference.place):
                judged.explained[title].append(difference)
                used.add((title, pattern))
                break
        else:
            judged.unlisted.append(difference)
    judged.stale.extend(f"{title}: {pattern}" for title, pattern, _ in patterns if (title, pattern) not in used)
    return judged


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.S)
