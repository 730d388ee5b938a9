"""How far a threshold chosen on a few labelled queries can be trusted.

Pairs of one query resemble each other, so what is resampled is queries, with all their pairs: resampling pairs would
give bands that are too narrow. Bands are percentile intervals (2.5 to 97.5 %) of a bootstrap (Efron and Tibshirani,
"An introduction to the bootstrap", 1993, chapter 13). Queries without any labelled and scored pair do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.analysis.curves import Confusion, Floats, Ints, between, confusion, points, undefined
from playground.analysis.judged import Judged
from playground.analysis.thresholds import EQUAL, Method, best, check, suggest

ONE_QUERY = "All labelled pairs are of one query, so nothing can be said of others. Label more queries."
FEW_QUERIES = "Too few labelled queries have a relevant passage: {n}, and at least {least} are needed."
FEW_RELEVANT = "Only {n} labelled pairs are relevant; at least {least} are needed."
FEW_NOT = "Only {n} labelled pairs are not relevant; at least {least} are needed."
NOTHING_KEPT = "The threshold keeps no labelled pair, so it has no precision."
ONE_COUNTS = "Only one query has pairs that count here, so there is no band."
NO_SPREAD = (
    "This is {percent} % in each of {n} queries: resampling sees no spread there, so the band is the exact binomial "
    "one for {n} queries."
)
OFTEN_WITHOUT = "In {percent} % of the resamples no threshold meets the demand; the band is over the others."
GROUPED = "{n} queries were left out in {n_folds} groups, not one by one."
SOME_WITHOUT = "Without {n} of the groups left out, no threshold meets the demand; their pairs are not counted."
NO_BAND = "There is no band to narrow."
NO_WIDTH = "The half-width wanted lies over 0 and under 0.5, not at {value}."
REASONS = (
    ONE_QUERY,
    FEW_QUERIES,
    FEW_RELEVANT,
    FEW_NOT,
    NOTHING_KEPT,
    ONE_COUNTS,
    NO_SPREAD,
    OFTEN_WITHOUT,
    GROUPED,
    SOME_WITHOUT,
    NO_BAND,
    NO_WIDTH,
)

FEWEST_QUERIES = 5
FEWEST_RELEVANT = 10
FEWEST_NOT = 10
MOST_RESAMPLES = 2000
FEWEST_RESAMPLES = 300
# Resamples times pairs: about four seconds on one core of 2024.
MOST_WORK = 120_000_000
# Cells of one block of resamples: about 4 MiB, which stay in the processor's cache.
BLOCK = 500_000
EACH_UP_TO = 200
GROUPS = 50
TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the band around it.

    Attributes:
        value: on the labelled pairs; None where it is undefined.
        low, high: 95 % band over resampled queries; None where there is none.
        reason: why the value or the band is missing; empty where both are there.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Bands around a threshold, and around what it does.

    Attributes:
        threshold: -inf keeps all, inf drops all; None where there is a reason.
        threshold_band: where 95 % of the thresholds lie that the same rule chooses on resampled queries; infinite
            where that is to keep or drop all; None for a threshold set by hand.
        precision, recall, f1: at `threshold`, with its band; that the threshold was chosen on the same pairs is not in
            these bands (`leave_one_query_out` is for that).
        n_resamples: how many were drawn; fewer for large sets.
        n_without: resamples in which the rule finds no threshold.
        n_queries: with at least one labelled and scored pair.
        warnings: English sentences.
        reason: an English sentence; empty where there is a threshold.
    """

    threshold: float | None
    threshold_band: tuple[float, float] | None
    precision: Estimate
    recall: Estimate
    f1: Estimate
    n_resamples: int
    n_without: int
    n_queries: int
    n_relevant: int
    warnings: tuple[str, ...] = ()
    reason: str = ""


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


@dataclass(frozen=True, slots=True)
class More:
    """How much more to label, plainly estimated.

    Attributes:
        half_width: of the band now.
        n_queries, n_relevant: how many more; 0 where the band is narrow enough.
        reason: an English sentence; empty where there is an estimate.
    """

    half_width: float | None
    n_queries: int | None
    n_relevant: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Needed:
    """How many more labels narrow the bands to `within` on either side."""

    within: float
    precision: More
    recall: More


