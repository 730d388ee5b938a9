"""A reranker before and after a training, on queries that it did not learn from."""

from __future__ import annotations

from playground.analysis import paired, thresholds
from playground.analysis.chosen import chosen
from playground.analysis.judged import judged
from playground.analysis.quality import Quality, measure
from playground.core.labels import LabelledSet, SetScores
from playground.core.thresholds import Threshold
from playground.core.training import Change, TrainingResult

MOST_CHANGES = 10
# What the threshold is chosen by: the best F1.
RULE: tuple[thresholds.Method, float] = ("f-beta", 1.0)


def before_after(labelled: LabelledSet, before: SetScores, after: SetScores) -> TrainingResult:
    """What changed, how sure that is, and the threshold with the best F1 on these queries.

    Raises:
        InvalidInput: scores that are not finite, or of another set.
    """
    qualities = [measure(labelled, scores, k=10) for scores in (before, after)]
    key = next(each.key for each in qualities[0].definitions if each.key.startswith("ndcg"))
    contest = paired.compare(qualities)
    difference = contest.differences[1, 0, key]
    suggested = thresholds.suggest(judged(labelled, after), *RULE)
    return TrainingResult(
        before=contest.estimates[0][key].mean,
        after=contest.estimates[1][key].mean,
        difference=difference.estimate.mean,
        low=difference.estimate.low,
        high=difference.estimate.high,
        verdict=difference.verdict,
        n_queries=len(contest.queries),
        wins=difference.wins,
        losses=difference.losses,
        changes=_changes(labelled, qualities, (before, after), contest.queries, key),
        threshold=suggested.finite,
        f1=suggested.f_beta,
        scale=after.scale.name,
        reason=suggested.reason,
        fingerprint=after.spec.fingerprint,
        device=after.spec.device,
        precision=after.spec.precision,
        max_length=after.spec.max_length,
    )


def suggested(labelled: LabelledSet, after: SetScores, name: str) -> Threshold | None:
    """The threshold of `before_after`, to be saved under a name; None where none is suggested.

    Raises:
        InvalidInput: as `before_after`.
    """
    pairs = judged(labelled, after)
    value = thresholds.suggest(pairs, *RULE).finite
    return None if value is None else chosen(pairs, after, value, name, labelled.name, RULE)


def _changes(
    labelled: LabelledSet,
    qualities: list[Quality],
    scores: tuple[SetScores, SetScores],
    queries: tuple[int, ...],
    key: str,
) -> tuple[Change, ...]:
    """The queries whose figure changed most, the largest change first."""
    one, other = qualities
    values = {number: (one.queries[number].values[key], other.queries[number].values[key]) for number in queries}
    moved = sorted(queries, key=lambda number: -abs(values[number][1] - values[number][0]))
    return tuple(
        Change(
            labelled.queries[number].query,
            *values[number],
            _first(labelled, scores[0], number),
            _first(labelled, scores[1], number),
        )
        for number in moved[:MOST_CHANGES]
        if abs(values[number][1] - values[number][0]) > 1e-9
    )


def _first(labelled: LabelledSet, scores: SetScores, number: int) -> str:
    """The passage with the highest score."""
    row = scores.logits[number]
    best = max(range(len(row)), key=lambda place: -float("inf") if (logit := row[place]) is None else logit)
    return labelled.queries[number].passages[best].text
