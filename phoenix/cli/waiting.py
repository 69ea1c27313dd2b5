"""What can be waited for: `condition=Ready`, `phase=Running`, `jsonpath={.status.revision}=3`, `delete`, `verdict`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from phoenix.api.experiment import ExperimentPhase
from phoenix.cli.errors import UsageError, did_you_mean

Wire = dict[str, Any]
FORMS = ("condition", "jsonpath", "delete", "create", "phase", "verdict")


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for.

    Args:
        text: as typed.
        reached: whether an object is there (None: there is no such object).
        state: what to say of an object that is not.
        hopeless: why it cannot happen any more; empty while it can.
        verdict: the exit code speaks of the run's verdict.
    """

    text: str
    reached: Callable[[Wire | None], bool]
    state: Callable[[Wire | None], str]
    hopeless: Callable[[Wire | None], str]
    verdict: bool = False


def parse_goal(text: str) -> Goal:
    """Raises UsageError."""
    form, equals, rest = text.partition("=")
    match form:
        case "delete":
            return Goal(text, lambda wire: wire is None, _state, lambda _: "")
        case "create":
            return Goal(text, lambda wire: wire is not None, lambda _: "it is not there yet", lambda _: "")
        case "condition" if rest:
            return _condition(text, rest)
        case "phase" if rest:
            return _phase(text, rest)
        case "jsonpath" if rest:
            return _jsonpath(text, rest)
        case "verdict":
            return _verdict(text, rest)
    hint = did_you_mean(form, list(FORMS)) if not equals or form not in FORMS else ""
    examples = "condition=NAME[=VALUE], phase=NAME, jsonpath={PATH}=VALUE, delete, create or verdict"
    raise UsageError(f'"{text}" is nothing to wait for', f"{hint + ' ' if hint else ''}write {examples}")


def _condition(text: str, rest: str) -> Goal:
    name, _, value = rest.partition("=")
    wanted = (value or "True").lower()

    def find(wire: Wire | None) -> Wire | None:
        conditions = ((wire or {}).get("status") or {}).get("conditions") or []
        return next((item for item in conditions if str(item.get("type", "")).lower() == name.lower()), None)

    def reached(wire: Wire | None) -> bool:
        found = find(wire)
        return found is not None and str(found.get("status", "")).lower() == wanted and _is_current(wire, found)

    def state(wire: Wire | None) -> str:
        found = find(wire)
        if found is None:
            return _state(wire) if wire is None else f"it has no condition {name} yet"
        said = f": {found['message']}" if found.get("message") else ""
        return f"{found['type']} is {found.get('status')} ({found.get('reason', '')}){said}"

    return Goal(text, reached, state, lambda _: "")


def _is_current(wire: Wire | None, condition: Wire) -> bool:
    """Whether a condition speaks of the spec as it is now: an old `True` must not pass for a new one."""
    generation = (wire or {}).get("metadata", {}).get("generation") or 0
    return int(condition.get("observedGeneration") or generation) >= int(generation)


def _phase_of(wire: Wire | None) -> str:
    return str(((wire or {}).get("status") or {}).get("phase") or "")


def _finished(wire: Wire | None) -> bool:
    finished = [phase.value for phase in ExperimentPhase if phase.finished]
    return (wire or {}).get("kind") == "Experiment" and _phase_of(wire) in finished


def _phase(text: str, wanted: str) -> Goal:
    def hopeless(wire: Wire | None) -> str:
        if _finished(wire) and _phase_of(wire) != wanted:
            return f"the run has ended as {_phase_of(wire)}"
        return ""

    return Goal(text, lambda wire: _phase_of(wire).lower() == wanted.lower(), _state, hopeless)


def _jsonpath(text: str, rest: str) -> Goal:
    from phoenix.cli.printers.jsonpath import as_text, compile_path, find_all

    # NB: the value comes after the last `}`: filters inside the path have `=` of their own.
    head, brace, value = rest.rpartition("}")
    path, wanted = (head + brace, value.removeprefix("=")) if brace else rest.partition("=")[::2]
    compiled = compile_path(path)

    def values(wire: Wire | None) -> list[str]:
        return [as_text(item) for item in find_all(compiled, wire)] if wire is not None else []

    def reached(wire: Wire | None) -> bool:
        found = values(wire)
        return wanted in found if wanted else bool(found)

    def state(wire: Wire | None) -> str:
        return f"{path} is {', '.join(values(wire)) or 'not there'}" if wire is not None else _state(None)

    return Goal(text, reached, state, lambda _: "")


def _verdict(text: str, wanted: str) -> Goal:
    if wanted and wanted not in ("Promote", "Reject", "Inconclusive", "Invalid"):
        raise UsageError(f'there is no verdict "{wanted}"', "choose from Promote, Reject, Inconclusive, Invalid")

    def verdict(wire: Wire | None) -> str:
        return str(((wire or {}).get("status") or {}).get("verdict") or "")

    def hopeless(wire: Wire | None) -> str:
        if wanted and _finished(wire) and verdict(wire) != wanted:
            return f"the run has ended as {_phase_of(wire)}, verdict {verdict(wire) or 'none'}"
        return ""

    def reached(wire: Wire | None) -> bool:
        return _finished(wire) and (not wanted or verdict(wire) == wanted)

    return Goal(text, reached, _state, hopeless, verdict=not wanted)


def _state(wire: Wire | None) -> str:
    if wire is None:
        return "it is not there"
    phase = _phase_of(wire)
    if wire["metadata"].get("deletionTimestamp"):
        held = ", ".join(wire["metadata"].get("finalizers") or [])
        return f"it is being deleted, held by {held}"
    return f"its phase is {phase}" if phase else "it is there"
