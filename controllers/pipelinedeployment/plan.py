"""What a pipeline deployment needs next: observed state in, actions and a new status out. Pure.

    spec ──resolve──▶ wanted content
      content differs from the newest revision  ─▶ create a revision (unless paused)
      newest revision not judged yet            ─▶ roll it out: every host runs it
      all hosts ready for minReady              ─▶ Deployed: it is the effective one
      deadline passed, or a host refuses it     ─▶ RolledBack: every host runs the effective one again

A revision that was rolled back is not tried again until the spec asks for something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controllers.pipelinedeployment.history import mark, record_for, started
from phoenix.api.collector import Collector, Engine
from phoenix.api.host import Host
from phoenix.api.pipeline import (
    PipelineDeployment,
    PipelineRevision,
    RevisionOutcome,
    RevisionRecord,
)
from phoenix.apimachinery.conditions import find_condition, is_true, parse_timestamp

REFUSALS = frozenset({"ConfigInvalid"})
"""Reasons of a collector's attempt after which waiting is no use."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The spec's pipeline, resolved."""

    config: dict[str, Any]
    parameters: dict[str, Any]
    template_generation: int
    pipeline_hash: str
    engine: Engine


@dataclass(frozen=True, slots=True)
class Rendering:
    """What every collector of a revision runs."""

    config: dict[str, Any]
    config_hash: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """The world as read. `endpoints`: host name → the meter's address there (None: not measured)."""

    deployment: PipelineDeployment
    wanted: Wanted
    revisions: tuple[PipelineRevision, ...]
    renderings: Mapping[int, Rendering]
    collectors: tuple[Collector, ...]
    hosts: tuple[Host, ...]
    endpoints: Mapping[str, Mapping[str, str]] | None
    now: datetime


@dataclass(frozen=True, slots=True)
class CollectorChange:
    """Make this host run this revision; `existing` is None where a collector is to be created."""

    host: str
    revision: PipelineRevision
    rendering: Rendering
    endpoints: Mapping[str, str]
    existing: Collector | None


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to record."""

    reason: str
    message: str
    warning: bool = False
    data: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions, in the order they are carried out, and what to remember."""

    create_revision: int | None = None
    collectors: tuple[CollectorChange, ...] = ()
    delete_collectors: tuple[Collector, ...] = ()
    delete_revisions: tuple[PipelineRevision, ...] = ()
    history: tuple[RevisionRecord, ...] = ()
    target: PipelineRevision | None = None
    effective: PipelineRevision | None = None
    waiting_for: str = ""
    notices: tuple[Notice, ...] = ()
    requeue_after_s: float | None = None


def plan(observed: Observed) -> Plan:
    """Decide. Running it again on what its actions bring about gives no further action."""
    deployment, revisions = observed.deployment, observed.revisions
    newest = revisions[-1] if revisions else None
    history = tuple(deployment.status.history)
    if newest is None or (not _same_content(newest, observed.wanted) and not deployment.spec.paused):
        return Plan(
            create_revision=(newest.spec.revision + 1) if newest else 1,
            history=history,
            effective=_effective(observed, history),
            waiting_for="the new revision",
        )
    history = started(history, newest, observed.renderings[newest.spec.revision].config_hash, observed.now)
    effective = _effective(observed, history)
    record = record_for(history, newest.spec.revision)
    assert record is not None  # started() made it
    if record.outcome == RevisionOutcome.PROGRESSING:
        return _progress(observed, newest, effective, history)
    target = newest if record.outcome == RevisionOutcome.DEPLOYED else effective
    return _converge(observed, Plan(history=history, target=target, effective=effective))


def _same_content(revision: PipelineRevision, wanted: Wanted) -> bool:
    return revision.spec.resolved == wanted.config and revision.spec.engine == wanted.engine


def _effective(observed: Observed, history: tuple[RevisionRecord, ...]) -> PipelineRevision | None:
    deployed = [record.revision for record in history if record.outcome == RevisionOutcome.DEPLOYED]
    number = deployed[-1] if deployed else observed.deployment.status.revision
    return next((revision for revision in observed.revisions if revision.spec.revision == number), None)


