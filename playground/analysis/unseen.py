"""How a rule for thresholds does on queries that it did not see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playground.analysis.curves import Confusion, Ints, confusion
from playground.analysis.judged import Judged
from playground.analysis.thresholds import Method, suggest

ONE_QUERY = "All labelled pairs are of one query, so nothing can be said of others. Label more queries."
GROUPED = "{n} queries were left out in {n_folds} groups, not one by one."
SOME_WITHOUT = "Without {n} of the groups left out, no threshold meets the demand; their pairs are not counted."

EACH_UP_TO = 200
GROUPS = 50


@dataclass(frozen=True, slots=True)
class Rates:
    """Counts of pairs, pooled over queries that need not share a threshold."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def precision(self) -> float | None:
        """None where nothing is kept."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    @property
    def recall(self) -> float | None:
        """None where nothing is relevant."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    @property
    def f1(self) -> float | None:
        """None where nothing is relevant."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp + self.fn else None


@dataclass(frozen=True, slots=True)
class Unseen:
    """How the rule does on queries that it did not see.

    Attributes:
        inside: the threshold chosen on all queries, applied to the same.
        outside: each query (or group) by the threshold chosen on all others, pooled.
        n_folds: how many times a threshold was chosen.
        grouped: several queries were left out at a time, because there are more than 200.
        n_without: folds in which the rule found no threshold; their pairs are in neither count of `outside`.
        thresholds: the lowest and the highest that were chosen.
        reason: an English sentence; empty where both are there.
    """

    inside: Rates | None
    outside: Rates | None
    n_folds: int
    n_queries: int
    grouped: bool
    n_without: int
    thresholds: tuple[float, float] | None
    warnings: tuple[str, ...] = ()
    reason: str = ""


def leave_one_query_out(judged: Judged, method: Method, parameter: float, seed: int = 0) -> Unseen:
    """The rule on queries that it did not see, beside those that it saw.

    Up to 200 queries are left out one by one; more than that in 50 random groups.

    Raises:
        InvalidInput: the parameter is out of range.
    """
    chosen = suggest(judged, method, parameter)
    queries, place = np.unique(judged.query, return_inverse=True)
    if chosen.confusion is None or len(queries) < 2:
        return Unseen(None, None, 0, len(queries), False, 0, None, reason=chosen.reason or ONE_QUERY)
    grouped = len(queries) > EACH_UP_TO
    n_folds = GROUPS if grouped else len(queries)
    fold = np.random.default_rng(seed).permutation(len(queries)) % n_folds if grouped else np.arange(len(queries))
    left_out = [_left_out(judged, fold[place] == one, method, parameter) for one in range(n_folds)]
    found = [one for one in left_out if one is not None]
    n_without = n_folds - len(found)
    return Unseen(
        inside=_rates([chosen.confusion]),
        outside=_rates(found) if found else None,
        n_folds=n_folds,
        n_queries=len(queries),
        grouped=grouped,
        n_without=n_without,
        thresholds=(min(one.threshold for one in found), max(one.threshold for one in found)) if found else None,
        warnings=(
            *((GROUPED.format(n=len(queries), n_folds=n_folds),) if grouped else ()),
            *((SOME_WITHOUT.format(n=n_without),) if n_without else ()),
        ),
    )


def _left_out(judged: Judged, out: NDArray[np.bool_], method: Method, parameter: float) -> Confusion | None:
    chosen = suggest(subset(judged, ~out), method, parameter)
    return None if chosen.value is None else confusion(subset(judged, out), chosen.value)


def subset(judged: Judged, which: NDArray[np.bool_] | Ints) -> Judged:
    """Some of the pairs, under their old numbers."""
    return replace(
        judged,
        query=judged.query[which],
        passage=judged.passage[which],
        score=judged.score[which],
        grade=judged.grade[which],
        relevant=judged.relevant[which],
    )


def _rates(counted: list[Confusion]) -> Rates:
    return Rates(
        tp=sum(one.tp for one in counted),
        fp=sum(one.fp for one in counted),
        fn=sum(one.fn for one in counted),
        tn=sum(one.tn for one in counted),
    )
