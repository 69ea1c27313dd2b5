"""Confidence intervals for what is estimated (CPU, memory). Counts are exact and have none.

Windows are paired: both variants saw the same input in the same seconds. The estimate is the ratio of sums R, minus 1;
its interval is that of the linearised ratio estimator: with d = candidate − R·baseline per pair,
se = sd(d) / (√n · mean(baseline)).

Neighbouring windows of one machine are alike, so that n windows tell less than n: where the d of neighbours correlate
by ρ > 0, se grows by √((1 + ρ) / (1 − ρ)), and Student's t has the freedom of n · (1 − ρ) / (1 + ρ) windows (Bayley and
Hammersley 1946); ρ is estimated with the correction of its bias (Kendall 1954). It never makes an interval narrower.

`increase` holds for one look, when a run is over. `increase_whenever` holds for all looks together, so that one may
stop at any of them: the confidence sequence of Wang and Ramdas, Anytime-valid t-tests and confidence sequences for
Gaussian means with unknown variance (arXiv 2310.03722): a normal mixture over the effect in units of its spread, and
the right Haar one over the spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import fmean

from phoenix.api.results import Interval

MIN_PAIRS = 3
"""Pairs below which there is no interval worth the name."""
MIXTURE = 0.5
"""Variance of the mixture, in squared spreads: narrowest for the twenty to fifty windows that runs have."""
_MOST_ALIKE = 0.9
_LEAST_FREEDOM = 2


@dataclass(frozen=True, slots=True)
class _Ratio:
    """`ratio` of the sums, `error` of it for n independent windows, `alike`: correlation of neighbours, 0 to 0.9."""

    ratio: float
    error: float
    alike: float
    number: int

    @property
    def inflation(self) -> float:
        """How many windows tell as much as one that stands alone, 1 or more."""
        return (1 + self.alike) / (1 - self.alike)

    def interval(self, multiple: float) -> Interval:
        half = multiple * self.error * math.sqrt(self.inflation) if self.error else 0.0
        return Interval(value=self.ratio - 1, low=self.ratio - 1 - half, high=self.ratio - 1 + half)


def increase(pairs: Sequence[tuple[float, float]], confidence: float) -> Interval | None:
    """How much more the candidate takes, as a ratio: 0.1 is ten per cent more. For one look, at the end.

    Args:
        pairs: (baseline, candidate) per window, in one unit, in the order of time (host by host).
        confidence: of the two-sided interval, 0.5 to 1.

    Returns:
        None with fewer than three pairs, or where the baseline took nothing measurable.
    """
    found = _ratio(pairs)
    if found is None:
        return None
    freedom = max(_LEAST_FREEDOM, math.floor(found.number / found.inflation - 1))
    return found.interval(student_t(confidence, freedom))


def increase_whenever(pairs: Sequence[tuple[float, float]], confidence: float) -> Interval | None:
    """The same for looks at any time: with this confidence the truth is in the intervals of all numbers of pairs.

    None too while there are so few that nothing can be said.
    """
    found = _ratio(pairs)
    if found is None or (multiple := sequential_t(confidence, found.number)) is None:
        return None
    return found.interval(multiple)


def _ratio(pairs: Sequence[tuple[float, float]]) -> _Ratio | None:
    number = len(pairs)
    if number < MIN_PAIRS:
        return None
    base_mean = fmean(base for base, _ in pairs)
    if base_mean <= 0:
        return None
    ratio = fmean(cand for _, cand in pairs) / base_mean
    residuals = [cand - ratio * base for base, cand in pairs]  # their mean is 0
    spread = math.sqrt(math.fsum(value * value for value in residuals) / (number - 1))
    return _Ratio(ratio, spread / (math.sqrt(number) * base_mean), _alike(residuals), number)


def _alike(residuals: Sequence[float]) -> float:
    """Correlation of neighbours, of values whose mean is 0; from 0 to 0.9."""
    number, squares = len(residuals), math.fsum(value * value for value in residuals)
    if not squares:
        return 0.0
    found = math.fsum(one * other for one, other in pairwise(residuals)) / squares
    if number > 5:
        found = (number * found + 1) / (number - 4)
    return min(max(found, 0.0), _MOST_ALIKE)


def sequential_t(confidence: float, number: int) -> float | None:
    """The t beyond which a mean of 0 does not go at any number of values from 2 on, with this confidence.

    The mixture's likelihood ratio, a martingale under the null whatever the spread, stays below 1 / (1 − confidence)
    (Ville). None where it cannot reach that with so few.
    """
    rest = 1 + number * MIXTURE
    bound = (rest / (1 - confidence) ** 2) ** (1 / number)
    if bound >= rest:
        return None
    return math.sqrt((number - 1) * (bound - 1) / (1 - bound / rest))


@lru_cache(maxsize=1_000)
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
