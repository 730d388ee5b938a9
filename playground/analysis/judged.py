"""A labelled set and its scores as flat arrays: what thresholds, calibration and metrics are computed from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playground.core.errors import InvalidInput
from playground.core.labels import LabelledSet, SetScores

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Pairs that have both a judged label and a score, in the order of the set.

    Attributes:
        query: (n,) number of the query in the set, from 0.
        passage: (n,) number of the passage within its query, from 0.
        score: (n,) raw outputs, finite.
        grade: (n,) 0 to 3.
        relevant: (n,) grade at or over what counts as relevant.
        n_queries: in the whole set, also those without any pair here.
        n_unjudged, n_unsure, n_unscored: pairs left out: without a label, unsure, judged but without a score.
    """

    query: NDArray[np.int64]
    passage: NDArray[np.int64]
    score: NDArray[np.float64]
    grade: NDArray[np.int64]
    relevant: NDArray[np.bool_]
    n_queries: int
    n_unjudged: int = 0
    n_unsure: int = 0
    n_unscored: int = 0

    def __len__(self) -> int:
        return len(self.score)

    @property
    def n_relevant(self) -> int:
        return int(self.relevant.sum())


def judged(labelled: LabelledSet, scores: SetScores, relevant_from: int = 1) -> Judged:
    """The pairs that can be counted. A missing score or label leaves a pair out; it is never zero.

    Args:
        relevant_from: the lowest grade that counts as relevant, 1 to 3.
    Raises:
        InvalidInput: a score is not finite, or scores and set are out of step.
    """
    if [len(row) for row in scores.logits] != [len(query.passages) for query in labelled.queries]:
        raise InvalidInput("These scores belong to another set. Score this one.")
    rows: list[tuple[int, int, float, int]] = []
    n_unjudged = n_unsure = n_unscored = 0
    for place, (query, logits) in enumerate(zip(labelled.queries, scores.logits, strict=True)):
        for number, (label, logit) in enumerate(zip(query.labels, logits, strict=True)):
            if logit is not None and not math.isfinite(logit):
                raise InvalidInput(
                    "The score of passage {id} for the query {query!r} is {logit}, which cannot be compared. "
                    "Score the set again with precision fp32.",
                    id=query.passages[number].id,
                    query=query.query[:60],
                    logit=logit,
                )
            if label is None:
                n_unjudged += 1
            elif not label.judged:
                n_unsure += 1
            elif logit is None:
                n_unscored += 1
            else:
                rows.append((place, number, logit, label.grade))
    grade = np.array([row[3] for row in rows], dtype=np.int64)
    return Judged(
        query=np.array([row[0] for row in rows], dtype=np.int64),
        passage=np.array([row[1] for row in rows], dtype=np.int64),
        score=np.array([row[2] for row in rows], dtype=np.float64),
        grade=grade,
        relevant=grade >= relevant_from,
        n_queries=len(labelled.queries),
        n_unjudged=n_unjudged,
        n_unsure=n_unsure,
        n_unscored=n_unscored,
    )
