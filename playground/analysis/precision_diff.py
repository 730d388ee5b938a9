"""What a lower precision changes: the same weights, the same passages, two precisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from playground.analysis.alignment import align
from playground.core.errors import InvalidInput
from playground.core.types import Passage, RanIn, RerankResult


@dataclass(frozen=True, slots=True)
class PrecisionDiff:
    """How far two precisions of one model differ, over the passages that both scored.

    Attributes:
        largest, mean: of the absolute differences of raw outputs, on the model's own scale.
        largest_at: the passage with the largest difference, the first of equal ones.
        n_moved: passages whose rank differs, ties made or broken among them.
        largest_move: places between the ranks of the passage that moved most.
        order_kept: no rank differs; None with one passage, which has no order.
        n_reversed: pairs of passages that the two put in opposite order.
        top_kept: the same passages share rank 1.
    """

    reference: RanIn
    other: RanIn
    n_passages: int
    n_left_out: int
    largest: float
    mean: float
    largest_at: Passage
    n_moved: int
    largest_move: int
    order_kept: bool | None
    n_reversed: int
    top_kept: bool


def precision_diff(reference: RerankResult, other: RerankResult) -> PrecisionDiff:
    """Compares two runs of one model that differ in precision (or device) only.

    Raises:
        InvalidInput: other weights, another length limit or another query, whose differences are not the precision's;
            or no scored passage in common.
    """
    _same_but_for_precision(reference, other)
    aligned = align([reference, other])
    differences = np.abs(aligned.scores[0] - aligned.scores[1])
    moves = np.abs(aligned.ranks[0] - aligned.ranks[1])
    n = len(aligned.passages)
    return PrecisionDiff(
        reference=reference.spec.precision,
        other=other.spec.precision,
        n_passages=n,
        n_left_out=aligned.n_left_out,
        largest=float(differences.max()),
        mean=float(differences.mean()),
        largest_at=aligned.passages[int(differences.argmax())],
        n_moved=int(np.sum(moves > 0)),
        largest_move=int(moves.max()),
        order_kept=bool(np.all(moves == 0)) if n > 1 else None,
        n_reversed=_reversed(*aligned.scores),
        top_kept=bool(np.array_equal(aligned.ranks[0] == 1, aligned.ranks[1] == 1)),
    )


def _reversed(one: np.ndarray, other: np.ndarray) -> int:
    """Pairs that are strictly one way round in one and strictly the other way round in the other."""
    signs = [np.sign(scores[:, None] - scores[None, :]) for scores in (one, other)]
    return int(np.sum(signs[0] * signs[1] < 0)) // 2


def _same_but_for_precision(one: RerankResult, other: RerankResult) -> None:
    first, second = one.spec, other.spec
    if first.fingerprint != second.fingerprint or one.scale != other.scale:
        raise InvalidInput("These are two models, not one at two precisions. Compare their ranks, not their numbers.")
    if (first.max_length, first.truncation) != (second.max_length, second.truncation):
        raise InvalidInput("The two runs cut texts differently. Give both the same maximum length and truncation.")
    if first.windows != second.windows:
        raise InvalidInput("The two runs read long passages differently. Give both the same windows, or cut in both.")
    if (one.request.query, one.instruction) != (other.request.query, other.instruction):
        raise InvalidInput("The two runs have different queries, so their scores differ for more than precision.")
