"""Would one threshold per query do better, and does the level of the scores drift by query?

A head trained with a softmax over the passages of one query never sees a constant added to all of them, so training
leaves the level open (BGE rerankers among them): what is a good score for one query may be a bad one for another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playground.analysis.curves import Floats, Ints, confusion, undefined
from playground.analysis.judged import Judged
from playground.analysis.thresholds import suggest
from playground.analysis.unseen import ONE_QUERY, Rates

ORACLE = (
    "With one threshold F1 is {one} %. With the best threshold for each query it would be {oracle} %; only an oracle "
    "that knows the answers can set those."
)
HOLDS = "The threshold is among the best cuts of {n} of {n_queries} queries."
DRIFTS = (
    "The score level drifts by query: {share} % of the variance of one class lies between queries, and relevant and "
    "not relevant scores move together."
)
DIFFERS = "The score level differs by query: {share} % of the variance of one class lies between queries."
APART = (
    "Queries differ ({share} % of the variance of one class lies between them), but relevant and not relevant scores "
    "do not move together: some queries are harder, the level does not drift."
)
STEADY = "No sign that the score level drifts by query: {share} % of the variance of a class lies between queries."
FEW_QUERIES = "Drift needs at least {least} queries with pairs of this class, not {n}."
FEW_WITHIN = "Drift needs several pairs of this class in one query; there are {n} pairs in {n_queries} queries."
NO_SPREAD = "All scores of this class are equal."
FEW_BOTH = "At least {least} queries with both classes are needed, not {n}."

FEWEST_QUERIES = 5
FEWEST_WITHIN = 10
FEWEST_BOTH = 10
# Drift is said from this share on, where the F test would find it by chance once in a hundred times.
SHARE = 0.25
CHANCE = 0.01
# Medians that move together: this correlation or more, by chance once in twenty times.
TOGETHER = 0.3
CHANCE_TOGETHER = 0.05
EQUAL = 1e-12


@dataclass(frozen=True, slots=True)
class QueryCut:
    """One query: which cuts are best for it alone, and where its scores lie.

    Attributes:
        query: number in the set, from 0.
        low, high: every threshold over `low` and up to `high` is best: the highest F1, of equals the fewest errors;
            where nothing is relevant, dropping all. Infinite at the ends.
        f1: at those; None where nothing is relevant.
        n_errors: pairs on the wrong side at those.
        median_relevant, median_not: of its scores; None where it has none of that class.
        holds: the common threshold is among them.
    """

    query: int
    n_relevant: int
    n_not: int
    low: float
    high: float
    f1: float | None
    n_errors: int
    median_relevant: float | None
    median_not: float | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """How much of the variance of one class lies between queries.

    Attributes:
        share: intraclass correlation of the one-way random-effects model, ICC(1): 0 where queries do not differ, 1
            where nothing else does.
        p: of the F test that queries do not differ.
        n_queries, n_pairs: of this class.
        reason: an English sentence; empty where there is a share.
    """

    share: float | None
    p: float | None
    n_queries: int
    n_pairs: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Together:
    """Whether the medians of the two classes move together from query to query: Pearson's r, its p, or why not."""

    r: float | None
    p: float | None
    n_queries: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ByQuery:
    """One threshold beside one for each query.

    Attributes:
        threshold: the common one; None where there is a reason.
        pooled: what it does.
        oracle: the best pooled F1 that thresholds set query by query could reach. They are chosen on the answers, so it
            is a bound that cannot be used in practice.
        n_hold: queries for which the common threshold is among the best cuts.
        drifts: None where it cannot be told.
        sentences: English.
        reason: an English sentence; empty where there is a threshold.
    """

    threshold: float | None
    pooled: Rates | None
    oracle: Rates | None
    queries: tuple[QueryCut, ...]
    n_hold: int
    relevant: Spread
    not_relevant: Spread
    together: Together
    drifts: bool | None
    sentences: tuple[str, ...] = ()
    reason: str = ""


def by_query(judged: Judged, threshold: float | None = None) -> ByQuery:
    """One threshold beside one for each query.

    Args:
        threshold: None takes the one with the best F1 over all queries.
    """
    if reason := undefined(judged):
        none = Spread(None, None, 0, 0, reason)
        return ByQuery(None, None, None, (), 0, none, none, Together(None, None, 0, reason), None, reason=reason)
    value = suggest(judged, "f-beta", 1.0).value if threshold is None else threshold
    assert value is not None
    cuts = _cuts(judged)
    queries = _queries(judged, cuts, value)
    at = confusion(judged, value)
    pooled = Rates(at.tp, at.fp, at.fn, at.tn)
    found = ByQuery(
        threshold=float(value),
        pooled=pooled,
        oracle=_oracle(judged, cuts),
        queries=queries,
        n_hold=sum(one.holds for one in queries),
        relevant=spread(judged.score[judged.relevant], judged.query[judged.relevant]),
        not_relevant=spread(judged.score[~judged.relevant], judged.query[~judged.relevant]),
        together=_together(queries),
        drifts=None,
    )
    return _said(found)


