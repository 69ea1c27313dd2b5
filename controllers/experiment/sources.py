"""Which program of a run's source is to be made next, and what is known of its input beforehand. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from controllers.experiment import children as make
from controllers.experiment.plan import Children
from controllers.experiment.timeline import Timeline
from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.loadprofile import LoadProfileSpec
from phoenix.apimachinery.conditions import is_true
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.processes import ProcessPlan, read_processes

EMITTER_LEAD_S = 3.0
"""Longer head start where a source is two programs, the second of which waits for the first, seconds."""


def source(
    experiment: Experiment, children: Children, host: str, timeline: Timeline
) -> LoadGenerator | Collector | None:
    """The next program of this host's source; None: all are there, or what it needs is not yet.

    A profile of processes needs two: what runs them, and then a tee that observes these alone.
    """
    generators = [item for item in children.generators if item.spec.host == host]
    tees = [item for item in children.tees if item.spec.host == host]
    emits = _emits(experiment)
    if emits and not generators:
        return make.generator(experiment, host, timeline, [])
    if tees or (generators and not emits):
        return None
    to = make.targets(experiment, children.collectors, host)
    if not to:
        return None
    if emits:
        running = generators[0].status.pid if is_true(generators[0].status.conditions, "Ready") else None
        return make.tee(experiment, host, to, emitter_pid=running) if running is not None else None
    if experiment.spec.source.load is not None or experiment.spec.source.replay is not None:
        return make.generator(experiment, host, timeline, to)
    return make.tee(experiment, host, to)


def points_per_tick(experiment: Experiment) -> int | None:
    """Points each tick of the source must have, where Phoenix made what it observes; None: nobody knows."""
    plan = emitted(experiment)
    return plan.expected.streams if plan is not None else None


def emitted(experiment: Experiment) -> ProcessPlan | None:
    """The processes that are this run's load, as on its first host; None: it is another, or it cannot be."""
    load = experiment.spec.source.load
    profile = LoadProfileSpec.from_stored(experiment.status.resolved.get("profile") or {})
    if load is None or profile.processes is None:
        return None
    interval_ns = round(experiment.spec.timing.interval.seconds * 1e9)
    try:
        return read_processes(profile.processes.to_wire(), scale=load.scale, seed=load.seed, interval_ns=interval_ns)
    except LoadModelError:
        return None  # the generator says so, which fails the run


def earliest(experiment: Experiment, now: datetime) -> datetime:
    """From when on a timeline may be planned: later where the source needs longer to be there."""
    return now + timedelta(seconds=EMITTER_LEAD_S) if _emits(experiment) else now


def _emits(experiment: Experiment) -> bool:
    profile = experiment.status.resolved.get("profile")
    return isinstance(profile, dict) and profile.get("processes") is not None
