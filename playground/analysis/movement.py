"""How far each passage climbed or fell against a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from playground.analysis.alignment import align
from playground.core.types import Passage, RerankResult


@dataclass(frozen=True, slots=True)
class Movement:
    """One passage in both runs.

    Attributes:
        index: place in the input of the run that is compared, from 0.
        rank, baseline_rank: among the passages that both runs scored; ties share the smaller rank.
        tied, baseline_tied: another passage has exactly this raw output there.
        places: climbed (+) or fell (-) against the baseline, in places.
    """

    passage: Passage
    index: int
    rank: int
    baseline_rank: int
    tied: bool
    baseline_tied: bool
    places: int


def movements(baseline: RerankResult, result: RerankResult) -> tuple[Movement, ...]:
    """The passages that both runs scored, best of `result` first, ties in its input order.

    Passages that one of the two lacks are left out, and the ranks are counted without them: a new passage at the top
    pushes nobody down.

    Raises:
        InvalidInput: the runs have no scored passage in common.
    """
    aligned = align([result, baseline])
    found = [
        Movement(
            passage=passage,
            index=index,
            rank=int(rank),
            baseline_rank=int(before),
            tied=bool(tied),
            baseline_tied=bool(tied_before),
            places=int(before) - int(rank),
        )
        for passage, index, rank, before, tied, tied_before in zip(
            aligned.passages, aligned.indexes, *aligned.ranks, *aligned.tied, strict=True
        )
    ]
    return tuple(sorted(found, key=lambda one: (one.rank, one.index)))


def table(movements: Sequence[Movement]) -> pd.DataFrame:
    """One row for each passage: id, passage, rank, baseline_rank, places, tied, baseline_tied."""
    columns = ["id", "passage", "rank", "baseline_rank", "places", "tied", "baseline_tied"]
    rows = [
        (m.passage.id, m.passage.text, m.rank, m.baseline_rank, m.places, m.tied, m.baseline_tied) for m in movements
    ]
    return pd.DataFrame(rows, columns=columns)
