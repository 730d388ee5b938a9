"""From raw scores to probabilities, where labels allow it.

Nothing here is called a probability before it was fitted to labels: a sigmoid only squashes. What is shown (Brier
score, log loss, reliability bins) comes from mappings fitted on other queries (scikit-learn's GroupKFold by query);
the mapping to use is fitted on everything. It holds for passages that are relevant as often as the labelled ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playground.analysis.curves import Floats, undefined
from playground.analysis.judged import Judged
from playground.analysis.thresholds import TIED
from playground.core.errors import InvalidInput

Method = Literal["platt", "isotonic"]
METHODS: tuple[Method, ...] = ("platt", "isotonic")

FEW_OF_A_CLASS = (
    "Calibration needs at least {least} relevant and {least} not relevant pairs, not {n_relevant} and {n_not}."
)
FEW_QUERIES = (
    "Calibration needs labelled pairs of at least {least} queries, not {n}: it is checked on queries left out."
)
ONE_SIDED = (
    "With some queries left out, only one class is left. Label relevant and not relevant passages of more queries."
)
FALLS = "The probability falls as the score grows: on these labels the model ranks the wrong way round."
STEEP = "Scores separate the classes completely, so the labels do not say how steep the curve is."
CERTAIN = "{n} pairs got a probability of exactly 0 or 1 and the opposite label; the log loss is huge for that reason."

FEWEST_OF_A_CLASS = 10
FEWEST_QUERIES = 3
FOLDS = 5
BINS = 10
# An inverse penalty on a score of spread 1 that leaves nothing of the penalty, and still converges on separable labels.
UNPENALISED = 1e6


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs whose probability fell into one tenth.

    Attributes:
        low, high: of the bin; it holds what is over `low` and up to `high`, the first bin also 0.
        mean: of the probabilities in it.
        share: relevant ones among its pairs, with Wilson's 95 % interval from `share_low` to `share_high`.
    """

    low: float
    high: float
    n: int
    n_relevant: int
    mean: float
    share: float
    share_low: float
    share_high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A mapping from raw score to probability and how well it does on queries left out, or why there is none.

    Attributes:
        n_pairs, n_relevant, n_queries: that it was fitted on.
        n_folds: groups of queries that were left out in turn.
        brier, log_loss: of the left-out pairs; smaller is better.
        base_brier: of always saying the share of relevant pairs; a mapping that is no better is worth nothing.
        sigmoid_brier: of the plain sigmoid of the score, which is no probability; None where the scale has none.
        bins: of the left-out pairs, those that hold any.
        slope, intercept: Platt's probability is the sigmoid of slope * score + intercept; None for isotonic.
        x, y: knots of the isotonic curve, straight between them and flat outside; empty for Platt.
        reason: an English sentence; empty where there is a mapping.
    """

    method: Method
    n_pairs: int
    n_relevant: int
    n_queries: int
    n_folds: int = 0
    brier: float | None = None
    log_loss: float | None = None
    base_brier: float | None = None
    sigmoid_brier: float | None = None
    bins: tuple[Bin, ...] = ()
    slope: float | None = None
    intercept: float | None = None
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    reason: str = ""

    def probability(self, score: float) -> float:
        """That a passage with this raw score is relevant.

        Raises:
            InvalidInput: there is no mapping; the reason says why.
        """
        return float(self.probabilities(np.array([score]))[0])

    def probabilities(self, scores: Floats) -> Floats:
        """(n,) for (n,) raw scores.

        Raises:
            InvalidInput: there is no mapping; the reason says why.
        """
        if self.slope is not None and self.intercept is not None:
            return _sigmoid(self.slope * np.asarray(scores) + self.intercept)
        if self.x:
            return np.asarray(np.interp(scores, self.x, self.y), dtype=np.float64)
        raise InvalidInput("There is no calibration: {reason}", reason=self.reason)


def calibrate(judged: Judged, method: Method, sigmoid: bool = True) -> Calibration:
    """Fits the mapping, and judges it on queries left out.

    Args:
        sigmoid: whether the plain sigmoid of a score is worth comparing with: where it is the scale's display.
    Raises:
        InvalidInput: there is no such method.
    """
    if method not in METHODS:
        raise InvalidInput("There is no calibration {method!r}.", method=method)
    n_queries = len(np.unique(judged.query))
    plain = Calibration(method, len(judged), judged.n_relevant, n_queries)
    if reason := _reason(judged, n_queries):
        return replace(plain, reason=reason)
    from sklearn.metrics import brier_score_loss, log_loss
    from sklearn.model_selection import GroupKFold

    n_folds = min(FOLDS, n_queries)
    outside = np.zeros(len(judged))
    for inside, out in GroupKFold(n_folds).split(judged.score, groups=judged.query):
        if len(np.unique(judged.relevant[inside])) < 2:
            return replace(plain, reason=ONE_SIDED)
        outside[out] = _fitted(plain, judged.score[inside], judged.relevant[inside]).probabilities(judged.score[out])
    whole = _fitted(plain, judged.score, judged.relevant)
    base = judged.n_relevant / len(judged)
    return replace(
        whole,
        n_folds=n_folds,
        brier=float(brier_score_loss(judged.relevant, outside)),
        log_loss=float(log_loss(judged.relevant, outside)),
        base_brier=base * (1 - base),
        sigmoid_brier=float(brier_score_loss(judged.relevant, _sigmoid(judged.score))) if sigmoid else None,
        bins=reliability(outside, judged.relevant),
        warnings=_warnings(judged, whole, outside),
    )


def reliability(probabilities: Floats, relevant: NDArray[np.bool_], n_bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of equal width that hold any pair; the edges are those of scikit-learn's `calibration_curve`."""
    from scipy.stats import binomtest

    edges = np.linspace(0.0, 1.0, n_bins + 1)
    place = np.searchsorted(edges[1:-1], probabilities)
    bins = []
    for one in np.unique(place):
        here = place == one
        n, n_relevant = int(here.sum()), int(relevant[here].sum())
        interval = binomtest(n_relevant, n).proportion_ci(confidence_level=0.95, method="wilson")
        bins.append(
            Bin(
                low=round(float(edges[one]), 12),
                high=round(float(edges[one + 1]), 12),
                n=n,
                n_relevant=n_relevant,
                mean=float(probabilities[here].mean()),
                share=n_relevant / n,
                share_low=float(interval.low),
                share_high=float(interval.high),
            )
        )
    return tuple(bins)