def spread(score: Floats, query: Ints) -> Spread:
    """The share of the variance of these scores that lies between queries.

    Source: Shrout and Fleiss, "Intraclass correlations", 1979, ICC(1,1), with the mean group size for unequal groups.
    """
    _, place, sizes = np.unique(query, return_inverse=True, return_counts=True)
    n, n_queries = len(score), len(sizes)
    if n_queries < FEWEST_QUERIES:
        return Spread(None, None, n_queries, n, FEW_QUERIES.format(least=FEWEST_QUERIES, n=n_queries))
    if n - n_queries < FEWEST_WITHIN:
        return Spread(None, None, n_queries, n, FEW_WITHIN.format(n=n, n_queries=n_queries))
    if score.min() == score.max():
        return Spread(None, None, n_queries, n, NO_SPREAD)
    from scipy import stats

    means = np.bincount(place, score) / sizes
    within = float(np.sum((score - means[place]) ** 2)) / (n - n_queries)
    between = float(np.sum(sizes * (means - score.mean()) ** 2)) / (n_queries - 1)
    size = (n - float(np.sum(sizes**2)) / n) / (n_queries - 1)
    extra = max(0.0, (between - within) / size)
    p = float(stats.f.sf(between / within, n_queries - 1, n - n_queries)) if within else 0.0
    return Spread(extra / (extra + within), p, n_queries, n)


@dataclass(frozen=True, slots=True, eq=False)
class _Cuts:
    """Every cut of every query, by query and falling threshold; the first of each query drops all.

    Attributes:
        place: (m,) place of the query among those that have pairs.
        low, high: (m,) every threshold over low and up to high is this cut.
        tp, fp: (m,) kept pairs.
        n_relevant, n_not: (m,) pairs of the query.
        queries: (n_queries,) their numbers in the set.
    """

    place: Ints
    low: Floats
    high: Floats
    tp: Ints
    fp: Ints
    n_relevant: Ints
    n_not: Ints
    queries: Ints


def _cuts(judged: Judged) -> _Cuts:
    order = np.lexsort((-judged.score, judged.query))
    queries, place = np.unique(judged.query[order], return_inverse=True)
    score, relevant = judged.score[order], judged.relevant[order]
    # One row in front of each query's pairs stands for "drop all".
    starts = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
    place = np.insert(place, starts, np.arange(len(queries)))
    score = np.insert(score, starts, np.inf)
    right = np.insert(relevant, starts, False).astype(np.int64)
    wrong = np.insert(~relevant, starts, False).astype(np.int64)
    first = np.append(True, place[1:] != place[:-1])
    # Tied pairs are one cut, which is where the last of them stands.
    last = np.append((place[1:] != place[:-1]) | (score[1:] != score[:-1]), True)
    ends = np.append(place[1:] != place[:-1], True)
    low = np.where(ends, -np.inf, np.append(score[1:], -np.inf))
    tp, fp = (_within(counts, first, place) for counts in (right, wrong))
    n_relevant, n_not = tp[ends][place], fp[ends][place]
    return _Cuts(place[last], low[last], score[last], tp[last], fp[last], n_relevant[last], n_not[last], queries)


def _within(counts: Ints, first: NDArray[np.bool_], place: Ints) -> Ints:
    """Running sums that start anew at each query."""
    total = np.cumsum(counts)
    return total - (total - counts)[first][place]


def _queries(judged: Judged, cuts: _Cuts, threshold: float) -> tuple[QueryCut, ...]:
    errors = cuts.fp + cuts.n_relevant - cuts.tp
    # A query without a relevant pair has an F1 of 0 at every cut, and the fewest errors where all is dropped.
    f1 = 2 * cuts.tp / np.maximum(1, cuts.tp + cuts.fp + cuts.n_relevant)
    order = np.lexsort((np.arange(len(errors)), errors, -np.round(f1, 12), cuts.place))
    best = order[np.append(True, np.diff(cuts.place[order]) > 0)]
    medians = [_medians(judged, which, cuts.queries) for which in (judged.relevant, ~judged.relevant)]
    return tuple(
        QueryCut(
            query=int(cuts.queries[number]),
            n_relevant=int(cuts.n_relevant[one]),
            n_not=int(cuts.n_not[one]),
            low=float(cuts.low[one]),
            high=float(cuts.high[one]),
            f1=float(f1[one]) if cuts.n_relevant[one] else None,
            n_errors=int(errors[one]),
            median_relevant=medians[0][number],
            median_not=medians[1][number],
            holds=bool(cuts.low[one] < threshold <= cuts.high[one]) or (threshold == -np.inf == cuts.low[one]),
        )
        for number, one in enumerate(best)
    )


