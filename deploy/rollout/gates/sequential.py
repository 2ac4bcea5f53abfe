"""Intervals that hold at every look at once, so that one may stop whenever one likes. Pure.

Counts of yes and no: the beta-binomial mixture of Robbins (1970), Statistical methods related to the law of
the iterated logarithm, Ann. Math. Statist. 41, as a confidence sequence (Howard, Ramdas, McAuliffe and
Sekhon, 2021, Time-uniform, nonparametric, nonasymptotic confidence sequences, Ann. Statist. 49): exact for
any number of trials. Means: the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and
Ramdas (2024), Time-uniform central limit theory and asymptotic confidence sequences, Ann. Statist. 52,
theorem 2.2: Robbins' normal mixture with the variance estimated. It is the mixture SPRT of Johari, Koomen,
Pekelis and Walsh (2022), Always valid inference, Oper. Res. 70, read as an interval.

Both take what they count for independent of each other. Answers to one user are alike: :func:`by_users`
counts them for as many as they are worth, by the design effect of Rao and Scott (1992), A simple method for
the analysis of clustered binary data, Biometrics 48.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

PRIOR = 0.5
"""Both parameters of the mixing beta distribution: any choice is valid, this one is narrow near 0 and 1."""
FEWEST = 30
"""Below so many values a mean has no interval: the theorem is asymptotic."""
FEWEST_USERS = 30
"""Below so many users how alike their answers are cannot be estimated: each then counts as one answer."""
TUNED_FOR = 1_000
"""Number of values for which the interval of a mean is narrowest; it is valid for all."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds that hold at every look with the probability that was asked for."""

    estimate: float
    low: float
    high: float

    def minus(self, other: Interval) -> Interval:
        """The difference; valid if both hold, so give each half of alpha."""
        return Interval(self.estimate - other.estimate, self.low - other.high, self.high - other.low)

    def exp(self) -> Interval:
        """The interval of the exponential: a ratio, from the mean of logarithms."""
        return Interval(_exp(self.estimate), _exp(self.low), _exp(self.high))


def proportion(yes: float, trials: float, alpha: float) -> Interval:
    """A probability, from how often something happened.

    Args:
        yes: 0 <= yes <= trials.
        alpha: chance that the true value is ever outside, over all looks together.
    """
    if trials <= 0:
        return Interval(math.nan, 0.0, 1.0)
    no = trials - yes
    mixture = _log_beta(PRIOR + yes, PRIOR + no) - _log_beta(PRIOR, PRIOR)

    def evidence(p: float) -> float:
        """log of the mixture martingale against p, less what it takes to exclude p."""
        return mixture - _xlog(yes, p) - _xlog(no, 1 - p) + math.log(alpha)

    share = yes / trials
    low = 0.0 if yes == 0 else _edge(evidence, 0.0, share)
    high = 1.0 if no == 0 else _edge(evidence, 1.0, share)
    return Interval(share, low, high)


def by_users(users: Collection[tuple[int, int]], alpha: float) -> Interval:
    """A share over all answers, users taken for independent and not their answers.

    All answers count for as many as independent ones would tell as much, never for more than there are.
    Where that cannot be estimated (few users, or all answers the same), for one a user.

    Args:
        users: of each (answers with what is counted, answers).
        alpha: as of :func:`proportion`; holds roughly, as the variance between users is estimated.
    """
    answers, count = sum(given for _, given in users), sum(given > 0 for _, given in users)
    if not answers:
        return proportion(0, 0, alpha)
    share = sum(had for had, _ in users) / answers
    worth = answers / count
    if count >= FEWEST_USERS and 0 < share < 1:
        spread = sum((had - share * given) ** 2 for had, given in users) * count / (count - 1)
        worth = max(1.0, spread / (answers * share * (1 - share)))
    return proportion(share * answers / worth, answers / worth, alpha)


def mean(total: float, squares: float, values: float, alpha: float) -> Interval:
    """A mean, from the sum and the sum of squares of so many values."""
    if values < FEWEST:
        return Interval(total / values if values else math.nan, -math.inf, math.inf)
    average = total / values
    variance = max(0.0, squares / values - average * average) * values / (values - 1)
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / TUNED_FOR
    scaled = values * rho2 + 1
    half = math.sqrt(variance * 2 * scaled / (values**2 * rho2) * math.log(math.sqrt(scaled) / alpha))
    return Interval(average, average - half, average + half)


def _edge(evidence: Callable[[float], float], outside: float, inside: float) -> float:
    """Where the evidence crosses zero, by bisection; it is convex and negative at ``inside``."""
    for _ in range(60):
        middle = (outside + inside) / 2
        if evidence(middle) > 0:
            outside = middle
        else:
            inside = middle
    return outside


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _xlog(count: float, p: float) -> float:
    if count == 0:
        return 0.0
    return count * math.log(p) if p > 0 else -math.inf


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
