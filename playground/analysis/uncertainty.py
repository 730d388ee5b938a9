"""How far a threshold chosen on a few labelled queries can be trusted.

Pairs of one query resemble each other, so what is resampled is queries, with all their pairs: resampling pairs would
give bands that are too narrow. Bands are percentile intervals (2.5 to 97.5 %) of a bootstrap (Efron and Tibshirani,
"An introduction to the bootstrap", 1993, chapter 13). Queries without any labelled and scored pair do not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playground.analysis.curves import Floats, between, confusion, undefined
from playground.analysis.judged import Judged
from playground.analysis.resampling import band_of, n_resamples_for, quantiles, resamples, runs_of
from playground.analysis.thresholds import Method, best, check, suggest
from playground.analysis.unseen import ONE_QUERY

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
NO_BAND = "There is no band to narrow."
NO_WIDTH = "The half-width wanted lies over 0 and under 0.5, not at {value}."

FEWEST_QUERIES = 5
FEWEST_RELEVANT = 10
FEWEST_NOT = 10


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
    tp, fp, fn = np.concatenate([weights @ parts for weights in resamples(len(queries), n, seed, 1)]).T
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
    runs = runs_of(judged)
    value = float(_areas(*runs.kept(np.ones((1, runs.n_queries))))[0])
    if runs.n_queries < 2:
        return Estimate(value, None, None, ONE_QUERY)
    n = n_resamples or n_resamples_for(judged)
    drawn = resamples(runs.n_queries, n, seed, len(runs.threshold))
    areas = np.concatenate([_areas(*runs.kept(weights)) for weights in drawn])
    return Estimate(value, *band_of(value, areas[np.isfinite(areas)], runs.n_queries)[:2])


def _chosen(judged: Judged, method: Method, parameter: float, n: int, seed: int) -> Floats:
    """The threshold that `suggest` would choose on each resample written out, of those that have one."""
    check(method, parameter)
    runs = runs_of(judged)
    chosen = [np.zeros(0)]
    for weights in resamples(runs.n_queries, n, seed, len(runs.threshold)):
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
    low, high, exact = band_of(value, part[defined] / whole[defined], n_queries)
    return Estimate(value, low, high), NO_SPREAD.format(percent=round(100 * value), n=n_queries) if exact else ""


def _nothing(judged: Judged, reason: str) -> Uncertainty:
    none = Estimate(None, None, None, reason)
    return Uncertainty(
        None, None, none, none, none, 0, 0, len(np.unique(judged.query)), judged.n_relevant, reason=reason
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
