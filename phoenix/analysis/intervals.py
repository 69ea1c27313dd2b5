"""Confidence intervals for what is estimated (CPU, memory). Counts are exact and have none.

Windows are paired: both variants saw the same input in the same seconds. The estimate is the ratio of sums R, minus 1;
its interval is the Student t interval of the linearised ratio estimator: with d = candidate − R·baseline per pair,
se = sd(d) / (√n · mean(baseline)). Windows are taken as independent; slow drifts of a machine make it a little narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from phoenix.api.results import Interval

MIN_PAIRS = 3
"""Pairs below which there is no interval worth the name."""


def increase(pairs: Sequence[tuple[float, float]], confidence: float) -> Interval | None:
    """How much more the candidate takes, as a ratio: 0.1 is ten per cent more.

    Args:
        pairs: (baseline, candidate) per window, in one unit.
        confidence: of the two-sided interval, 0.5 to 1.

    Returns:
        None with fewer than three pairs, or where the baseline took nothing measurable.
    """
    if len(pairs) < MIN_PAIRS:
        return None
    ordered = sorted(pairs)  # sums of floats must not depend on the order samples came in
    base_mean = fmean(base for base, _ in ordered)
    if base_mean <= 0:
        return None
    ratio = fmean(cand for _, cand in ordered) / base_mean
    spread = stdev(cand - ratio * base for base, cand in ordered)
    half = student_t(confidence, len(ordered) - 1) * spread / (math.sqrt(len(ordered)) * base_mean)
    return Interval(value=ratio - 1, low=ratio - 1 - half, high=ratio - 1 + half)


def student_t(confidence: float, freedom: int) -> float:
    """The t for which a Student variable with `freedom` degrees lies in [−t, t] with this probability."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _central_probability(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return math.tan((low + high) / 2) * math.sqrt(freedom)


def _central_probability(theta: float, freedom: int) -> float:
    """P(|T| ≤ √freedom · tan θ), by the closed form for whole degrees of freedom (Abramowitz and Stegun 26.7.3, .4)."""
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = freedom % 2
    if freedom == 1:
        return 2 * theta / math.pi
    term = cosine if odd else 1.0
    total = term
    for step in range(3 if odd else 2, freedom - 1, 2):
        term *= (step - 1) / step * cosine * cosine
        total += term
    return 2 / math.pi * (theta + sine * total) if odd else sine * total
