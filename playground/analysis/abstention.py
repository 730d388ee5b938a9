""" "No good answer here": how well the top score tells queries without any relevant passage from those with one.

One number for each query: the highest score among its labelled passages. A query is answered where that is at or over
the threshold. What an unlabelled passage would have scored is not known here, so unlabelled passages make this worse
than it looks, or better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from playground.analysis.curves import NO_PAIRS, Floats, points, ratio
from playground.analysis.judged import Judged
from playground.analysis.uncertainty import Estimate, auc

EVERY_QUERY = "All queries ({n}) have a relevant passage. Label some queries for which no passage is relevant."
NO_QUERY = "None of the {n} queries has a relevant passage. Label some that have."
LEFT_OUT = "{n} passages without a label or a score do not count here; the true top of a query may be among them."
FEW = "Only {n} of {n_queries} queries are of the rarer kind, so the curve says little."

FEWEST = 5


@dataclass(frozen=True, slots=True, eq=False)
class Abstention:
    """What is answered, and how much of it rightly, by threshold on the top score.

    Attributes:
        n_queries: with any labelled and scored pair; `n_with` of them have a relevant one.
        auc: share of (query with, query without) in which the one with has the higher top, ties as half.
        threshold: (m,) ascending from -inf; every cut at which some query is answered. Empty where there is a reason.
        answered: (m,) share of the queries whose top score is at or over it.
        with_relevant: (m,) share of the answered that have a relevant passage at all.
        top_relevant: (m,) share of the answered whose top passage is relevant; passages tied at the top share it.
        reason: an English sentence; empty where there is a curve.
    """

    n_queries: int
    n_with: int
    n_without: int
    auc: Estimate
    threshold: Floats
    answered: Floats
    with_relevant: Floats
    top_relevant: Floats
    warnings: tuple[str, ...] = ()
    reason: str = ""


def abstention(judged: Judged, n_resamples: int | None = None, seed: int = 0) -> Abstention:
    """How well the top score says when not to answer.

    Args:
        n_resamples, seed: for the band of the AUC, as in `uncertainty.auc`.
    """
    tops, right_on_top = _tops(judged)
    n, n_with = len(tops), tops.n_relevant
    if not 0 < n_with < n:
        reason = NO_PAIRS if not n else (EVERY_QUERY if n_with else NO_QUERY).format(n=n)
        empty = np.zeros(0)
        return Abstention(
            n, n_with, n - n_with, Estimate(None, None, None, reason), empty, empty, empty, empty, reason=reason
        )
    cuts = points(tops)
    threshold, n_answered = cuts.threshold[:-1], (cuts.tp + cuts.fp)[:-1]
    # From the highest top down: the first `n_answered` of them are answered.
    right = np.cumsum(right_on_top[np.argsort(-tops.score, kind="stable")])[n_answered - 1]
    n_out = judged.n_unjudged + judged.n_unsure + judged.n_unscored
    rarer = min(n_with, n - n_with)
    return Abstention(
        n_queries=n,
        n_with=n_with,
        n_without=n - n_with,
        auc=auc(tops, n_resamples, seed),
        threshold=threshold,
        answered=n_answered / n,
        with_relevant=ratio(cuts.tp[:-1], n_answered),
        top_relevant=right / n_answered,
        warnings=(
            *((FEW.format(n=rarer, n_queries=n),) if rarer < FEWEST else ()),
            *((LEFT_OUT.format(n=n_out),) if n_out else ()),
        ),
    )


def _tops(judged: Judged) -> tuple[Judged, Floats]:
    """One pair for each query, relevant where any of its passages is, and the share of its top that is relevant."""
    queries, place = np.unique(judged.query, return_inverse=True)
    top = np.full(len(queries), -np.inf)
    np.maximum.at(top, place, judged.score)
    has = np.bincount(place[judged.relevant], minlength=len(queries)) > 0
    at_top = judged.score == top[place]
    on_top, right = (np.bincount(place[which], minlength=len(queries)) for which in (at_top, at_top & judged.relevant))
    pairs = Judged(
        query=queries,
        passage=np.zeros(len(queries), dtype=np.int64),
        score=top,
        grade=has.astype(np.int64),
        relevant=has,
        n_queries=judged.n_queries,
    )
    return pairs, ratio(right, on_top)
