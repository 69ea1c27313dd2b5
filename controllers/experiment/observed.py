"""Runs on variants that are elsewhere: one meter that asks a Prometheus, and nothing else. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from controllers.experiment import children as make
from controllers.experiment.timeline import Timeline, plan_timeline, timeline_from
from phoenix.api.experiment import Experiment
from phoenix.api.meter import Meter
from phoenix.api.observed import ObservedMetering
from phoenix.apimachinery.conditions import micro_timestamp, parse_timestamp


def timeline_for(experiment: Experiment, now: datetime) -> Timeline:
    """The timeline of a run that begins now: ahead, or where `since` says."""
    spec = experiment.spec
    observed = spec.source.observed
    if observed is None or not observed.since:
        return plan_timeline(now, spec.timing)
    return timeline_from(parse_timestamp(observed.since), spec.timing)


def observing_meter(experiment: Experiment, host: str, timeline: Timeline) -> Meter:
    """The meter that asks about this run's variants."""
    found = make.meter(experiment, host)
    observed = experiment.spec.source.observed
    assert observed is not None  # only called for this source
    found.spec.observed = ObservedMetering(
        url=observed.url,
        selectors={variant.name: variant.selector for variant in experiment.spec.variants},
        ignore_labels=observed.ignore_labels,
        lag=observed.lag,
        measure_from=micro_timestamp(timeline.measure_from),
        measure_to=micro_timestamp(timeline.measure_to),
    )
    return found


def asked_until(experiment: Experiment, timeline: Timeline) -> datetime:
    """When the last window can be asked for: its end and the lag, or the start of a run that is about the past."""
    observed = experiment.spec.source.observed
    if observed is None:
        return timeline.measure_to
    began = experiment.status.deploying_since
    due = timeline.measure_to + timedelta(seconds=observed.lag.seconds)
    return max(due, parse_timestamp(began)) if began else due


def asked_from(experiment: Experiment, timeline: Timeline) -> datetime:
    """When the source of a run was to be there: its first tick, or the start of a run that is about the past."""
    began = experiment.status.deploying_since
    if experiment.spec.source.observed is None or not began:
        return timeline.start_at
    return max(timeline.start_at, parse_timestamp(began))
