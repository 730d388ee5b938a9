"""Whether one threshold can tell relevant from not relevant at all, in a plain sentence.

Labels hold mistakes, and extremes grow with the size of a set, so a few pairs may stand on the wrong side:
- `separates`: some cut makes no more errors than one in a hundred of the smaller class (none under 100 pairs of it);
- `does-not-separate`: more than half of the relevant pairs score no higher than the best wrong one, even after the
  highest wrong ones, one for every 20 pairs of the smaller class (none under 20), are set aside;
- `overlaps`: anything between.
So one wrong label among thousands flips nothing, while among a dozen pairs every one counts. Before that: `one-class`
(also without any pair), `too-few` (see `uncertainty.too_few`) and `all-tied`.

A single number is refused (`single_threshold` is False) where the scores do not separate, few as the labels may be, and
where there is only one class or one score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playground.analysis.curves import Floats, Ints, points, undefined
from playground.analysis.judged import Judged
from playground.analysis.thresholds import TIED
from playground.analysis.uncertainty import Estimate, auc, too_few
from playground.analysis.unseen import subset

Kind = Literal["separates", "overlaps", "does-not-separate", "too-few", "one-class", "all-tied"]

CLEAN = "One threshold separates: every relevant pair scores over every wrong one."
NEARLY = (
    "One threshold separates nearly all: {n} of {n_pairs} pairs stand on the wrong side of the cut with fewest errors."
)
OVERLAPS = (
    "One threshold separates with overlap: {share} % of the relevant pairs score no higher than the best wrong one, "
    "and the cut with fewest errors leaves {n} of {n_pairs} pairs on the wrong side."
)
DOES_NOT = (
    "No single threshold separates: {share} % of the relevant pairs score no higher than the best wrong one. Look at "
    "the overlap before you choose."
)
DOES_NOT_BUT = (
    "No single threshold separates: {share} % of the relevant pairs score no higher than the best wrong one, even when "
    "the best wrong ones are set aside ({n_aside} of them). Look at the overlap before you choose."
)
TOO_FEW = "There are too few labels for a verdict."
OVERLAP = (
    "Relevant and wrong scores overlap from {low} to {high}: {n_relevant} relevant and {n_not} not relevant pairs lie "
    "there."
)
LEVEL = (
    "Within a query relevant passages stand above wrong ones {within} % of the time, over all queries {pooled} %: the "
    "order is better than the level."
)
REVERSED = (
    "Relevant passages stand above wrong ones only {pooled} % of the time, which is less often than by chance: on "
    "these labels the model's order is the wrong way round."
)

ERRORS_ALLOWED = 100
SET_ASIDE = 20
SHOWN = 5
# By how much the order within queries must beat the order over all of them to be worth a sentence.
LEVEL_COSTS = 0.03


@dataclass(frozen=True, slots=True)
class Offender:
    """A pair that stands on the wrong side: its query and passage by number in the set, from 0."""

    query: int
    passage: int
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one threshold separates, and the facts behind it.

    Attributes:
        sentences: English, the verdict first.
        single_threshold: whether to offer one number at all.
        best_wrong, worst_right: the highest score of a not relevant and the lowest of a relevant pair; None where
            there is no such pair.
        n_right_below, share_right_below: relevant pairs that score no higher than the best wrong one.
        n_wrong_above: not relevant pairs that score no lower than the worst right one.
        overlap: from `worst_right` to `best_wrong`; None where they do not overlap.
        set_aside: how many of the best wrong ones `does-not-separate` forgives.
        best_wrong_left, share_right_below_left: the same without those.
        fewest_errors: pairs on the wrong side of the cut that has fewest, `fewest_errors_at` (the highest of equals;
            infinite where keeping or dropping all errs least).
        auc: over all queries together, with its band.
        auc_within: mean AUC of the queries that hold both classes, and how many do (`n_within`). Far over `auc` where
            the level of the scores drifts by query.
        wrong, right: up to five each, worst first: the highest not relevant and the lowest relevant pairs, of those in
            the overlap. The likeliest mistakes, of the model or of a label.
    """

    kind: Kind
    sentences: tuple[str, ...]
    single_threshold: bool
    n_queries: int
    n_relevant: int
    n_not: int
    auc: Estimate
    best_wrong: float | None = None
    worst_right: float | None = None
    n_right_below: int = 0
    share_right_below: float | None = None
    n_wrong_above: int = 0
    overlap: tuple[float, float] | None = None
    set_aside: int = 0
    best_wrong_left: float | None = None
    share_right_below_left: float | None = None
    fewest_errors: int | None = None
    fewest_errors_at: float | None = None
    auc_within: float | None = None
    n_within: int = 0
    wrong: tuple[Offender, ...] = ()
    right: tuple[Offender, ...] = ()


