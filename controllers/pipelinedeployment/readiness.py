"""Which hosts are ready with which revision, and since when. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from controllers.pipelinedeployment.model import Observed
from phoenix.api.collector import Collector
from phoenix.api.pipeline import PipelineRevision
from phoenix.apimachinery.conditions import find_condition, is_true, parse_timestamp


def good_in_s(observed: Observed, revision: PipelineRevision, hosts: frozenset[str] | None = None) -> float | None:
    """Seconds until a revision has been ready for long enough, 0: now; None while a host is not ready with it."""
    ready_for = ready_since(observed, revision, hosts)
    if ready_for is None:
        return None
    return max(0.0, observed.deployment.spec.min_ready.seconds - ready_for.total_seconds())


def runs(collector: Collector, config_hash: str) -> bool:
    """Whether the collector is ready with exactly this configuration."""
    return collector.status.effective_hash == config_hash and is_true(collector.status.conditions, "Ready")


def ready_since(
    observed: Observed, revision: PipelineRevision, hosts: frozenset[str] | None = None
) -> timedelta | None:
    """How long every host (of these) has been ready with this revision; None when one is not, or none answers."""
    by_host = {collector.spec.host: collector for collector in observed.collectors}
    since: list[datetime] = []
    for host in observed.answering:
        if hosts is not None and host.metadata.name not in hosts:
            continue
        collector = by_host.get(host.metadata.name)
        if collector is None or not runs_revision(observed, collector, revision):
            return None
        ready = find_condition(collector.status.conditions, "Ready")
        assert ready is not None  # runs() saw it
        since.append(parse_timestamp(ready.last_transition_time))
        if collector.status.started_at:
            # NB: a switch without a gap leaves the condition as it was; the process is a new one all the same.
            since.append(parse_timestamp(collector.status.started_at))
    return observed.now - max(since) if since else None


def runs_revision(observed: Observed, collector: Collector, revision: PipelineRevision) -> bool:
    """Whether the collector is ready with exactly this revision, and to stay."""
    rendering = observed.renderings[revision.spec.revision]
    return (
        collector.metadata.deletion_timestamp is None
        and collector.spec.engine == revision.spec.engine
        and runs(collector, rendering.config_hash)
    )
