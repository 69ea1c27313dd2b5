"""What the input of a run that goes on still lacks, and what a person can do about it. Pure."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from controllers.experiment.plan import Children
from controllers.experiment.status import Hint
from phoenix.api.experiment import Experiment
from phoenix.api.process import ProcessPhase
from phoenix.api.results import ExperimentResults
from phoenix.apimachinery.conditions import ConditionStatus, find_condition, parse_timestamp

QUIET_S = 2.0
"""How long a source may be on its way without a word about it, seconds."""


def endpoint_of(children: Children) -> str:
    """The URL real senders are to send to; empty before its tee has a port, and of other sources."""
    for tee in children.tees:
        if (port := tee.status.ports.get("otlp")) is not None:
            return f"http://{tee.status.address or '127.0.0.1'}:{port}"
    return ""


def hint_of(
    experiment: Experiment, children: Children, now: datetime, results: ExperimentResults | None = None
) -> Hint | None:
    """What is to be said of a run's input; None: it flows, as far as is known.

    Args:
        results: of the measured windows so far.
    """
    asking = children.meters if experiment.spec.source.observed is not None else ()
    for source in (*children.sources, *asking):
        ready = find_condition(source.status.conditions, "Ready")
        starts = source.status.phase in (ProcessPhase.PENDING, ProcessPhase.STARTING)
        if ready is None or ready.status is ConditionStatus.TRUE or not starts:
            continue
        waited_s = (now - parse_timestamp(ready.last_transition_time)).total_seconds()
        return Hint("SourceNotReady", f"{source.ref}: {ready.message}") if waited_s >= QUIET_S else None
    if where := awaited_at(experiment, endpoint_of(children), results):
        return Hint("AwaitingInput", f"send {where}: no measured window has points yet")
    return None


def awaited_at(experiment: Experiment, endpoint: str, results: ExperimentResults | None) -> str:
    """Where real senders are to send to, of a run that waits for them and has measured nothing; else empty."""
    otlp = experiment.spec.source.otlp
    if otlp is None or not endpoint or (results is not None and any(results.input.points.values())):
        return ""
    where = f"OTLP/HTTP to {endpoint}/v1/metrics"
    if otlp.grpc_port is not None:
        where += f", or OTLP/gRPC to {urlsplit(endpoint).netloc.rpartition(':')[0]}:{otlp.grpc_port}"
    return where
