"""How far a canary rollout is, and when it goes on. Pure.

    step 1: its share of the hosts ▶ all ready for minReady ▶ held ▶ step 2 … ▶ every host ▶ Deployed

A hold lasts for its time, or until somebody approves. A host that stops being ready in a hold starts the step again,
with a progressDeadline of its own; when that passes, everything goes back. The first revision has nothing to be
compared with and goes to every host at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from phoenix.api.pipeline import RolloutProgress, RolloutStep
from phoenix.apimachinery.conditions import micro_timestamp, parse_timestamp

APPROVED_ANNOTATION = "phoenix.io/approved-step"
"""`REVISION/STEP`: this step's hold, and those before it, are over. `rollout resume` writes it."""
ABORTED_ANNOTATION = "phoenix.io/aborted-revision"
"""`REVISION`: while it is rolled out, go back. `rollout abort` writes it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a rollout is. `hosts` run the new revision; `whole`: they are all there are, and the last step.

    `wait_s`: look again then; None: something will happen first. `held`: ready, and waiting for time or a person.
    """

    progress: RolloutProgress
    hosts: frozenset[str]
    said: str
    whole: bool = False
    held: bool = False
    wait_s: float | None = None


def advance(
    steps: Sequence[RolloutStep],
    progress: RolloutProgress,
    order: Sequence[str],
    good_in_s: Callable[[frozenset[str]], float | None],
    *,
    approved: str,
    now: datetime,
) -> Stage:
    """The stage a rollout is at now.

    Args:
        steps: of the strategy.
        progress: as it was left; its `step` counts from 0, and as many as there are steps means every host.
        order: all hosts, those to go first at the front.
        good_in_s: seconds until these hosts have been ready for long enough; None while one is not ready.
        approved: value of the annotation.
    """
    while progress.step < len(steps):
        step = steps[progress.step]
        hosts = frozenset(order[: math.ceil(len(order) * step.percent / 100)])
        progress = progress.model_copy(update={"percent": step.percent, "hosts": sorted(hosts)})
        where = f"step {progress.step + 1} of {len(steps)}, {step.percent} % of hosts ({len(hosts)} of {len(order)})"
        left_s = good_in_s(hosts)
        if left_s != 0:
            if progress.held_since:
                progress = progress.model_copy(update={"held_since": "", "started_at": micro_timestamp(now)})
            return Stage(progress, hosts, f"{where} to become ready", wait_s=left_s)
        progress = progress.model_copy(update={"held_since": progress.held_since or micro_timestamp(now)})
        if step.manual and not _is_approved(approved, progress):
            return Stage(progress, hosts, f"{where}, held until `phoenixctl rollout resume`", held=True)
        hold_s = step.hold.seconds - (now - parse_timestamp(progress.held_since)).total_seconds()
        if hold_s > 0 and not _is_approved(approved, progress):
            return Stage(progress, hosts, f"{where}, held for {step.hold}", held=True, wait_s=hold_s)
        progress = RolloutProgress(
            revision=progress.revision, step=progress.step + 1, steps=len(steps), started_at=micro_timestamp(now)
        )
    progress = progress.model_copy(update={"percent": 100, "hosts": sorted(order)})
    return Stage(progress, frozenset(order), f"all {len(order)} hosts to become ready", whole=True)


def _is_approved(annotation: str, progress: RolloutProgress) -> bool:
    revision, _, step = annotation.partition("/")
    return revision == str(progress.revision) and step.isdigit() and int(step) >= progress.step + 1
