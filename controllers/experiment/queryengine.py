"""What answers a run's queries: chosen when it starts, kept in its status, the same to its end. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from controllers.experiment.timeline import PATIENCE_S
from phoenix.analysis.queries import outside_subset
from phoenix.api.analysis import Analysis, QueryEngine
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host

PINNED = "queryEngine"
"""Key of `status.resolved`."""
PROMETHEUS_PATIENCE_S = 60.0
"""How long after its end the samples of a run may come in where a Prometheus answers its queries, seconds."""

OBSERVED_PATIENCE_S = 240.0
"""The same where every window is asked of somebody's Prometheus, which may be slow, or away for a while."""


def choose_query_engine(experiment: Experiment, hosts: Sequence[Host]) -> tuple[QueryEngine, str]:
    """The engine, and why it cannot be had, in words; empty: it can.

    Raises:
        QueryError, PromqlError: a query or file is none.
    """
    spec = experiment.spec
    wanted = spec.analysis.query_engine
    if spec.source.observed is not None:  # the Prometheus that has the series answers all of its language
        return QueryEngine.PROMETHEUS, ""
    lacking = [host.metadata.name for host in hosts if not host.status.prometheus]
    if wanted is QueryEngine.PROMETHEUS and lacking:
        names = ", ".join(lacking)
        return wanted, f"spec.analysis.queryEngine: no Prometheus on {names}: tell its agent of one with --prometheus"
    if wanted is QueryEngine.AUTO:
        needed = not lacking and outside_subset(spec.analysis, spec.timing.interval.seconds)
        return (QueryEngine.PROMETHEUS if needed else QueryEngine.EMBEDDED), ""
    return wanted, ""


def patience_s(experiment: Experiment) -> float:
    """How long after the last window's grace its samples may still come in, seconds."""
    if experiment.spec.source.observed is not None:
        return OBSERVED_PATIENCE_S
    real = judged_analysis(experiment).query_engine is QueryEngine.PROMETHEUS
    return PROMETHEUS_PATIENCE_S if real else PATIENCE_S


def judged_analysis(experiment: Experiment) -> Analysis:
    """What the run is judged by, with the engine that was chosen for it."""
    pinned = experiment.status.resolved.get(PINNED, QueryEngine.EMBEDDED)
    return experiment.spec.analysis.model_copy(update={"query_engine": QueryEngine(str(pinned))})
