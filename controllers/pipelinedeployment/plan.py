"""What a pipeline deployment needs next: observed state in, actions and a new status out. Pure.

    spec ──resolve──▶ wanted content
      content differs from the newest revision  ─▶ create a revision (held while paused)
      it cannot be resolved                     ─▶ what runs is kept as it is
      newest revision not judged yet            ─▶ roll it out: every host runs it, or those of a canary's step
      all hosts ready for minReady              ─▶ Deployed: it is the effective one
      deadline passed, refused, or aborted      ─▶ RolledBack: every host runs the effective one again

A revision that was rolled back is not tried again until the spec asks for something else; one that had none to go back
to stays, and counts once it is good. Hosts without an agent that answers judge nothing: they follow when they are back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from controllers.pipelinedeployment.canary import Stage
from controllers.pipelinedeployment.history import mark, record_for, replaced, started
from controllers.pipelinedeployment.model import CollectorChange, Notice, Observed, Plan, Rendering
from controllers.pipelinedeployment.readiness import good_in_s, runs_revision
from controllers.pipelinedeployment.staging import aborted, stage_notices, stage_of
from phoenix.api.collector import Collector
from phoenix.api.pipeline import PipelineRevision, RevisionOutcome, RevisionRecord
from phoenix.apimachinery.conditions import find_condition, micro_timestamp, parse_timestamp

REFUSALS = frozenset({"ConfigInvalid"})
"""Reasons of a collector's attempt after which waiting is no use."""


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
            observed, Plan(history=history, target=newest, requeue_after_s=good_in_s(observed, newest))
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
    stage = stage_of(observed, newest, effective)
    began = record.deployed_at if stage is None else stage.progress.started_at or micro_timestamp(observed.now)
    waited = observed.now - parse_timestamp(began)
    refusal = _refusal(observed.collectors, rendering.config_hash) or aborted(observed, newest, effective)
    if not refusal and (stage is None or stage.whole):
        good = _good(observed, newest, effective, history)
        if good is not None:
            return good
    late = waited > timedelta(seconds=spec.progress_deadline.seconds) and bool(observed.answering)
    late = late and not (stage is not None and (stage.held or spec.paused))
    if not (late or refusal):
        left = spec.progress_deadline.seconds - waited.total_seconds()
        plan_ = Plan(
            history=history,
            target=newest,
            effective=effective,
            stage=stage,
            waiting_for=stage.said if stage else "collectors to become ready",
            notices=stage_notices(observed, stage),
        )
        again_s = stage.wait_s if stage is not None and stage.wait_s else min(left, spec.min_ready.seconds or left)
        held = stage is not None and stage.held and not stage.wait_s
        return _converge(observed, replace(plan_, requeue_after_s=None if held else max(0.2, again_s)))
    reason = (
        refusal or f"not ready on every host within {spec.progress_deadline}: {_stragglers(observed, newest, stage)}"
    )
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
    if good_in_s(observed, newest) != 0:
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


def _refusal(collectors: tuple[Collector, ...], config_hash: str) -> str:
    for collector in collectors:
        attempt = collector.status.attempted
        if attempt is not None and attempt.config_hash == config_hash and attempt.reason in REFUSALS:
            return f"{collector.spec.host}: {attempt.message or attempt.reason}"
    return ""


def _stragglers(observed: Observed, revision: PipelineRevision, stage: Stage | None) -> str:
    by_host = {collector.spec.host: collector for collector in observed.collectors}
    said = []
    for host in observed.answering:
        if stage is not None and host.metadata.name not in stage.hosts:
            continue
        collector = by_host.get(host.metadata.name)
        if collector is None:
            said.append(f"{host.metadata.name}: it has no collector")
            continue
        if runs_revision(observed, collector, revision):
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
        for host in sorted(wanted_hosts):
            target = base.target
            if base.stage is not None and base.effective is not None and host not in base.stage.hosts:
                target = base.effective
            rendering = observed.renderings[target.spec.revision]
            endpoints = {} if observed.endpoints is None else observed.endpoints.get(host)
            existing = by_host.get(host)
            if endpoints is None:
                waiting = f"the meter on {host}"
            elif existing is not None and existing.spec.engine != target.spec.engine:
                # NB: the hash of a configuration says nothing of the engine; another process is told apart for sure.
                gone.append(existing)
                waiting = f"the {existing.spec.engine} collector on {host} to end"
            elif existing is None or _differs(existing, rendering, endpoints):
                changes.append(CollectorChange(host, target, rendering, endpoints, existing))
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
