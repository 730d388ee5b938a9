"""The expected value of each ranking metric where tied passages stand in random order, exactly.

Within a group of t tied passages with r relevant ones, each place is relevant with the chance r/t, and what stands at
two places is drawn without replacement. A model that gives every passage the same score so gets exactly chance.

Source: McSherry and Najork, "Computing information retrieval performance measures efficiently in the presence of tied
scores", ECIR 2008, sections 2.2 to 2.7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TiedList:
    """One ranked list, place by place; every array is (n,).

    Attributes:
        start: passages before the group of this place.
        size, n_relevant: passages, and relevant ones, in the group of this place.
        relevant_before: relevant passages before the group of this place.
        gain: mean gain of the group of this place.
        total: relevant passages in all, also those that are not in the list.
        ideal: gains of all judged passages, best first.
    """

    start: Ints
    size: Ints
    n_relevant: Ints
    relevant_before: Ints
    gain: Floats
    total: int
    ideal: Floats

    @property
    def place(self) -> Ints:
        """(n,), from 1."""
        return np.arange(1, len(self.start) + 1)


def tied_list(scores: Floats, gains: Floats, relevant: NDArray[np.bool_], ideal: Floats, total: int) -> TiedList:
    """Groups of equal scores, best first.

    Args:
        scores, gains, relevant: (n,) of the passages that stand in the list.
        ideal: gains of all judged passages, in any order.
        total: relevant passages in all.
    """
    order = np.argsort(-scores, kind="stable")
    _, group, size = np.unique(-scores[order], return_inverse=True, return_counts=True)
    ends = np.cumsum(size)
    n_relevant = np.bincount(group, weights=relevant[order]).astype(np.int64)
    gain = np.bincount(group, weights=gains[order]) / size
    before = np.cumsum(n_relevant) - n_relevant
    return TiedList(
        (ends - size)[group], size[group], n_relevant[group], before[group], gain[group], total, -np.sort(-ideal)
    )


def average_precision(one: TiedList, k: int) -> float:
    """Sum over the first `k` places of the chance that it is relevant, times the precision expected there if it is."""
    within = one.place - one.start - 1
    # The places of the same group above this one, given that this one is relevant.
    others = within * (one.n_relevant - 1) / np.maximum(one.size - 1, 1)
    terms = one.n_relevant / one.size * (one.relevant_before + 1 + others) / one.place
    return float(terms[:k].sum() / one.total)


def reciprocal_rank(one: TiedList, k: int) -> float:
    """Chance of each place to hold the first relevant passage, over that place, for the first `k` places."""
    first = np.flatnonzero((one.relevant_before == 0) & (one.n_relevant > 0))
    if not len(first):
        return 0.0
    start, size, n = int(one.start[first[0]]), int(one.size[first[0]]), int(one.n_relevant[first[0]])
    expected, chance = 0.0, n / size
    for within in range(1, min(size - n + 1, k - start) + 1):
        expected += chance / (start + within)
        if within < size:
            chance *= (size - n - within + 1) / (size - within)
    return expected


def discounted_gain(one: TiedList, k: int) -> float:
    """NDCG: linear gain over log2(1 + place), divided by that of the best order of all judged passages."""
    ideal = one.ideal[:k]
    best = float((ideal / np.log2(np.arange(2, len(ideal) + 2))).sum())
    gained = float((one.gain / np.log2(one.place + 1))[:k].sum())
    return gained / best if best else 0.0


def found(one: TiedList, k: int) -> float:
    """How many relevant passages stand in the first `k` places."""
    return float((one.n_relevant / one.size)[:k].sum())


def precision(one: TiedList, k: int) -> float:
    """`found` over `k`, also where the list is shorter."""
    return found(one, k) / k


def recall(one: TiedList, k: int) -> float:
    """`found` over all relevant passages."""
    return found(one, k) / one.total


def hit(one: TiedList, k: int) -> float:
    """Chance of at least one relevant passage in the first `k` places (hypergeometric in the group that `k` cuts)."""
    last = min(k, len(one.start)) - 1
    if last < 0:
        return 0.0
    if one.relevant_before[last]:
        return 1.0
    size, n, taken = int(one.size[last]), int(one.n_relevant[last]), last + 1 - int(one.start[last])
    missed = 1.0
    for drawn in range(taken):
        missed *= max(size - n - drawn, 0) / (size - drawn)
    return 1.0 - missed
