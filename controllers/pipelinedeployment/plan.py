"""What a pipeline deployment needs next: observed state in, actions and a new status out. Pure.

    spec ──resolve──▶ wanted content
      content differs from the newest revision  ─▶ create a revision (held while paused)
      it cannot be resolved                     ─▶ what runs is kept as it is
      newest revision not judged yet            ─▶ roll it out: every host runs it
      all hosts ready for minReady              ─▶ Deployed: it is the effective one
      deadline passed, or a host refuses it     ─▶ RolledBack: every host runs the effective one again

A revision that was rolled back is not tried again until the spec asks for something else; one that had none to go back
to stays, and counts once it is good. Hosts without an agent that answers judge nothing: they follow when they are back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controllers.pipelinedeployment.history import mark, record_for, replaced, started
from phoenix.api.collector import Collector, Engine
from phoenix.api.host import Host
from phoenix.api.pipeline import (
    PipelineDeployment,
    PipelineRevision,
    RevisionOutcome,
    RevisionRecord,
)
from phoenix.apimachinery.conditions import ConditionStatus, find_condition, is_true, parse_timestamp

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
    """The world as read.

    `wanted`: None where the spec cannot be resolved. `endpoints`: host name → the meter's address there (None: not
    measured).
    """

    deployment: PipelineDeployment
    wanted: Wanted | None
    revisions: tuple[PipelineRevision, ...]
    renderings: Mapping[int, Rendering]
    collectors: tuple[Collector, ...]
    hosts: tuple[Host, ...]
    endpoints: Mapping[str, Mapping[str, str]] | None
    now: datetime

    @property
    def lost(self) -> tuple[str, ...]:
        """Names of hosts that should run it and whose agent does not answer."""
        return tuple(host.metadata.name for host in self.hosts if _silent(host))

    @property
    def answering(self) -> tuple[Host, ...]:
        """The other hosts: those a rollout is judged by."""
        return tuple(host for host in self.hosts if not _silent(host))


def _silent(host: Host) -> bool:
    ready = find_condition(host.status.conditions, "Ready")
    return ready is not None and ready.status != ConditionStatus.TRUE


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
    """Actions, in the order they are carried out, and what to remember. `held`: paused, with content that waits."""

    create_revision: int | None = None
    collectors: tuple[CollectorChange, ...] = ()
    delete_collectors: tuple[Collector, ...] = ()
    delete_revisions: tuple[PipelineRevision, ...] = ()
    history: tuple[RevisionRecord, ...] = ()
    target: PipelineRevision | None = None
    effective: PipelineRevision | None = None
    waiting_for: str = ""
    held: bool = False
    notices: tuple[Notice, ...] = ()
    requeue_after_s: float | None = None


def plan(observed: Observed) -> Plan:
    """Decide. Running it again on what its actions bring about gives no further action."""
    deployment, revisions = observed.deployment, observed.revisions
    newest = revisions[-1] if revisions else None
    history = tuple(deployment.status.history)
    if newest is None or not _same_content(newest, observed):
        if not deployment.spec.paused:
            return Plan(
                create_revision=(newest.spec.revision + 1) if newest else 1,
                history=history,
                effective=_effective(observed, history),
                waiting_for="the new revision",
            )
        if newest is None:
            return Plan(history=history, held=True)
        return replace(_roll_out(observed, newest, history), held=True)
    return _roll_out(observed, newest, history)


def _same_content(revision: PipelineRevision, observed: Observed) -> bool:
    wanted = observed.wanted
    if wanted is None:
        return True
    found = revision.spec.resolved, revision.spec.engine, revision.spec.variant_labels
    return found == (wanted.config, wanted.engine, observed.deployment.spec.variant_labels)


def _roll_out(observed: Observed, newest: PipelineRevision, history: tuple[RevisionRecord, ...]) -> Plan:
    """What the newest revision needs, by what became of it so far."""
    number = newest.spec.revision
    history = started(replaced(history, number), newest, observed.renderings[number].config_hash, observed.now)
    effective = _effective(observed, history)
    record = record_for(history, number)
    assert record is not None  # started() made it
    if record.outcome == RevisionOutcome.PROGRESSING:
        return _progress(observed, newest, effective, history)
    if effective is None:
        return _good(observed, newest, None, history) or _converge(
            observed, Plan(history=history, target=newest, requeue_after_s=_good_in_s(observed, newest))
        )
    target = newest if record.outcome == RevisionOutcome.DEPLOYED else effective
    return _converge(observed, Plan(history=history, target=target, effective=effective))


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
    good = _good(observed, newest, effective, history)
    if good is not None:
        return good
    late = waited > timedelta(seconds=spec.progress_deadline.seconds) and bool(observed.answering)
    if not (late or refusal):
        left = spec.progress_deadline.seconds - waited.total_seconds()
        plan_ = Plan(history=history, target=newest, effective=effective, waiting_for="collectors to become ready")
        return _converge(observed, replace(plan_, requeue_after_s=max(0.2, min(left, spec.min_ready.seconds or left))))
    reason = refusal or f"not ready on every host within {spec.progress_deadline}: {_stragglers(observed, newest)}"
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


def _good(
    observed: Observed,
    newest: PipelineRevision,
    effective: PipelineRevision | None,
    history: tuple[RevisionRecord, ...],
) -> Plan | None:
    """The plan that makes the newest revision the effective one; None where it has not been good for long enough."""
    number = newest.spec.revision
    if _good_in_s(observed, newest) != 0:
        return None
    done = mark(history, number, RevisionOutcome.DEPLOYED, "")
    if effective is not None and effective.spec.revision != number:
        done = mark(done, effective.spec.revision, RevisionOutcome.SUPERSEDED, "")
    notice = Notice(
        "DeploymentAvailable",
        f"revision {number} ({newest.spec.pipeline_hash}) is ready on {len(observed.answering)} host(s)",
        data={"revision": number, "pipelineHash": newest.spec.pipeline_hash, "hosts": len(observed.answering)},
    )
    return _converge(observed, Plan(history=done, target=newest, effective=newest, notices=(notice,)))


def _good_in_s(observed: Observed, revision: PipelineRevision) -> float | None:
    """Seconds until a revision has been ready for long enough, 0: now; None while a host is not ready with it."""
    ready_for = ready_since(observed, revision)
    if ready_for is None:
        return None
    return max(0.0, observed.deployment.spec.min_ready.seconds - ready_for.total_seconds())


def _refusal(collectors: tuple[Collector, ...], config_hash: str) -> str:
    for collector in collectors:
        attempt = collector.status.attempted
        if attempt is not None and attempt.config_hash == config_hash and attempt.reason in REFUSALS:
            return f"{collector.spec.host}: {attempt.message or attempt.reason}"
    return ""


def runs(collector: Collector, config_hash: str) -> bool:
    """Whether the collector is ready with exactly this configuration."""
    return collector.status.effective_hash == config_hash and is_true(collector.status.conditions, "Ready")


def ready_since(observed: Observed, revision: PipelineRevision) -> timedelta | None:
    """How long every host has been ready with this revision; None when one is not, or when no host answers."""
    by_host = {collector.spec.host: collector for collector in observed.collectors}
    since: list[datetime] = []
    for host in observed.answering:
        collector = by_host.get(host.metadata.name)
        if collector is None or not _runs_revision(observed, collector, revision):
            return None
        ready = find_condition(collector.status.conditions, "Ready")
        assert ready is not None  # runs() saw it
        since.append(parse_timestamp(ready.last_transition_time))
        if collector.status.started_at:
            # NB: a switch without a gap leaves the condition as it was; the process is a new one all the same.
            since.append(parse_timestamp(collector.status.started_at))
    return observed.now - max(since) if since else None


def _runs_revision(observed: Observed, collector: Collector, revision: PipelineRevision) -> bool:
    rendering = observed.renderings[revision.spec.revision]
    return (
        collector.metadata.deletion_timestamp is None
        and collector.spec.engine == revision.spec.engine
        and runs(collector, rendering.config_hash)
    )


def _stragglers(observed: Observed, revision: PipelineRevision) -> str:
    by_host = {collector.spec.host: collector for collector in observed.collectors}
    said = []
    for host in observed.answering:
        collector = by_host.get(host.metadata.name)
        if collector is None:
            said.append(f"{host.metadata.name}: it has no collector")
            continue
        if _runs_revision(observed, collector, revision):
            continue
        attempt, ready = collector.status.attempted, find_condition(collector.status.conditions, "Ready")
        why = (attempt.message or attempt.reason) if attempt and attempt.reason else (ready.message if ready else "")
        said.append(f"{host.metadata.name}: {why or 'no answer'}")
    return "; ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def _converge(observed: Observed, base: Plan) -> Plan:
    """Add what makes every host run `base.target`, and tidy up old revisions."""
    changes: list[CollectorChange] = []
    waiting = base.waiting_for
    by_host = {collector.spec.host: collector for collector in observed.collectors}
    wanted_hosts = {host.metadata.name for host in observed.hosts}
    gone = [collector for host, collector in by_host.items() if host not in wanted_hosts]
    if base.target is not None:
        rendering = observed.renderings[base.target.spec.revision]
        for host in sorted(wanted_hosts):
            endpoints = {} if observed.endpoints is None else observed.endpoints.get(host)
            existing = by_host.get(host)
            if endpoints is None:
                waiting = f"the meter on {host}"
            elif existing is not None and existing.spec.engine != base.target.spec.engine:
                # NB: the hash of a configuration says nothing of the engine; another process is told apart for sure.
                gone.append(existing)
                waiting = f"the {existing.spec.engine} collector on {host} to end"
            elif existing is None or _differs(existing, rendering, endpoints):
                changes.append(CollectorChange(host, base.target, rendering, endpoints, existing))
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