def verdict(judged: Judged, n_resamples: int | None = None, seed: int = 0) -> Verdict:
    """Whether one threshold separates these pairs.

    Args:
        n_resamples, seed: for the band of the AUC, as in `uncertainty.auc`.
    """
    n_queries, n_not = len(np.unique(judged.query)), len(judged) - judged.n_relevant
    wrong, right = np.sort(judged.score[~judged.relevant]), np.sort(judged.score[judged.relevant])
    if reason := undefined(judged):
        return Verdict(
            kind="one-class",
            sentences=(reason,),
            single_threshold=False,
            n_queries=n_queries,
            n_relevant=judged.n_relevant,
            n_not=n_not,
            auc=Estimate(None, None, None, reason),
            best_wrong=float(wrong[-1]) if len(wrong) else None,
            worst_right=float(right[0]) if len(right) else None,
        )
    cuts = points(judged)
    errors = cuts.fp + cuts.fn
    place = len(cuts) - 1 - int(np.argmin(errors[::-1]))
    fewest, at = int(errors[place]), float(cuts.threshold[place])
    best_wrong, worst_right = float(wrong[-1]), float(right[0])
    set_aside = min(len(wrong), len(right)) // SET_ASIDE
    left = float(wrong[-1 - set_aside])
    below, below_left = (int(np.searchsorted(right, score, side="right")) for score in (best_wrong, left))
    area = auc(judged, n_resamples, seed)
    within, n_within = _within(judged)
    found = Verdict(
        kind=_kind(judged, fewest, below_left),
        sentences=(),
        single_threshold=False,
        n_queries=n_queries,
        n_relevant=len(right),
        n_not=n_not,
        auc=area,
        best_wrong=best_wrong,
        worst_right=worst_right,
        n_right_below=below,
        share_right_below=below / len(right),
        n_wrong_above=len(wrong) - int(np.searchsorted(wrong, worst_right, side="left")),
        overlap=(worst_right, best_wrong) if worst_right <= best_wrong else None,
        set_aside=set_aside,
        best_wrong_left=left,
        share_right_below_left=below_left / len(right),
        fewest_errors=fewest,
        fewest_errors_at=at,
        auc_within=within,
        n_within=n_within,
        wrong=_offenders(judged, ~judged.relevant & (judged.score >= worst_right), -judged.score),
        right=_offenders(judged, judged.relevant & (judged.score <= best_wrong), judged.score),
    )
    return replace(
        found,
        sentences=_sentences(judged, found),
        single_threshold=found.kind != "all-tied" and not _hidden(below_left, len(right)),
    )


def _kind(judged: Judged, fewest: int, below_left: int) -> Kind:
    n_right = judged.n_relevant
    if judged.score.min() == judged.score.max():
        return "all-tied"
    if too_few(judged):
        return "too-few"
    if fewest <= min(n_right, len(judged) - n_right) // ERRORS_ALLOWED:
        return "separates"
    return "does-not-separate" if _hidden(below_left, n_right) else "overlaps"


def _hidden(below: int, n_right: int) -> bool:
    return 2 * below > n_right


def _sentences(judged: Judged, found: Verdict) -> tuple[str, ...]:
    counts = {"n": found.fewest_errors, "n_pairs": len(judged)}
    if found.kind == "all-tied":
        return (TIED.format(n=len(judged)),)
    if found.kind == "too-few":
        said: tuple[str, ...] = (TOO_FEW, *too_few(judged))
    elif found.kind == "separates":
        said = (NEARLY.format(**counts) if found.fewest_errors else CLEAN,)
    elif found.kind == "overlaps":
        said = (OVERLAPS.format(share=_percent(found.share_right_below), **counts),)
    elif found.set_aside:
        said = (DOES_NOT_BUT.format(share=_percent(found.share_right_below_left), n_aside=found.set_aside),)
    else:
        said = (DOES_NOT.format(share=_percent(found.share_right_below)),)
    if found.overlap is not None:
        low, high = found.overlap
        said += (
            OVERLAP.format(
                low=_number(low), high=_number(high), n_relevant=found.n_right_below, n_not=found.n_wrong_above
            ),
        )
    if found.auc_within is not None and found.auc.value is not None and found.n_within > 1:
        within, pooled = found.auc_within, found.auc.value
        if within - pooled >= LEVEL_COSTS:
            said += (LEVEL.format(within=_percent(within), pooled=_percent(pooled)),)
    # Only where the whole band says so: one unlucky label is no reversal.
    if found.auc.value is not None and found.auc.high is not None and found.auc.high < 0.5:
        said += (REVERSED.format(pooled=_percent(found.auc.value)),)
    return said


def _number(score: float) -> str:
    """With a minus sign, as the page writes scores."""
    return f"{score:.4g}".replace("-", "\u2212")


def _within(judged: Judged) -> tuple[float | None, int]:
    """Mean AUC of the queries that hold both classes, and how many do."""
    queries, place = np.unique(judged.query, return_inverse=True)
    n_right = np.bincount(place[judged.relevant], minlength=len(queries))
    n_wrong = np.bincount(place[~judged.relevant], minlength=len(queries))
    both = (n_right > 0) & (n_wrong > 0)
    if not both.any():
        return None, 0
    # Mann and Whitney: the sum of the midranks of the relevant ones, less what they have among themselves.
    ranks = np.bincount(place, _midranks(judged.score, place) * judged.relevant, minlength=len(queries))[both]
    n_right, n_wrong = n_right[both], n_wrong[both]
    areas = (ranks - n_right * (n_right + 1) / 2) / (n_right * n_wrong)
    return float(areas.mean()), int(both.sum())


def _midranks(score: Floats, place: Ints) -> Floats:
    """(n,), the rank of each score within its own query, from 1 for the lowest; ties share the mean."""
    order = np.lexsort((score, place))
    score, place = score[order], place[order]
    first = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
    starts = np.flatnonzero(np.append(True, (place[1:] != place[:-1]) | (score[1:] != score[:-1])))
    ends = np.append(starts, len(score))[1:]
    middle = np.repeat((starts + ends + 1) / 2, ends - starts)
    ranks = np.empty(len(score))
    ranks[order] = middle - np.repeat(first, np.diff(np.append(first, len(score))))
    return ranks


def _offenders(judged: Judged, which: NDArray[np.bool_], key: Floats) -> tuple[Offender, ...]:
    """The first few of these pairs by ascending key; of equals the first in the set."""
    chosen = subset(judged, which)
    order = np.argsort(key[which], kind="stable")[:SHOWN]
    return tuple(
        Offender(int(chosen.query[place]), int(chosen.passage[place]), float(chosen.score[place])) for place in order
    )


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.3g}"
