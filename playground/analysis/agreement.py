"""How far two models agree on the order of the same passages.

Every metric takes the scores of two models over the same passages, higher is better, and looks only at the order in
them: the scales never meet. Ties are exactly equal raw outputs. A metric that has no value says why; it is never a
number that looks like one, and never NaN.

A model whose scores are all equal orders nothing, so no metric is defined with it (Kendall's tau-b and Spearman's rho
divide by zero there; the others would count input order or nothing as agreement). One passage has no order either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from playground.analysis import METRICS, find
from playground.analysis.alignment import Floats, align, competition_ranks, orders_nothing
from playground.core.errors import InvalidInput
from playground.core.types import RerankResult

NEEDS_TWO = "Agreement needs at least two passages that both models scored."
ONE_ORDERS_NOTHING = "All scores of one model are equal: it orders nothing, so there is no order to agree with."
TOP_IS_ALL = "The first {k} of {n} passages are all of them, whatever the order."
TOP_IS_SPLIT = "The first place is tied, and the models share only a part of it."

MOST_K = 5


@dataclass(frozen=True, slots=True)
class Measure:
    """A number, or why there is none.

    Attributes:
        value: None where the metric is undefined.
        reason: an English sentence; empty where there is a value.
    """

    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two of the compared models, with every metric of the order.

    Attributes:
        first, second: places of the two in the results, from 0.
        n_passages: those that both scored; the metrics are over these.
        n_left_out: passages of either that the other did not score.
        k: how many first places `overlap` looks at.
        measures: by the name of the metric, as in `METRICS`.
    """

    first: int
    second: int
    n_passages: int
    n_left_out: int
    k: int
    measures: Mapping[str, Measure]


def agreements(results: Sequence[RerankResult], k: int | None = None) -> tuple[Agreement, ...]:
    """Each pair of results, in the order given; none for fewer than two results.

    Args:
        k: for `overlap`; None takes half of the passages, five at most.
    Raises:
        InvalidInput: two of the results have no scored passage in common, or `k` is below 1.
    """
    return tuple(_agreement(results, first, second, k) for first, second in combinations(range(len(results)), 2))


def table(agreements: Sequence[Agreement], names: Sequence[str]) -> pd.DataFrame:
    """One row for each pair: first, second, n_passages, n_left_out, k, a column for each metric, warnings.

    A metric without a value is missing (`<NA>`, an empty cell in CSV), and its reason stands in `warnings`.
    """
    rows = [
        {
            "first": names[one.first],
            "second": names[one.second],
            "n_passages": one.n_passages,
            "n_left_out": one.n_left_out,
            "k": one.k,
            **{name: one.measures[name].value for name in METRICS},
            "warnings": " ".join(dict.fromkeys(each.reason for each in one.measures.values() if each.reason)),
        }
        for one in agreements
    ]
    columns = ["first", "second", "n_passages", "n_left_out", "k", *METRICS, "warnings"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(METRICS, "Float64"))


def kendall_tau_b(one: Floats, other: Floats) -> Measure:
    """Kendall's tau-b, from -1 (reversed) to 1 (the same order); pairs tied in one model only count against it.

    Source: scipy.stats.kendalltau, variant "b" (Kendall, "The treatment of ties in ranking problems", 1945).
    """
    # Not at the top, here and below: half of the time in which the page opens went into scipy's statistics.
    from scipy import stats

    return _unless_empty(one, other, lambda: float(stats.kendalltau(one, other, variant="b").statistic))


def spearman(one: Floats, other: Floats) -> Measure:
    """Spearman's rho, from -1 to 1: the correlation of the ranks, tied passages at their mean rank.

    Source: scipy.stats.spearmanr.
    """
    from scipy import stats

    return _unless_empty(one, other, lambda: float(stats.spearmanr(one, other).statistic))


def rbo(one: Floats, other: Floats, p: float) -> Measure:
    """Rank-biased overlap, extrapolated, from 0 to 1; 1 is the same order with the same ties.

    Top-weighted: with p = 0.9 the first ten places carry 86 % of the weight, with p = 0.5 the first two 89 % (eq. 21).
    Over the same passages even a reversed order is above 0, since whole lists overlap in the end.

    Ties: the rule of Webber et al., section 5.2: tied passages all stand at the smallest of their places, and the
    agreement at depth d is 2 |A and B| / (|A| + |B|) of the passages at or above d (RBO^w in Corsi and Urbano, "The
    treatment of ties in rank-biased overlap", SIGIR 2024).
    Source: Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", ACM TOIS 28(4), 2010, eq. 23.
    """

    def value() -> float:
        first, second = (dict(enumerate(competition_ranks(scores).tolist())) for scores in (one, other))
        return rbo_of_ranks(first, second, p)

    return _unless_empty(one, other, value)


