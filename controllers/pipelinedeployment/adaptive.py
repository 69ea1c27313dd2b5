"""Which groups are significant enough to keep: a ranking with hysteresis, decided seldom and changed a little. Pure.

A group enters at rank `topK` (or at `threshold`) and leaves beyond rank `topK` × `leaveFactor` (or below `threshold` /
`leaveFactor`), so that what stands at the border does not come and go. Nothing is decided without data, nor before
`minDwell` has passed since the last change; one change enters or drops `maxChanges` groups at most, largest first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from phoenix.api.pipeline import AdaptiveKeep, AdaptiveStatus
from phoenix.apimachinery.conditions import micro_timestamp, parse_timestamp
from phoenix.samples.model import OutputSample


@dataclass(frozen=True, slots=True)
class Decision:
    """The list from now on. `changed` says why, empty where it is as before."""

    status: AdaptiveStatus
    changed: str = ""


def decide(
    settings: AdaptiveKeep, before: AdaptiveStatus | None, values: Mapping[str, float], now: datetime
) -> Decision:
    """Decide from the mean of each group.

    Args:
        settings: of the deployment.
        before: the last decision; None: there was none.
        values: by group; empty: nothing was measured, and the list stays.
        now: for the dwell.
    """
    last = before or AdaptiveStatus()
    if not values:
        return Decision(last.model_copy(update={"reason": last.reason or "nothing was measured yet"}))
    first = not last.decided_at
    if not first and (now - parse_timestamp(last.decided_at)).total_seconds() < settings.min_dwell.seconds:
        return Decision(last)
    ranked = sorted(values, key=lambda name: (-values[name], name))
    entering = [name for name in _wanted(settings, ranked, values, 1.0) if name not in last.keep]
    staying = set(_wanted(settings, ranked, values, settings.leave_factor)) | set(settings.always)
    leaving = sorted(
        (name for name in last.keep if name not in staying), key=lambda name: (values.get(name, 0.0), name)
    )
    entering = [name for name in settings.always if name not in last.keep and name not in entering] + entering
    if not first:
        entering = entering[: settings.max_changes]
        leaving = leaving[: settings.max_changes - len(entering)]
    if not entering and not leaving and not first:
        return Decision(last)
    keep = sorted({*last.keep, *entering} - set(leaving))
    parts = [f"{verb} {', '.join(names)}" for verb, names in (("in:", entering), ("out:", leaving)) if names]
    reason = "; ".join(parts) or "none is significant"
    return Decision(AdaptiveStatus(keep=keep, decided_at=micro_timestamp(now), reason=reason), reason)


def _wanted(settings: AdaptiveKeep, ranked: list[str], values: Mapping[str, float], slack: float) -> list[str]:
    if settings.top_k is not None:
        return ranked[: math.ceil(settings.top_k * slack)]
    assert settings.threshold is not None  # one of the two, by the model
    return [name for name in ranked if values[name] >= settings.threshold / slack]


def means(samples: Iterable[OutputSample], variant: str, signal: str) -> dict[str, float]:
    """Mean over windows of each group's sum over hosts; groups of one label, by its value."""
    totals: dict[str, float] = {}
    windows: set[int] = set()
    for sample in samples:
        found = sample.signals.get(signal) if sample.variant == variant else None
        if not found:
            continue
        windows.add(sample.window_start)
        for group, value in found.items():
            name = group.partition("=")[2].replace("\\,", ",").replace("\\\\", "\\")
            if name and math.isfinite(value):
                totals[name] = totals.get(name, 0.0) + value
    return {name: total / len(windows) for name, total in totals.items()}