def _medians(judged: Judged, which: NDArray[np.bool_], queries: Ints) -> list[float | None]:
    """One for each query; None where it has no pair of this class."""
    order = np.lexsort((judged.score[which], judged.query[which]))
    score, query = judged.score[which][order], judged.query[which][order]
    starts, ends = (np.searchsorted(query, queries, side=side) for side in ("left", "right"))
    return [
        float((score[(start + end - 1) // 2] + score[(start + end) // 2]) / 2) if start < end else None
        for start, end in zip(starts, ends, strict=True)
    ]


def _oracle(judged: Judged, cuts: _Cuts) -> Rates:
    """The counts with the best pooled F1 that any choice of one cut per query gives.

    2 tp / (kept + relevant) is a ratio of two sums over queries, so Dinkelbach's method finds its maximum: for a guess
    of the ratio each query by itself makes 2 tp - guess * kept largest, and the ratio that this gives is the next guess
    ("On nonlinear fractional programming", Management Science 13(7), 1967).
    """
    starts = np.flatnonzero(np.append(True, np.diff(cuts.place) > 0))
    guess, tp, fp = -1.0, 0, 0
    while True:
        ratio = 2 * tp / (tp + fp + judged.n_relevant)
        if ratio <= guess + EQUAL:
            return Rates(tp, fp, judged.n_relevant - tp, len(judged) - judged.n_relevant - fp)
        guess = ratio
        gain = 2 * cuts.tp - guess * (cuts.tp + cuts.fp)
        top = np.maximum.reduceat(gain, starts)[cuts.place]
        good = np.flatnonzero(gain >= top - EQUAL)
        best = good[np.append(True, np.diff(cuts.place[good]) > 0)]
        tp, fp = int(cuts.tp[best].sum()), int(cuts.fp[best].sum())


def _together(queries: tuple[QueryCut, ...]) -> Together:
    both = [
        (one.median_relevant, one.median_not)
        for one in queries
        if one.median_relevant is not None and one.median_not is not None
    ]
    if len(both) < FEWEST_BOTH:
        return Together(None, None, len(both), FEW_BOTH.format(least=FEWEST_BOTH, n=len(both)))
    right, wrong = np.array(both).T
    if right.min() == right.max() or wrong.min() == wrong.max():
        return Together(None, None, len(both), NO_SPREAD)
    from scipy import stats

    found = stats.pearsonr(right, wrong)
    r, p = float(found.statistic), float(found.pvalue)
    if not (math.isfinite(r) and math.isfinite(p)):
        return Together(None, None, len(both), NO_SPREAD)
    return Together(r, p, len(both))


def _said(found: ByQuery) -> ByQuery:
    drifts, about = _drift(found)
    assert found.pooled is not None
    assert found.oracle is not None
    compared = (
        ORACLE.format(one=_percent(found.pooled.f1), oracle=_percent(found.oracle.f1)),
        HOLDS.format(n=found.n_hold, n_queries=len(found.queries)),
    )
    said = compared if len(found.queries) > 1 else (ONE_QUERY,)
    return replace(found, drifts=drifts, sentences=(*said, *((about,) if about else ())))


def _drift(found: ByQuery) -> tuple[bool | None, str]:
    """Whether the level drifts, and the sentence that says so; (None, "") where neither class can tell."""
    told = [one for one in (found.relevant, found.not_relevant) if one.share is not None]
    if not told:
        return None, ""
    differ = [one for one in told if (one.share or 0.0) >= SHARE and (one.p or 0.0) < CHANCE]
    share = _percent(max(one.share or 0.0 for one in differ or told))
    if not differ:
        return False, STEADY.format(share=share)
    if found.together.r is None or found.together.p is None:
        return True, DIFFERS.format(share=share)
    if found.together.r >= TOGETHER and found.together.p < CHANCE_TOGETHER:
        return True, DRIFTS.format(share=share)
    return False, APART.format(share=share)


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.3g}"
