"""What is on a host that is to be drained, and what may be done about it. Pure.

Collectors of deployments are evicted: the deployment runs on its other hosts. A run is left alone while it measures,
as its figures would be lost; it is stopped when forced. What nobody would make again is deleted when forced.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.apimachinery.meta import ObjectKey
from phoenix.apimachinery.names import LABEL_EXPERIMENT

Process = Collector | LoadGenerator | Meter
ENDING_S = 30.0
"""From the end of a measured time until its processes have ended, seconds: samples, verdict, stop."""


@dataclass(frozen=True, slots=True)
class Occupants:
    """Who is on the host.

    Args:
        evicted: collectors of deployments, to be deleted.
        runs: experiments with processes there that have not begun to end.
        loose: processes nobody owns.
        going: processes that end already, or with their experiment.
    """

    evicted: tuple[Process, ...] = ()
    runs: tuple[Experiment, ...] = ()
    loose: tuple[Process, ...] = ()
    going: tuple[Process, ...] = ()

    @property
    def none(self) -> bool:
        """Whether the host is empty."""
        return not (self.evicted or self.runs or self.loose or self.going)


def occupants(processes: Iterable[Process], experiments: Iterable[Experiment]) -> Occupants:
    """Sort what is on a host."""
    by_key = {item.key: item for item in experiments}
    evicted: list[Process] = []
    loose: list[Process] = []
    going: list[Process] = []
    runs: dict[ObjectKey, Experiment] = {}
    for item in processes:
        label = item.metadata.labels.get(LABEL_EXPERIMENT)
        run = by_key.get(ObjectKey(item.metadata.namespace, label)) if label else None
        if run is not None and _goes_on(run):
            runs[run.key] = run
        elif run is not None or item.metadata.deletion_timestamp is not None:
            going.append(item)
        elif item.metadata.owner_references:
            evicted.append(item)
        else:
            loose.append(item)
    return Occupants(tuple(evicted), tuple(runs.values()), tuple(loose), tuple(going))


def _goes_on(run: Experiment) -> bool:
    return not (
        run.status.phase.finished
        or run.status.ending is not None
        or run.spec.suspend
        or run.metadata.deletion_timestamp is not None
    )


def refusal(found: Occupants, now: datetime, patience_s: float) -> tuple[str, str]:
    """Why it cannot be drained without force within `patience_s` seconds, and what to do; two empty texts: it can."""
    if found.loose:
        names = ", ".join(_name(item) for item in found.loose[:4])
        return f"nobody would make these again: {names}", "delete them, or drain with --force"
    for run in found.runs:
        until = run.status.measure_to
        left = parse_timestamp(until) - now + timedelta(seconds=ENDING_S) if until else None
        if left is not None and left > timedelta(seconds=patience_s):
            name = f"{run.ref} in namespace {run.metadata.namespace}"
            hint = (
                f"wait for it with --timeout {max(1, round(left.total_seconds()))}s, or stop it with --force: it loses "
                "this run, and `phoenixctl start` begins the next one on other hosts"
            )
            return f"{name} measures on it until {until}", hint
    return "", ""


def still_there(found: Occupants) -> str:
    """What is waited for, in words."""
    parts = [f"{run.ref} ({run.status.phase})" for run in found.runs]
    parts += [_name(item) for item in (*found.going, *found.evicted, *found.loose)]
    return ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")


def _name(item: Process) -> str:
    return f"{item.ref} in namespace {item.metadata.namespace}"
