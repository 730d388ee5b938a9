"""One threshold for all queries, chosen on labelled pairs by a stated rule.

Every distinct cut is tried, "keep all" and "drop all" among them. Of equally good cuts:
- `f-beta`, `cost`: the one with fewer errors, then the highest, which keeps fewer;
- `precision` (most recall with at least that precision): the one with fewer wrong ones, which is the highest;
- `recall` (most precision with at least that recall): the one with more right ones, then the highest.
"Drop all" has no precision, so the last two never choose it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playground.analysis.curves import Confusion, Floats, finite, points, ratio, undefined
from playground.analysis.judged import Judged
from playground.core.errors import InvalidInput

Method = Literal["f-beta", "precision", "recall", "cost"]
METHODS: tuple[Method, ...] = ("f-beta", "precision", "recall", "cost")
DEFAULTS: dict[Method, float] = {"f-beta": 1.0, "precision": 0.9, "recall": 0.9, "cost": 1.0}

OUT_OF_REACH = (
    "No threshold reaches a precision of {wanted}: the best is {best}, which keeps {n_kept} pairs. Ask for less."
)
KEEPS_ALL = "Keeping every pair is the best cut by this rule: no threshold improves on it."
DROPS_ALL = "Dropping every pair is the best cut by this rule: what it would keep costs more than it is worth."
TIED = "All {n} scores are equal, so a threshold can only keep all or drop all."

# Two different fractions of counts up to 100,000 are further apart than this; rounding errors are smaller.
EQUAL = 1e-12
MOST_BETA = 100.0
MOST_COST = 10_000.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The threshold that a rule chooses, or why it chooses none.

    Attributes:
        parameter: of the method: beta, the least precision or recall, the cost of a false positive over that of a
            false negative.
        value: None where there is a reason; -inf keeps all, inf drops all.
        finite: a number that keeps the same pairs of this set, for saving; None where `value` is.
        between: the scores next below and at or over the cut: every threshold over the first, up to the second, keeps
            the same pairs. Infinite at the ends.
        confusion: at `value`.
        f_beta: at `value`, with the method's beta, or 1 for other methods.
        cost: errors at `value` in units of a false negative; None for other methods than `cost`.
        warnings: English sentences.
        reason: an English sentence; empty where there is a value.
    """

    method: Method
    parameter: float
    value: float | None
    finite: float | None
    between: tuple[float, float] | None
    confusion: Confusion | None
    f_beta: float | None
    cost: float | None
    warnings: tuple[str, ...] = ()
    reason: str = ""

    @property
    def precision(self) -> float | None:
        """At `value`; None where nothing is kept or nothing chosen."""
        return self.confusion.precision if self.confusion else None

    @property
    def recall(self) -> float | None:
        """At `value`; None where nothing is chosen."""
        return self.confusion.recall if self.confusion else None


def suggest(judged: Judged, method: Method, parameter: float) -> Suggestion:
    """The threshold that the rule chooses on these pairs.

    Raises:
        InvalidInput: the parameter is out of range.
    """
    check(method, parameter)
    if reason := undefined(judged):
        return _none(method, parameter, reason)
    cuts = points(judged)
    places, found = best(cuts.tp[None, :].astype(np.float64), cuts.fp[None, :].astype(np.float64), method, parameter)
    if not found[0]:
        highest = int(np.nanargmax(cuts.precision))
        reached = cuts.confusion(highest)
        return _none(
            method,
            parameter,
            OUT_OF_REACH.format(wanted=_share(parameter), best=_share(reached.precision or 0.0), n_kept=reached.n_kept),
        )
    chosen = cuts.confusion(int(places[0]))
    kept = judged.score >= chosen.threshold
    return Suggestion(
        method=method,
        parameter=parameter,
        value=chosen.threshold,
        finite=finite(judged, chosen.threshold),
        between=(
            float(np.max(judged.score, where=~kept, initial=-np.inf)),
            float(np.min(judged.score, where=kept, initial=np.inf)),
        ),
        confusion=chosen,
        f_beta=chosen.f_beta(parameter if method == "f-beta" else 1.0),
        cost=parameter * chosen.fp + chosen.fn if method == "cost" else None,
        warnings=_warnings(judged, chosen),
    )


