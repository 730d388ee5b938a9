"""The expected value of each ranking metric where tied passages stand in random order, exactly, for many lists at once.

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
class TiedLists:
    """Ranked lists one behind another, place by place. Arrays of n hold something of each place.

    Attributes:
        n_lists: also those without any passage.
        list: (n,) number of the list, from 0, ascending.
        place: (n,) within its list, from 1.
        start: (n,) passages of the list before the group of this place.
        size, n_relevant: (n,) passages, and relevant ones, in the group of this place.
        relevant_before: (n,) relevant passages of the list before the group of this place.
        gain: (n,) mean gain of the group of this place.
        total: (n_lists,) relevant passages, also those that stand in no list.
        best_list, best_place, best_gain: as `list`, `place` and `gain` in the best order of all judged passages.
    """

    n_lists: int
    list: Ints
    place: Ints
    start: Ints
    size: Ints
    n_relevant: Ints
    relevant_before: Ints
    gain: Floats
    total: Ints
    best_list: Ints
    best_place: Ints
    best_gain: Floats

    def summed(self, terms: Floats) -> Floats:
        """(n_lists,), from (n,)."""
        return np.bincount(self.list, weights=terms, minlength=self.n_lists).astype(np.float64)


def tied_lists(list: Ints, scores: Floats, gains: Floats, relevant: NDArray[np.bool_], n_lists: int) -> TiedLists:
    """Groups of equal scores, best first.

    Args:
        list: (n_passages,) the list of each passage, from 0.
        scores: (n_passages,) NaN where a passage stands in no list but counts among what could be found.
        gains, relevant: (n_passages,)
    """
    scored = np.flatnonzero(~np.isnan(scores))
    order = scored[np.lexsort((-scores[scored], list[scored]))]
    at, values = list[order], scores[order]
    head = np.ones(len(order), dtype=bool)
    head[1:] = (at[1:] != at[:-1]) | (values[1:] != values[:-1])
    heads = np.flatnonzero(head)
    group = np.cumsum(head) - 1
    size = np.bincount(group, minlength=len(heads))
    before = np.concatenate([[0], np.cumsum(relevant[order])])
    list_start = np.searchsorted(at, at)
    best = np.lexsort((-gains, list))
    return TiedLists(
        n_lists=n_lists,
        list=at,
        place=np.arange(len(order)) - list_start + 1,
        start=heads[group] - list_start,
        size=size[group],
        n_relevant=np.bincount(group, weights=relevant[order], minlength=len(heads)).astype(np.int64)[group],
        relevant_before=before[heads][group] - before[list_start],
        gain=(np.bincount(group, weights=gains[order], minlength=len(heads)) / np.maximum(size, 1))[group],
        total=np.bincount(list, weights=relevant, minlength=n_lists).astype(np.int64),
        best_list=list[best],
        best_place=np.arange(len(best)) - np.searchsorted(list[best], list[best]) + 1,
        best_gain=gains[best],
    )


def average_precision(lists: TiedLists, k: int) -> Floats:
    """Sum over the first `k` places of the chance that it is relevant, times the precision expected there if it is."""
    within = lists.place - lists.start - 1
    # The places of the same group above this one, given that this one is relevant.
    others = within * (lists.n_relevant - 1) / np.maximum(lists.size - 1, 1)
    terms = lists.n_relevant / lists.size * (lists.relevant_before + 1 + others) / lists.place
    return _over(lists.summed(np.where(lists.place <= k, terms, 0.0)), lists.total)


def step_precision(lists: TiedLists) -> Floats:
    """Average precision where a group of tied passages enters at once, as scikit-learn's `average_precision_score`."""
    terms = lists.n_relevant / lists.size * (lists.relevant_before + lists.n_relevant) / (lists.start + lists.size)
    return _over(lists.summed(terms), lists.total)


def reciprocal_rank(lists: TiedLists, k: int) -> Floats:
    """Chance of each place to hold the first relevant passage, over that place, for the first `k` places."""
    first = first_groups(lists)
    start, size, n = lists.start[first], lists.size[first], lists.n_relevant[first]
    last = np.minimum(size - n + 1, k - start)
    chance, found = n / size, np.zeros(len(first))
    for within in range(1, int(last.max(initial=0)) + 1):
        found += np.where(within <= last, chance / (start + within), 0.0)
        chance = chance * np.maximum(size - n - within + 1, 0) / np.maximum(size - within, 1)
    values = np.zeros(lists.n_lists)
    values[lists.list[first]] = found
    return values


def first_groups(lists: TiedLists) -> Ints:
    """Number of the place at the head of the first group with a relevant passage, for each list that has one."""
    return np.flatnonzero(
        (lists.relevant_before == 0) & (lists.n_relevant > 0) & (lists.place == lists.start + 1)
    ).astype(np.int64)


def discounted_gain(lists: TiedLists, k: int) -> Floats:
    """NDCG: linear gain over log2(1 + place), divided by that of the best order of all judged passages."""
    gained = lists.summed(np.where(lists.place <= k, lists.gain / np.log2(lists.place + 1), 0.0))
    terms = np.where(lists.best_place <= k, lists.best_gain / np.log2(lists.best_place + 1), 0.0)
    return _over(gained, np.bincount(lists.best_list, weights=terms, minlength=lists.n_lists))


def found(lists: TiedLists, k: int) -> Floats:
    """How many relevant passages stand in the first `k` places."""
    return lists.summed(np.where(lists.place <= k, lists.n_relevant / lists.size, 0.0))


def precision(lists: TiedLists, k: int) -> Floats:
    """`found` over `k`, also where the list is shorter."""
    return found(lists, k) / k


def recall(lists: TiedLists, k: int) -> Floats:
    """`found` over all relevant passages."""
    return _over(found(lists, k), lists.total)


def hit(lists: TiedLists, k: int) -> Floats:
    """Chance of at least one relevant passage in the first `k` places (hypergeometric in the group that `k` cuts)."""
    length = np.bincount(lists.list, minlength=lists.n_lists)
    last = np.flatnonzero(lists.place == np.minimum(k, length)[lists.list])
    size, n, taken = lists.size[last], lists.n_relevant[last], lists.place[last] - lists.start[last]
    missed = np.ones(len(last))
    for drawn in range(int(taken.max(initial=0))):
        missed *= np.where(drawn < taken, np.maximum(size - n - drawn, 0) / np.maximum(size - drawn, 1), 1.0)
    values = np.zeros(lists.n_lists)
    values[lists.list[last]] = np.where(lists.relevant_before[last] > 0, 1.0, 1.0 - missed)
    return values


def _over(values: Floats, whole: Floats | Ints) -> Floats:
    """0 where there is nothing to find."""
    return np.divide(values, whole, out=np.zeros(len(values)), where=whole > 0)