def _progress(
    observed: Observed,
    newest: PipelineRevision,
    effective: PipelineRevision | None,
    history: tuple[RevisionRecord, ...],
) -> Plan:
    """One step of a rollout that is under way."""
    spec = observed.deployment.spec
    rendering = observed.renderings[newest.spec.revision]
    record = record_for(history, newest.spec.revision)
    assert record is not None
    number, name = newest.spec.revision, observed.deployment.metadata.name
    waited = observed.now - parse_timestamp(record.deployed_at)
    refusal = _refusal(observed.collectors, rendering.config_hash)
    ready_for = ready_since(observed, rendering.config_hash)
    if ready_for is not None and ready_for >= timedelta(seconds=spec.min_ready.seconds):
        done = mark(history, number, RevisionOutcome.DEPLOYED, "")
        if effective is not None and effective.spec.revision != number:
            done = mark(done, effective.spec.revision, RevisionOutcome.SUPERSEDED, "")
        notice = Notice(
            "DeploymentAvailable",
            f"revision {number} ({newest.spec.pipeline_hash}) is ready on {len(observed.hosts)} host(s)",
            data={"revision": number, "pipelineHash": newest.spec.pipeline_hash, "hosts": len(observed.hosts)},
        )
        return _converge(observed, Plan(history=done, target=newest, effective=newest, notices=(notice,)))
    late = waited > timedelta(seconds=spec.progress_deadline.seconds) and bool(observed.hosts)
    if not (late or refusal):
        left = spec.progress_deadline.seconds - waited.total_seconds()
        plan_ = Plan(history=history, target=newest, effective=effective, waiting_for="collectors to become ready")
        return _converge(observed, replace(plan_, requeue_after_s=max(0.2, min(left, spec.min_ready.seconds or left))))
    reason = refusal or f"not ready on every host within {spec.progress_deadline}: {_stragglers(observed, rendering)}"
    undone = mark(history, number, RevisionOutcome.ROLLED_BACK, reason)
    if effective is None:
        notice = Notice(
            "DeploymentFailed",
            f"revision {number} of {name} did not become ready and there is none to go back to: {reason}",
            warning=True,
            data={"revision": number, "reason": reason},
        )
        # NB: it stays where it is, as a Deployment without a good revision does; the agent keeps trying with backoff.
        return _converge(observed, Plan(history=undone, target=newest, notices=(notice,)))
    notice = Notice(
        "DeploymentRolledBack",
        f"revision {number} did not become ready, back to revision {effective.spec.revision}: {reason}",
        warning=True,
        data={"revision": number, "effectiveRevision": effective.spec.revision, "reason": reason},
    )
    return _converge(observed, Plan(history=undone, target=effective, effective=effective, notices=(notice,)))


def _refusal(collectors: tuple[Collector, ...], config_hash: str) -> str:
    for collector in collectors:
        attempt = collector.status.attempted
        if attempt is not None and attempt.config_hash == config_hash and attempt.reason in REFUSALS:
            return f"{collector.spec.host}: {attempt.message or attempt.reason}"
    return ""


def runs(collector: Collector, config_hash: str) -> bool:
    """Whether the collector is ready with exactly this configuration."""
    return collector.status.effective_hash == config_hash and is_true(collector.status.conditions, "Ready")


def ready_since(observed: Observed, config_hash: str) -> timedelta | None:
    """How long every host has been ready with this configuration; None when one is not (or there is no host)."""
    by_host = {collector.spec.host: collector for collector in observed.collectors}
    since: list[datetime] = []
    for host in observed.hosts:
        collector = by_host.get(host.metadata.name)
        if collector is None or not runs(collector, config_hash):
            return None
        ready = find_condition(collector.status.conditions, "Ready")
        assert ready is not None  # runs() saw it
        since.append(parse_timestamp(ready.last_transition_time))
    return observed.now - max(since) if since else None


def _stragglers(observed: Observed, rendering: Rendering) -> str:
    by_host = {collector.spec.host: collector for collector in observed.collectors}
    said = []
    for host in observed.hosts:
        collector = by_host.get(host.metadata.name)
        if collector is not None and runs(collector, rendering.config_hash):
            continue
        attempt = collector.status.attempted if collector else None
        ready = find_condition(collector.status.conditions, "Ready") if collector else None
        why = (attempt.message or attempt.reason) if attempt and attempt.reason else (ready.message if ready else "")
        said.append(f"{host.metadata.name}: {why or 'no answer'}")
    return "; ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def _converge(observed: Observed, base: Plan) -> Plan:
    """Add what makes every host run `base.target`, and tidy up old revisions."""
    changes: list[CollectorChange] = []
    waiting = base.waiting_for
    by_host = {collector.spec.host: collector for collector in observed.collectors}
    wanted_hosts = {host.metadata.name for host in observed.hosts}
    if base.target is not None:
        rendering = observed.renderings[base.target.spec.revision]
        for host in sorted(wanted_hosts):
            endpoints = {} if observed.endpoints is None else observed.endpoints.get(host)
            existing = by_host.get(host)
            if endpoints is None:
                waiting = f"the meter on {host}"
            elif existing is None or _differs(existing, rendering, endpoints):
                changes.append(CollectorChange(host, base.target, rendering, endpoints, existing))
    gone = tuple(collector for host, collector in by_host.items() if host not in wanted_hosts)
    old, history = _old_revisions(observed, base)
    return replace(
        base,
        collectors=tuple(changes),
        delete_collectors=tuple(item for item in gone if item.metadata.deletion_timestamp is None),
        delete_revisions=old,
        history=history,
        waiting_for=waiting,
    )


def _differs(collector: Collector, rendering: Rendering, endpoints: Mapping[str, str]) -> bool:
    return collector.metadata.deletion_timestamp is None and (
        collector.spec.config_hash != rendering.config_hash or collector.spec.endpoints != dict(endpoints)
    )


def _old_revisions(observed: Observed, base: Plan) -> tuple[tuple[PipelineRevision, ...], tuple[RevisionRecord, ...]]:
    kept = {revision.spec.revision for revision in (base.target, base.effective) if revision is not None}
    spare = [revision for revision in observed.revisions[:-1] if revision.spec.revision not in kept]
    excess = max(0, len(spare) - observed.deployment.spec.revision_history_limit)
    old = tuple(spare[:excess])
    numbers = {revision.spec.revision for revision in old}
    return old, tuple(record for record in base.history if record.revision not in numbers)