def check(method: Method, parameter: float) -> None:
    """Refuses what the method cannot mean.

    Raises:
        InvalidInput: the parameter is out of range.
    """
    if method in ("precision", "recall"):
        if not 0.0 < parameter <= 1.0:
            raise InvalidInput("A least precision or recall lies over 0 and up to 1, not at {value}.", value=parameter)
    elif method == "f-beta":
        if not 1 / MOST_BETA <= parameter <= MOST_BETA:
            raise InvalidInput("Beta lies between 0.01 and 100, not at {value}.", value=parameter)
    elif method == "cost":
        if not 1 / MOST_COST <= parameter <= MOST_COST:
            raise InvalidInput(
                "The cost of a wrong passage over that of a missed one lies between 0.0001 and 10,000, not at {value}.",
                value=parameter,
            )
    else:
        raise InvalidInput("There is no method {method!r} to choose a threshold.", method=method)


def best(tp: Floats, fp: Floats, method: Method, parameter: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each row the place of the chosen cut, and whether there is one; a row of one class has none.

    Args:
        tp, fp: (rows, cuts), kept pairs (or weights of pairs) by ascending threshold; the first cut keeps all, the
            last drops all.
    """
    n_relevant, n_not = tp[:, :1], fp[:, :1]
    goal, second = _GOALS[method](tp, fp, n_relevant, parameter)
    top = goal.max(axis=1, keepdims=True)
    # Rows without any allowed cut have a top of -inf; what is left of them is told by `found`.
    good = goal >= np.where(np.isfinite(top), top - EQUAL * np.maximum(1.0, np.abs(top)), top)
    second = np.where(good, second, np.inf)
    good &= second <= second.min(axis=1, keepdims=True) + EQUAL
    places = tp.shape[1] - 1 - np.argmax(good[:, ::-1], axis=1)
    found = np.isfinite(top[:, 0]) & (n_relevant[:, 0] > 0) & (n_not[:, 0] > 0)
    return places, found


def _f_beta(tp: Floats, fp: Floats, n_relevant: Floats, beta: float) -> tuple[Floats, Floats]:
    weight = beta * beta
    whole = tp + fp + weight * n_relevant
    return np.nan_to_num(ratio((1 + weight) * tp, whole)), fp - tp


def _at_least_precision(tp: Floats, fp: Floats, n_relevant: Floats, least: float) -> tuple[Floats, Floats]:
    kept = tp + fp
    return np.where((kept > 0) & (tp >= (least - EQUAL) * kept), tp, -np.inf), fp


def _at_least_recall(tp: Floats, fp: Floats, n_relevant: Floats, least: float) -> tuple[Floats, Floats]:
    allowed = (tp + fp > 0) & (tp >= (least - EQUAL) * n_relevant)
    return np.where(allowed, np.nan_to_num(ratio(tp, tp + fp)), -np.inf), -tp


def _cost(tp: Floats, fp: Floats, n_relevant: Floats, cost: float) -> tuple[Floats, Floats]:
    return tp - cost * fp, fp - tp


_Goal = Callable[[Floats, Floats, Floats, float], tuple[Floats, Floats]]
# What is made as large as possible (-inf where a cut is not allowed), and what is then made as small as possible.
# fp - tp stands for errors: fp + fn less the number of relevant pairs.
_GOALS: dict[Method, _Goal] = {
    "f-beta": _f_beta,
    "precision": _at_least_precision,
    "recall": _at_least_recall,
    "cost": _cost,
}


def _none(method: Method, parameter: float, reason: str) -> Suggestion:
    return Suggestion(method, parameter, None, None, None, None, None, None, reason=reason)


def _warnings(judged: Judged, chosen: Confusion) -> tuple[str, ...]:
    if judged.score.min() == judged.score.max():
        return (TIED.format(n=len(judged)),)
    if math.isinf(chosen.threshold):
        return (KEEPS_ALL if chosen.threshold < 0 else DROPS_ALL,)
    return ()


def _share(share: float) -> str:
    return f"{100 * share:.4g} %"