def uncertainty(
    judged: Judged, method: Method, parameter: float, n_resamples: int | None = None, seed: int = 0
) -> Uncertainty:
    """Bands around the threshold that the rule chooses.

    Args:
        n_resamples: None takes 2,000, or fewer where the set is so large that they would take many seconds.
    Raises:
        InvalidInput: the parameter is out of range.
    """
    chosen = suggest(judged, method, parameter)
    if chosen.value is None:
        return _nothing(judged, chosen.reason)
    found = uncertainty_at(judged, chosen.value, n_resamples, seed)
    if found.n_queries < 2:
        return found
    thresholds = _chosen(judged, method, parameter, found.n_resamples, seed)
    n_without = found.n_resamples - len(thresholds)
    often = OFTEN_WITHOUT.format(percent=round(100 * n_without / found.n_resamples))
    # Not interpolated: between a threshold and "keep all" there is nothing.
    asked = quantiles(found.n_queries)
    low, high = np.quantile(thresholds, asked, method="inverted_cdf") if len(thresholds) else (0, 0)
    return replace(
        found,
        threshold_band=(float(low), float(high)) if len(thresholds) else None,
        n_without=n_without,
        warnings=(*found.warnings, *((often,) if n_without * 20 > found.n_resamples else ())),
    )


def uncertainty_at(judged: Judged, threshold: float, n_resamples: int | None = None, seed: int = 0) -> Uncertainty:
    """Bands around what a given threshold does, however it was chosen."""
    if reason := undefined(judged):
        return _nothing(judged, reason)
    at = confusion(judged, threshold)
    queries, place = np.unique(judged.query, return_inverse=True)
    if len(queries) < 2:
        return Uncertainty(
            threshold=float(threshold),
            threshold_band=None,
            precision=Estimate(at.precision, None, None, ONE_QUERY),
            recall=Estimate(at.recall, None, None, ONE_QUERY),
            f1=Estimate(at.f1, None, None, ONE_QUERY),
            n_resamples=0,
            n_without=0,
            n_queries=len(queries),
            n_relevant=judged.n_relevant,
            warnings=(ONE_QUERY,),
        )
    n = n_resamples or n_resamples_for(judged)
    kept = judged.score >= threshold
    parts = np.stack(
        [
            np.bincount(place[which], minlength=len(queries))
            for which in (kept & judged.relevant, kept & ~judged.relevant, ~kept & judged.relevant)
        ],
        axis=1,
    ).astype(np.float64)
    tp, fp, fn = np.concatenate([weights @ parts for weights in _weights(len(queries), n, seed, 1)]).T
    tp_q, fp_q, fn_q = parts.T
    precision = _estimate(at.precision, tp, tp + fp, int(np.sum(tp_q + fp_q > 0)))
    recall = _estimate(at.recall, tp, tp + fn, int(np.sum(tp_q + fn_q > 0)))
    f1 = _estimate(at.f1, 2 * tp, 2 * tp + fp + fn, int(np.sum(tp_q + fp_q + fn_q > 0)))
    said = dict.fromkeys(warning for _, warning in (precision, recall, f1) if warning)
    return Uncertainty(
        threshold=float(threshold),
        threshold_band=None,
        precision=precision[0],
        recall=recall[0],
        f1=f1[0],
        n_resamples=n,
        n_without=0,
        n_queries=len(queries),
        n_relevant=judged.n_relevant,
        warnings=tuple(said),
    )


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


def needed(uncertainty: Uncertainty, within: float) -> Needed:
    """How many more labelled queries narrow each band to `within` on either side.

    A plain estimate: the half-width of now, shrinking with the square root of the number of queries like those already
    labelled, each with as many relevant pairs.
    """
    return Needed(
        within,
        *(_more(one, uncertainty, within) for one in (uncertainty.precision, uncertainty.recall)),
    )


def too_few(judged: Judged) -> tuple[str, ...]:
    """What is missing before a threshold or a verdict means anything; empty where there is enough.

    Fewer than 5 queries with a relevant pair give a bootstrap of queries almost nothing to resample; with fewer than
    10 pairs of a class, one of them is more than a tenth of precision or recall.
    """
    n_queries = len(np.unique(judged.query[judged.relevant]))
    n_not = len(judged) - judged.n_relevant
    return tuple(
        template.format(n=n, least=least)
        for template, n, least in (
            (FEW_QUERIES, n_queries, FEWEST_QUERIES),
            (FEW_RELEVANT, judged.n_relevant, FEWEST_RELEVANT),
            (FEW_NOT, n_not, FEWEST_NOT),
        )
        if n < least
    )


