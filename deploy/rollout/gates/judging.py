"""The gates ``shadow`` and ``canary`` as tables, from what gateways have counted. Pure."""

from __future__ import annotations

from deploy.rollout.attribution import Joined
from deploy.rollout.gates.figures import Collected
from deploy.rollout.gates.freshness import Lateness
from deploy.rollout.gates.limits import Limits
from deploy.rollout.gates.rows import Gate, at_least, at_most
from deploy.rollout.gates.sequential import Interval, by_users, mean, proportion

SHADOW_ROWS, CANARY_ROWS = 5, 6


def shadow_gate(figures: Collected, space: str, champion: str, limits: Limits) -> Gate:
    """Mirrored lookups of ``space``, each beside the user's own."""
    wanted = limits.shadow
    alpha = wanted.alpha / SHADOW_ROWS
    pairs = figures.sum("shadow_pairs_total", space)
    errors = figures.sum("lookup_failures_total", space, "shadow")
    asked = pairs + errors
    ratio = mean(
        figures.sum("shadow_log_ratio_sum", space),
        figures.sum("shadow_log_ratio_squares", space),
        pairs,
        alpha,
    )
    overlap = mean(
        figures.sum("shadow_overlap_sum", space), figures.sum("shadow_overlap_squares", space), pairs, alpha
    )
    empty = figures.sum("lookup_empty_total", space, "shadow")
    unprofiled = figures.sum("shadow_unprofiled_total", space)
    rows = (
        at_most("errors", proportion(errors, asked, alpha), wanted.errors, asked),
        at_most("empty answers", proportion(empty, pairs, alpha), wanted.empty, pairs),
        at_most("without profile", proportion(unprofiled, pairs, alpha), wanted.unprofiled, pairs),
        at_most("latency ratio", ratio.exp(), wanted.latency_ratio, pairs),
        at_least("overlap@k", overlap, wanted.overlap, pairs),
    )
    return Gate("shadow", space, champion, limits.version, rows)


def canary_gate(
    figures: Collected,
    space: str,
    champion: str,
    limits: Limits,
    feedback: Joined | None = None,
    lateness: Lateness | None = None,
) -> Gate:
    """Canary users of ``space`` against the champion's, over the same stretch of time.

    Args:
        feedback: what became of answers, for the row of likes.
        lateness: how soon rows followed documents; without any change since the first look there is no
            such row.
    """
    wanted = limits.canary
    # each row has an interval for either side
    alpha = wanted.alpha / CANARY_ROWS / 2

    def share(name: str, who: str, role: str, source: str | None = None) -> Interval:
        answered, failed = _asked(figures, who, role)
        part = figures.sum(name, who, role, source)
        return proportion(part, answered + failed, alpha)

    def speed(who: str, role: str) -> Interval:
        answered, _ = _asked(figures, who, role)
        total = figures.sum("lookup_log_sum", who, role)
        return mean(total, figures.sum("lookup_log_squares", who, role), answered, alpha)

    seen = sum(_asked(figures, space, "canary"))
    differences = (
        ("more errors", "lookup_failures_total", None, wanted.errors_more),
        ("more empty answers", "lookup_empty_total", None, wanted.empty_more),
        ("more without profile", "lookups_total", "popular", wanted.popular_more),
    )
    rows = [
        at_most(
            name,
            share(metric, space, "canary", source).minus(share(metric, champion, "champion", source)),
            limit,
            seen,
        )
        for name, metric, source, limit in differences
    ]
    ratio = speed(space, "canary").minus(speed(champion, "champion")).exp()
    rows.append(at_most("latency ratio", ratio, wanted.latency_ratio, seen))
    if feedback is not None:
        answers = feedback.answers(space)
        fewer = _liked(feedback, champion, alpha).minus(_liked(feedback, space, alpha))
        rows.append(at_most("fewer liked", fewer, wanted.likes_fewer, answers))
    if lateness is not None and lateness.judged.get(space):
        late = lateness.more(space, champion, alpha)
        rows.append(at_most("more late rows", late, wanted.late_more, lateness.judged[space]))
    return Gate("canary", space, champion, limits.version, tuple(rows))


def _liked(feedback: Joined, space: str, alpha: float) -> Interval:
    """The share of answers of which a film was liked, by users: one who likes much likes much every time."""
    return by_users(feedback.by_user(space, "like").values(), alpha)


def _asked(figures: Collected, space: str, role: str) -> tuple[float, float]:
    """Lookups answered, and lookups that failed."""
    return figures.sum("lookups_total", space, role), figures.sum("lookup_failures_total", space, role)
