"""Relabelling as Prometheus does it: a list of steps over the labels of a target or sample. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from phoenix.engine.config.section import Section
from phoenix.engine.ottl.errors import OttlSyntaxError
from phoenix.engine.ottl.patterns import RE2, Pattern

Labels = dict[str, str]
_ACTIONS = (
    "replace", "keep", "drop", "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase", "hashmod", "keepequal",
    "dropequal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a relabel configuration."""

    action: str
    sources: tuple[str, ...]
    separator: str
    pattern: Pattern
    target: str
    replacement: str
    modulus: int

    def run(self, labels: Labels) -> Labels | None:
        """The labels after this step; None: dropped."""
        text = self.separator.join(labels.get(name, "") for name in self.sources)
        match self.action:
            case "keep" | "drop":
                return labels if self.pattern.found_in(text) == (self.action == "keep") else None
            case "keepequal" | "dropequal":
                return labels if (labels.get(self.target, "") == text) == (self.action == "keepequal") else None
            case "labelmap":
                renamed = {self.pattern.expanded(self.replacement, name): value for name, value in labels.items()}
                return labels | {name: value for name, value in renamed.items() if name}
            case "labeldrop" | "labelkeep":
                kept = self.action == "labelkeep"
                return {name: value for name, value in labels.items() if self.pattern.found_in(name) == kept}
            case _:
                return self._set(labels, text)

    def _set(self, labels: Labels, text: str) -> Labels:
        """Steps that write one label; an empty value takes it away."""
        name = self.target
        if self.action == "replace":
            value = self.pattern.expanded(self.replacement, text)
            if value is None:
                return labels
            name = self.pattern.expanded(self.target, text) or ""
        elif self.action == "hashmod":
            digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
            value = str(int.from_bytes(digest[8:], "big") % self.modulus)
        else:
            value = text.lower() if self.action == "lowercase" else text.upper()
        without = {key: of for key, of in labels.items() if key != name}
        return without | {name: value} if value and name else without


def relabel(labels: Labels, steps: tuple[Step, ...]) -> Labels | None:
    """The labels after all steps; None: dropped."""
    current: Labels | None = labels
    for step in steps:
        current = step.run(current) if current is not None else None
    return current


def parse_steps(section: Section, key: str) -> tuple[Step, ...]:
    """Read a list of steps."""
    return tuple(_step(item) for item in section.sections(key))


def _step(section: Section) -> Step:
    action = section.choice("action", _ACTIONS, "replace")
    source = section.string("regex", "(.*)")
    try:
        pattern = Pattern(f"^(?s:{source})$")
    except OttlSyntaxError as error:
        section.fault("regex", str(error), RE2)
        pattern = Pattern("")
    step = Step(
        action, tuple(section.strings("source_labels")), section.string("separator", ";"), pattern,
        section.string("target_label"), section.string("replacement", "$1"), section.integer("modulus", 0, minimum=0),
    )  # fmt: skip
    checks: dict[str, Callable[[], bool]] = {"target_label": lambda: bool(step.target)}
    if action == "hashmod":
        checks["modulus"] = lambda: step.modulus > 0
    if action in {"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"}:
        for name, holds in checks.items():
            if not holds():
                section.fault(
                    name, f"relabel configuration for {action} action requires '{name}' value", f"write {name}"
                )
    section.close()
    return step