def auc(judged: Judged, n_resamples: int | None = None, seed: int = 0) -> Estimate:
    """Share of (relevant, not relevant) pairs over all queries that stand in the right order, ties as half."""
    if reason := undefined(judged):
        return Estimate(None, None, None, reason)
    runs = _runs(judged)
    value = float(_areas(*runs.kept(np.ones((1, runs.n_queries))))[0])
    if runs.n_queries < 2:
        return Estimate(value, None, None, ONE_QUERY)
    n = n_resamples or n_resamples_for(judged)
    drawn = _weights(runs.n_queries, n, seed, len(runs.threshold))
    areas = np.concatenate([_areas(*runs.kept(weights)) for weights in drawn])
    return Estimate(value, *_band(value, areas[np.isfinite(areas)], runs.n_queries)[:2])


def n_resamples_for(judged: Judged) -> int:
    """2,000, or fewer where they would take many seconds; 300 at least."""
    return int(np.clip(MOST_WORK // max(1, len(judged)), FEWEST_RESAMPLES, MOST_RESAMPLES))


def quantiles(n_queries: int) -> tuple[float, float]:
    """Which quantiles of the resamples make a 95 % band: further out for few queries, whose resamples vary too little.

    Source: the expanded percentile interval of Hesterberg (2015).
    """
    from scipy import stats

    if n_queries < 2:
        return 0.0, 1.0
    t = stats.t.ppf(1 - TAIL, n_queries - 1)
    tail = float(stats.norm.cdf(-math.sqrt(n_queries / (n_queries - 1)) * t))
    return tail, 1 - tail


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Pairs by ascending score, joined into runs of one class: inside a run no cut is better than at its ends.

    Attributes:
        threshold: (n_runs + 1,) the cut under each run, then "drop all".
        relevant, not_relevant: scipy CSR (n_runs, n_queries), pairs of each query in each run.
    """

    threshold: Floats
    relevant: Any
    not_relevant: Any
    n_queries: int

    def kept(self, weights: Floats) -> tuple[Floats, Floats]:
        """(rows, n_runs + 1) twice: tp and fp of each cut where query q counts `weights[row, q]` times."""
        return self._kept(self.relevant, weights), self._kept(self.not_relevant, weights)

    def _kept(self, pairs: Any, weights: Floats) -> Floats:
        in_run = np.asarray(pairs @ weights.T, dtype=np.float64)
        kept = np.zeros((len(in_run) + 1, len(weights)))
        np.cumsum(in_run[::-1], axis=0, out=kept[1:])
        return np.ascontiguousarray(kept[::-1].T)


def _runs(judged: Judged) -> _Runs:
    from scipy.sparse import csr_array

    _, group = np.unique(judged.score, return_inverse=True)
    n_groups = int(group.max()) + 1
    n_relevant = np.bincount(group[judged.relevant], minlength=n_groups)
    n_not = np.bincount(group[~judged.relevant], minlength=n_groups)
    kind = np.where(n_not == 0, 1, np.where(n_relevant == 0, 0, 2))
    starts = np.append(True, (kind[1:] != kind[:-1]) | (kind[1:] == 2))
    run = np.cumsum(starts) - 1
    cuts = points(judged).threshold[np.append(np.flatnonzero(starts), n_groups)]
    queries, place = np.unique(judged.query, return_inverse=True)
    shape = (int(run[-1]) + 1, len(queries))

    def counted(which: NDArray[np.bool_]) -> Any:
        return csr_array((np.ones(int(which.sum())), (run[group[which]], place[which])), shape=shape)

    return _Runs(cuts, counted(judged.relevant), counted(~judged.relevant), len(queries))


def _weights(n_queries: int, n: int, seed: int, width: int) -> Iterator[Floats]:
    """How often each query is drawn in each resample: (rows, n_queries) in blocks, the same for the same seed."""
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // max(n_queries, width))
    for start in range(0, n, rows):
        here = min(rows, n - start)
        drawn = rng.integers(0, n_queries, size=(here, n_queries)) + n_queries * np.arange(here)[:, None]
        yield np.bincount(drawn.ravel(), minlength=here * n_queries).reshape(here, n_queries).astype(np.float64)


def _chosen(judged: Judged, method: Method, parameter: float, n: int, seed: int) -> Floats:
    """The threshold that `suggest` would choose on each resample written out, of those that have one."""
    check(method, parameter)
    runs = _runs(judged)
    chosen = [np.zeros(0)]
    for weights in _weights(runs.n_queries, n, seed, len(runs.threshold)):
        tp, fp = runs.kept(weights)
        places, found = best(tp, fp, method, parameter)
        chosen.append(_thresholds(judged, weights[found] > 0, runs.threshold[places[found]]))
    return np.concatenate(chosen)


def _thresholds(judged: Judged, drawn: NDArray[np.bool_], cuts: Floats) -> Floats:
    """(rows,), for each row the threshold between the scores next to its cut, of the queries that it drew.

    Args:
        drawn: (rows, n_queries), which queries it drew.
        cuts: (rows,), of the whole set.
    """
    order = np.argsort(judged.query, kind="stable")
    score, query = judged.score[order], judged.query[order]
    starts = np.flatnonzero(np.append(True, query[1:] != query[:-1]))
    low, high = np.full(len(cuts), -np.inf), np.full(len(cuts), np.inf)
    for cut in np.unique(cuts):
        rows = cuts == cut
        kept = score >= cut
        dropped = np.maximum.reduceat(np.where(kept, -np.inf, score), starts)
        left = np.minimum.reduceat(np.where(kept, score, np.inf), starts)
        low[rows] = np.where(drawn[rows], dropped, -np.inf).max(axis=1)
        high[rows] = np.where(drawn[rows], left, np.inf).min(axis=1)
    thresholds = np.where(np.isinf(low), -np.inf, np.inf)
    inside = np.isfinite(low) & np.isfinite(high)
    thresholds[inside] = between(low[inside], high[inside])
    return thresholds


def _areas(tp: Floats, fp: Floats) -> Floats:
    """(rows,), AUC of each resample; nan where one class is absent."""
    steps = (fp[:, :-1] - fp[:, 1:]) * (tp[:, :-1] + tp[:, 1:])
    whole = 2 * tp[:, 0] * fp[:, 0]
    out = np.full(len(tp), np.nan)
    return np.asarray(np.divide(steps.sum(axis=1), whole, out=out, where=whole > 0), dtype=np.float64)


def _estimate(value: float | None, part: Floats, whole: Floats, n_queries: int) -> tuple[Estimate, str]:
    """The band of part / whole over resamples where the whole is not 0, and a warning.

    Args:
        n_queries: that have something in the whole.
    """
    if value is None:
        return Estimate(None, None, None, NOTHING_KEPT), ""
    if n_queries < 2:
        return Estimate(value, None, None, ONE_COUNTS), ""
    defined = whole > 0
    low, high, exact = _band(value, part[defined] / whole[defined], n_queries)
    return Estimate(value, low, high), NO_SPREAD.format(percent=round(100 * value), n=n_queries) if exact else ""


def _band(value: float, resampled: Floats, n_queries: int) -> tuple[float, float, bool]:
    """95 % band of a share, and whether it is the exact binomial one because all resamples are the same.

    Source: Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26(4), 1934.
    """
    from scipy.stats import beta

    low, high = np.quantile(resampled, quantiles(n_queries)) if len(resampled) else (value, value)
    if high - low > EQUAL:
        return float(low), float(high), False
    hits = value * n_queries
    low = beta.ppf(TAIL, hits, n_queries - hits + 1) if value > 0 else 0.0
    high = beta.ppf(1 - TAIL, hits + 1, n_queries - hits) if value < 1 else 1.0
    return float(low), float(high), True


def _nothing(judged: Judged, reason: str) -> Uncertainty:
    none = Estimate(None, None, None, reason)
    return Uncertainty(
        None, None, none, none, none, 0, 0, len(np.unique(judged.query)), judged.n_relevant, reason=reason
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


def _more(estimate: Estimate, uncertainty: Uncertainty, within: float) -> More:
    if not 0.0 < within < 0.5:
        return More(None, None, None, NO_WIDTH.format(value=within))
    if estimate.low is None or estimate.high is None:
        return More(None, None, None, estimate.reason or NO_BAND)
    half_width = (estimate.high - estimate.low) / 2
    times = max(0.0, (half_width / within) ** 2 - 1)
    return More(
        half_width,
        math.ceil(times * uncertainty.n_queries - 1e-9),
        math.ceil(times * uncertainty.n_relevant - 1e-9),
    )