def _reason(judged: Judged, n_queries: int) -> str:
    if reason := undefined(judged):
        return reason
    n_not = len(judged) - judged.n_relevant
    if min(judged.n_relevant, n_not) < FEWEST_OF_A_CLASS:
        return FEW_OF_A_CLASS.format(least=FEWEST_OF_A_CLASS, n_relevant=judged.n_relevant, n_not=n_not)
    if n_queries < FEWEST_QUERIES:
        return FEW_QUERIES.format(least=FEWEST_QUERIES, n=n_queries)
    return TIED.format(n=len(judged)) if judged.score.min() == judged.score.max() else ""


def _fitted(plain: Calibration, score: Floats, relevant: NDArray[np.bool_]) -> Calibration:
    """The mapping alone.

    Args:
        relevant: both classes.
    """
    if plain.method == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        isotonic = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(score, relevant)
        x, y = isotonic.X_thresholds_, isotonic.y_thresholds_
        return replace(plain, x=tuple(float(one) for one in x), y=tuple(float(one) for one in y))
    from sklearn.linear_model import LogisticRegression

    centre, spread = float(score.mean()), float(score.std()) or 1.0
    model = LogisticRegression(C=UNPENALISED, max_iter=1000, tol=1e-8)
    model.fit((score[:, None] - centre) / spread, relevant)
    slope = float(model.coef_[0, 0]) / spread
    return replace(plain, slope=slope, intercept=float(model.intercept_[0]) - slope * centre)


def _warnings(judged: Judged, whole: Calibration, outside: Floats) -> tuple[str, ...]:
    said = []
    if whole.slope is not None and whole.slope < 0:
        said.append(FALLS)
    if whole.method == "platt" and judged.score[judged.relevant].min() > judged.score[~judged.relevant].max():
        said.append(STEEP)
    n_certain = int(np.sum((outside == 0.0) & judged.relevant) + np.sum((outside == 1.0) & ~judged.relevant))
    if n_certain:
        said.append(CERTAIN.format(n=n_certain))
    return tuple(said)


def _sigmoid(scores: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(scores), dtype=np.float64)