def rbo_50(one: Floats, other: Floats) -> Measure:
    """`rbo` with p = 0.5: nearly all the weight on the first few places."""
    return rbo(one, other, 0.5)


def rbo_90(one: Floats, other: Floats) -> Measure:
    """`rbo` with p = 0.9: the first ten places carry 86 % of the weight."""
    return rbo(one, other, 0.9)


def overlap(one: Floats, other: Floats, k: int = MOST_K) -> Measure:
    """The share of the first k that both have, from 0 to 1, in whatever order.

    Ties: every passage of rank k or better is among the first k, so there may be more than k of them; the share is
    2 |A and B| / (|A| + |B|), as in `rbo`.

    Raises:
        InvalidInput: `k` is below 1.
    """
    if k < 1:
        raise InvalidInput("The overlap needs at least one first place, not {k}.", k=k)
    if 1 < len(one) <= k and not (orders_nothing(one) or orders_nothing(other)):
        return Measure(None, TOP_IS_ALL.format(k=k, n=len(one)))

    def value() -> float:
        first, second = competition_ranks(one) <= k, competition_ranks(other) <= k
        return 2.0 * int(np.sum(first & second)) / int(np.sum(first) + np.sum(second))

    return _unless_empty(one, other, value)


def same_top(one: Floats, other: Floats) -> Measure:
    """1 where both put the same passage first, 0 where not.

    Ties: all passages of rank 1 are first. Where the two sets are the same the answer is 1, where they share nothing
    0, and in between there is none.
    """
    if len(one) > 1 and not (orders_nothing(one) or orders_nothing(other)):
        first, second = (set(np.flatnonzero(scores == np.max(scores)).tolist()) for scores in (one, other))
        if first != second and first & second:
            return Measure(None, TOP_IS_SPLIT)
        return Measure(float(first == second))
    return _unless_empty(one, other, lambda: 1.0)


def rbo_of_ranks(one: Mapping[Any, int], other: Mapping[Any, int], p: float) -> float:
    """Extrapolated rank-biased overlap of two lists of equal length, which may hold different things.

    (1 - p)/p times the sum of A_d p^d over depths d = 1..n, plus A_n p^n for what lies beyond.

    Args:
        one, other: rank of each thing, from 1; tied things share the smaller rank.
    Raises:
        InvalidInput: `p` is not between 0 and 1, or the lists are empty or not of one length.
    """
    if not 0.0 < p < 1.0:
        raise InvalidInput("The persistence p of RBO lies between 0 and 1, not at {p}.", p=p)
    agreed = agreement_by_depth(one, other)
    weights = p ** np.arange(1, len(agreed) + 1)
    return float((1 - p) / p * np.sum(agreed * weights) + agreed[-1] * weights[-1])


def agreement_by_depth(one: Mapping[Any, int], other: Mapping[Any, int]) -> Floats:
    """(n,), A_d for depths d = 1..n: 2 |A and B| / (|A| + |B|) of what stands at or above d.

    Raises:
        InvalidInput: the lists are empty or not of one length.
    """
    if len(one) != len(other) or not one:
        raise InvalidInput(
            "Rank-biased overlap compares two lists of one length, not {n} and {m}.", n=len(one), m=len(other)
        )
    both = [max(rank, other[thing]) for thing, rank in one.items() if thing in other]
    reached = [_at_or_above(ranks, len(one)) for ranks in (list(one.values()), list(other.values()), both)]
    return np.asarray(2.0 * reached[2] / (reached[0] + reached[1]), dtype=np.float64)


def _agreement(results: Sequence[RerankResult], first: int, second: int, k: int | None) -> Agreement:
    aligned = align([results[first], results[second]])
    n = len(aligned.passages)
    depth = max(1, min(MOST_K, n // 2)) if k is None else k
    one, other = aligned.scores
    measures = {
        name: find(name)(one, other, depth) if name == "overlap" else find(name)(one, other) for name in METRICS
    }
    return Agreement(first, second, n, aligned.n_left_out, depth, measures)


def _at_or_above(ranks: Sequence[int], n: int) -> Floats:
    return np.cumsum(np.bincount(np.asarray(ranks, dtype=np.int64), minlength=n + 1)[1 : n + 1]).astype(np.float64)


def _unless_empty(one: Floats, other: Floats, value: Callable[[], float]) -> Measure:
    if len(one) != len(other):
        raise InvalidInput("Agreement compares the same passages, not {n} and {m}.", n=len(one), m=len(other))
    if len(one) < 2:
        return Measure(None, NEEDS_TWO)
    if orders_nothing(one) or orders_nothing(other):
        return Measure(None, ONE_ORDERS_NOTHING)
    return Measure(value())
