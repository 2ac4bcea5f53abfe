"""Which space an impression, a click or a like belongs to: ``served.v1`` joined with ``events.v1``. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from scipy import stats

from deploy.rollout.gates.sequential import Interval
from streaming.events.feedback import Feedback, FeedbackKind

KINDS: Final[tuple[FeedbackKind, ...]] = ("impression", "click", "like")
FEWEST_USERS = 2


class ServedRecord(msgspec.Struct, frozen=True):
    """What of a record of ``served.v1`` is needed here; ``user`` is a hash."""

    recommendation_id: str
    user: str
    space: str
    items: tuple[str, ...]
    at_ms: int = 0


@dataclass(frozen=True)
class _Answer:
    user: str
    space: str
    items: frozenset[str]


@dataclass
class Joined:
    """Answers and what became of them, in whatever order the records come.

    An event counts once, for the space of its answer, and only for a film that the answer named; one
    whose answer is not (yet) known waits.
    """

    _answers: dict[str, _Answer] = field(default_factory=dict)
    _events: dict[str, set[tuple[str, FeedbackKind]]] = field(default_factory=dict)

    def served(self, record: ServedRecord) -> None:
        """An answer was given."""
        answer = _Answer(record.user, record.space, frozenset(record.items))
        self._answers[record.recommendation_id] = answer

    def happened(self, event: Feedback) -> None:
        """Something became of an answer."""
        self._events.setdefault(event.recommendation_id, set()).add((event.item_id, event.kind))

    def spaces(self) -> list[str]:
        """Every space that has answered."""
        return sorted({answer.space for answer in self._answers.values()})

    def answers(self, space: str) -> int:
        """How many answers a space has given."""
        return sum(answer.space == space for answer in self._answers.values())

    def having(self, space: str, kind: FeedbackKind) -> int:
        """Answers of a space of which at least one film was ``kind``."""
        return sum(had for had, _ in self.by_user(space, kind).values())

    def unmatched(self) -> int:
        """Events about answers that are not known, or films that the answer did not name."""
        return sum(
            key not in self._answers or item not in self._answers[key].items
            for key, events in self._events.items()
            for item, _ in events
        )

    def by_user(self, space: str, kind: FeedbackKind) -> dict[str, tuple[int, int]]:
        """user -> (answers with ``kind``, answers)."""
        found: dict[str, tuple[int, int]] = {}
        for key, answer in self._answers.items():
            if answer.space == space:
                had, given = found.get(answer.user, (0, 0))
                found[answer.user] = (had + self._has(key, answer, kind), given + 1)
        return found

    def _has(self, key: str, answer: _Answer, kind: FeedbackKind) -> bool:
        return any(k == kind and item in answer.items for item, k in self._events.get(key, ()))


class Kpi(msgspec.Struct, frozen=True):
    """One rate of one space: the share of its answers of which at least one film was ``kind``.

    The interval is for one look; users, not answers, count as independent (linearised ratio).
    """

    space: str
    kind: FeedbackKind
    users: int
    answers: int
    estimate: float
    low: float
    high: float


def kpis(joined: Joined, alpha: float = 0.05) -> list[Kpi]:
    """Every rate of every space."""
    rows = []
    for space in joined.spaces():
        for kind in KINDS:
            users = joined.by_user(space, kind)
            rate = clustered(users, alpha)
            given = sum(answers for _, answers in users.values())
            # a share lies between 0 and 1, whatever the linearised interval says of rare events
            low, high = max(0.0, rate.low), min(1.0, rate.high)
            rows.append(Kpi(space, kind, len(users), given, rate.estimate, low, high))
    return rows


def differences(joined: Joined, against: str, alpha: float = 0.05) -> list[Kpi]:
    """Rates of every other space less those of ``against``, each user of either counted as independent.

    The bounds are put together from those of the two rates, which need not lie evenly around them: Newcombe
    (1998), Interval estimation for the difference between independent proportions, Statist. Med. 17.
    """
    rows = []
    for space in joined.spaces():
        if space == against:
            continue
        for kind in KINDS:
            one, other = joined.by_user(space, kind), joined.by_user(against, kind)
            first, second = clustered(one, alpha), clustered(other, alpha)
            gap = first.estimate - second.estimate
            below = math.hypot(first.estimate - first.low, second.high - second.estimate)
            above = math.hypot(first.high - first.estimate, second.estimate - second.low)
            given = sum(answers for _, answers in one.values())
            low, high = max(-1.0, gap - below), min(1.0, gap + above)
            rows.append(Kpi(space, kind, len(one), given, gap, low, high))
    return rows


def clustered(users: Mapping[str, tuple[int, int]], alpha: float) -> Interval:
    """A rate over all answers, with the interval of a ratio whose clusters are users.

    Where nothing happened, or always, users do not vary and that interval would be a point. The open side is
    then bounded as a proportion of users is, 1 - (alpha/2)^(1/n): Clopper and Pearson (1934), Biometrika 26;
    for a one-sided 95% it is the rule of three, 3/n (Hanley and Lippman-Hand, 1983, JAMA 249). n is how many
    users of equally many answers these are worth if all answers to one user are alike: (sum of
    answers)^2 / (sum of their squares), Kish (1965), Survey Sampling.
    """
    total = sum(given for _, given in users.values())
    if len(users) < FEWEST_USERS or not total:
        share = sum(had for had, _ in users.values()) / total if total else math.nan
        return Interval(share, -math.inf, math.inf)
    rate = sum(had for had, _ in users.values()) / total
    if rate in (0.0, 1.0):
        worth = total**2 / sum(given**2 for _, given in users.values())
        open_side = 1 - (alpha / 2) ** (1 / worth)
        return Interval(rate, 0.0, open_side) if rate == 0.0 else Interval(rate, 1 - open_side, 1.0)
    count = len(users)
    spread = sum((had - rate * given) ** 2 for had, given in users.values()) * count / (count - 1)
    half = float(stats.t.ppf(1 - alpha / 2, count - 1)) * math.sqrt(spread) / total
    return Interval(rate, rate - half, rate + half)
