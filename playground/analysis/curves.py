"""What every possible cut keeps: confusion counts, precision-recall and ROC curves, the first relevant of each query.

A passage is kept where its score is at or over the threshold. A cut never goes between tied scores: scikit-learn's
curves, like these, have one point for each distinct score; sentence-transformers' `find_best_f1_and_threshold` cuts
between neighbours even when they tie, and never tries to keep all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.analysis.judged import Judged

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_PAIRS = "No pair has both a label and a score yet. Label some pairs and score the set."
NONE_RELEVANT = "None of the {n} labelled pairs is relevant. Label some that are."
ALL_RELEVANT = "All {n} labelled pairs are relevant. Label some that are not."

# 10.0**22 is the last power of ten that float64 holds exactly, and 17 digits tell any two apart.
MOST_DECIMALS = 22
EXACT = 2.0**53


@dataclass(frozen=True, slots=True)
class Confusion:
    """What one threshold keeps and drops.

    Attributes:
        threshold: -inf keeps all, inf drops all.
        tp, fp: relevant and not relevant pairs that are kept.
        fn, tn: relevant and not relevant pairs that are dropped.
    """

    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n_kept(self) -> int:
        return self.tp + self.fp

    @property
    def n_errors(self) -> int:
        return self.fp + self.fn

    @property
    def precision(self) -> float | None:
        """Share of the kept that is relevant; None where nothing is kept."""
        return self.tp / self.n_kept if self.n_kept else None

    @property
    def recall(self) -> float | None:
        """Share of the relevant that is kept; None where nothing is relevant."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    @property
    def fpr(self) -> float | None:
        """Share of the not relevant that is kept; None where everything is relevant."""
        return self.fp / (self.fp + self.tn) if self.fp + self.tn else None

    @property
    def f1(self) -> float | None:
        return self.f_beta(1.0)

    def f_beta(self, beta: float) -> float | None:
        """(1 + b^2) tp / ((1 + b^2) tp + b^2 fn + fp): 0 where nothing is kept; None where nothing is relevant."""
        weight = beta * beta
        if not self.tp + self.fn:
            return None
        return (1 + weight) * self.tp / ((1 + weight) * self.tp + weight * self.fn + self.fp)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Every cut that keeps something else, from "keep all" (-inf) to "drop all" (inf).

    Attributes:
        threshold: (m,) ascending; m is the number of distinct scores plus one.
        tp, fp: (m,) relevant and not relevant pairs kept.
        n_relevant, n_not: pairs in all.
    """

    threshold: Floats
    tp: Ints
    fp: Ints
    n_relevant: int
    n_not: int

    def __len__(self) -> int:
        return len(self.threshold)

    @property
    def fn(self) -> Ints:
        """(m,)"""
        return self.n_relevant - self.tp

    @property
    def tn(self) -> Ints:
        """(m,)"""
        return self.n_not - self.fp

    @property
    def precision(self) -> Floats:
        """(m,), nan where nothing is kept."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Floats:
        """(m,), nan where nothing is relevant."""
        return ratio(self.tp, np.full(len(self), self.n_relevant))

    @property
    def fpr(self) -> Floats:
        """(m,), nan where everything is relevant."""
        return ratio(self.fp, np.full(len(self), self.n_not))

    @property
    def f1(self) -> Floats:
        """(m,), 0 where nothing is kept, nan where nothing is relevant."""
        return ratio(2 * self.tp, (self.tp + self.fp + self.n_relevant) * (self.n_relevant > 0))

    def take(self, places: Ints) -> Points:
        """The cuts at these places."""
        return Points(self.threshold[places], self.tp[places], self.fp[places], self.n_relevant, self.n_not)

    def confusion(self, place: int) -> Confusion:
        """The counts of one cut."""
        tp, fp = int(self.tp[place]), int(self.fp[place])
        return Confusion(float(self.threshold[place]), tp, fp, self.n_relevant - tp, self.n_not - fp)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve and the area that sums it up, or why there is none.

    Attributes:
        threshold: (m,), the cut behind each point; empty where there is no curve.
        x, y: (m,), between 0 and 1.
        area: average precision of a precision-recall curve, AUC of a ROC curve.
        reason: an English sentence; empty where there is a curve.
    """

    threshold: Floats
    x: Floats
    y: Floats
    area: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FirstRelevant:
    """How far down one query's first relevant passage stands, among its labelled and scored passages.

    Attributes:
        query: number in the set, from 0.
        n_passages, n_relevant: labelled and scored ones of this query.
        top: the highest score.
        score, rank: of the first relevant passage; None where none is relevant. Tied passages share the smaller rank.
        tied: a passage that is not relevant has exactly this score, so the rank is the best of several.
    """

    query: int
    n_passages: int
    n_relevant: int
    top: float
    score: float | None
    rank: int | None
    tied: bool


def points(judged: Judged) -> Points:
    """Every distinct cut. Without any pair there are two, which keep nothing."""
    values, group = np.unique(judged.score, return_inverse=True)
    tp, fp = (_kept(group, which, len(values)) for which in (judged.relevant, ~judged.relevant))
    if not len(values):
        tp = fp = np.zeros(2, dtype=np.int64)
    threshold = np.concatenate([[-np.inf], between(values[:-1], values[1:]), [np.inf]])
    return Points(threshold, tp, fp, judged.n_relevant, len(judged) - judged.n_relevant)


def confusion(judged: Judged, threshold: float) -> Confusion:
    """What a threshold keeps and drops; -inf keeps all, inf drops all."""
    kept = judged.score >= threshold
    tp = int(np.sum(kept & judged.relevant))
    fp = int(np.sum(kept)) - tp
    return Confusion(float(threshold), tp, fp, judged.n_relevant - tp, len(judged) - judged.n_relevant - fp)


def undefined(judged: Judged) -> str:
    """Why right and wrong cannot be told apart by any threshold: no pairs, or one class. Empty where they could be."""
    if not len(judged):
        return NO_PAIRS
    if not judged.n_relevant:
        return NONE_RELEVANT.format(n=len(judged))
    return ALL_RELEVANT.format(n=len(judged)) if judged.n_relevant == len(judged) else ""


def precision_recall(judged: Judged) -> Curve:
    """Recall (x) and precision (y) from "keep all" to "drop all"; the area is average precision.

    The steps are not interpolated, and at "drop all", where precision is undefined, the curve ends at (0, 1): both as
    in scikit-learn's `precision_recall_curve` and `average_precision_score`.
    """
    if not len(judged) or not judged.n_relevant:
        return _no_curve(undefined(judged))
    cuts = points(judged)
    recall, precision = cuts.recall, cuts.precision
    precision[-1] = 1.0
    return Curve(cuts.threshold, recall, precision, float(-np.sum(np.diff(recall) * precision[:-1])))


def roc(judged: Judged) -> Curve:
    """False positive rate (x) and recall (y) from "drop all" to "keep all"; the area counts a tie as half.

    As scikit-learn's `roc_curve(drop_intermediate=False)` and `roc_auc_score`.
    """
    if reason := undefined(judged):
        return _no_curve(reason)
    cuts = points(judged)
    x, y = cuts.fpr[::-1], cuts.recall[::-1]
    return Curve(cuts.threshold[::-1], x, y, float(np.trapezoid(y, x)))


def thinned(points: Points, most: int) -> Points:
    """At most so many of the cuts, for drawing: both ends, the best F1, corners first, evenly along the curves.

    A corner is a cut where the ROC curve turns. Nothing is moved: each point that is left is a true one.

    Args:
        most: 4 or more.
    """
    if len(points) <= most:
        return points
    steps = np.stack([np.diff(points.tp), np.diff(points.fp)]).astype(np.float64)
    turns = np.flatnonzero(steps[0, 1:] * steps[1, :-1] != steps[1, 1:] * steps[0, :-1]) + 1
    length = np.concatenate([[0.0], np.cumsum(_change(points))])
    ends = [0, len(points) - 2, len(points) - 1]
    always = np.unique([*ends, int(np.argmax(np.nan_to_num(points.f1)))])
    left = most - len(always)
    corners = _evenly(np.setdiff1d(turns, always), length, left)
    others = np.setdiff1d(np.arange(len(points)), np.concatenate([always, turns]))
    filling = _evenly(others, length, left - len(corners))
    return points.take(np.sort(np.concatenate([always, corners, filling])))


def first_relevant(judged: Judged) -> tuple[FirstRelevant, ...]:
    """One for each query that has a labelled and scored passage, in the order of the set."""
    order = np.lexsort((~judged.relevant, -judged.score, judged.query))
    query, score, relevant = judged.query[order], judged.score[order], judged.relevant[order]
    queries, starts = np.unique(query, return_index=True)
    ends = np.append(starts, len(query))[1:]
    return tuple(
        _first_relevant(int(which), score[start:end], relevant[start:end])
        for which, start, end in zip(queries, starts, ends, strict=True)
    )


def between(low: Floats, high: Floats) -> Floats:
    """The decimal with the fewest places that lies strictly between each two numbers, of those nearest the middle.

    A short decimal reads back as itself from JSON and from the page. Where no number of float64 lies between two
    neighbours, the upper one, which keeps the same passages.

    Args:
        low, high: (m,), finite; low < high at each place.
    """
    middle = low / 2 + high / 2
    found = np.where((low < middle) & (middle < high), middle, high)
    open_ = np.ones(len(low), dtype=bool)
    for places in range(MOST_DECIMALS + 1):
        scaled = np.rint(middle[open_] * 10.0**places)
        # Beyond 2**53 the product is rounded, and dividing it would no longer give the nearest number to a decimal.
        tried = scaled / 10.0**places
        fits = (low[open_] < tried) & (tried < high[open_]) & (np.abs(scaled) < EXACT)
        here = np.flatnonzero(open_)[fits]
        found[here] = tried[fits] + 0.0
        open_[here] = False
        if not open_.any():
            break
    return np.asarray(found, dtype=np.float64)


def finite(judged: Judged, threshold: float) -> float:
    """The threshold itself; for "keep all" and "drop all" the whole number just outside the scores, which does it here.

    What is saved must be a number: JSON has no infinity.
    """
    if math.isfinite(threshold) or not len(judged):
        return threshold if math.isfinite(threshold) else 0.0
    if threshold < 0:
        return float(np.ceil(judged.score.min()) - 1)
    highest = judged.score.max()
    return float(max(np.floor(highest) + 1, np.nextafter(highest, np.inf)))


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """part / whole in float64, nan where the whole is 0."""
    out = np.full(np.broadcast_shapes(np.shape(part), np.shape(whole)), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=np.asarray(whole) != 0), dtype=np.float64)


def _kept(group: Ints, which: NDArray[np.bool_], n_groups: int) -> Ints:
    counts = np.bincount(group[which], minlength=n_groups)
    return np.append(np.cumsum(counts[::-1])[::-1], 0).astype(np.int64)


def _no_curve(reason: str) -> Curve:
    empty = np.zeros(0)
    return Curve(empty, empty, empty, None, reason)


def _change(points: Points) -> Floats:
    """(m - 1,), how far the drawn curves go from each cut to the next."""
    drawn = np.stack([points.recall, points.fpr, points.precision])
    return np.asarray(np.sum(np.abs(np.diff(np.nan_to_num(drawn), axis=1)), axis=0), dtype=np.float64)


def _evenly(places: Ints, length: Floats, most: int) -> Ints:
    """At most so many of the places, evenly along the length."""
    if len(places) <= most:
        return places
    if most < 1:
        return places[:0]
    along = length[places]
    nearest = np.searchsorted(along, np.linspace(along[0], along[-1], most))
    return places[np.unique(np.clip(nearest, 0, len(places) - 1))]


def _first_relevant(query: int, score: Floats, relevant: NDArray[np.bool_]) -> FirstRelevant:
    """Of one query's passages, best first, the relevant ones first among equals."""
    n_relevant = int(relevant.sum())
    if not n_relevant:
        return FirstRelevant(query, len(score), 0, float(score[0]), None, None, False)
    first = score[int(np.argmax(relevant))]
    return FirstRelevant(
        query=query,
        n_passages=len(score),
        n_relevant=n_relevant,
        top=float(score[0]),
        score=float(first),
        rank=int(np.sum(score > first)) + 1,
        tied=bool(np.any(~relevant & (score == first))),
    )
