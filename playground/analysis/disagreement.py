"""The passages that models fight over, first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from playground.analysis.alignment import Aligned, align, orders_nothing
from playground.core.types import Passage, RerankResult


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One passage, and where each model puts it.

    Attributes:
        index: place in the first result's input, from 0.
        ranks: one for each result, among the passages that all of them scored; ties share the smaller rank.
        tied: one for each result: another passage has exactly this raw output there.
        spread: places between the best and the worst rank; None where fewer than two models order anything.
    """

    passage: Passage
    index: int
    ranks: tuple[int, ...]
    tied: tuple[bool, ...]
    spread: int | None


def disagreements(results: Sequence[RerankResult]) -> tuple[Disagreement, ...]:
    """The passages that every result scored, the widest spread first; of equal spreads the one some model ranks best.

    A model whose scores are all equal puts every passage first; that is no opinion, so its ranks do not count.

    Raises:
        InvalidInput: no result, or no passage that all of them scored.
    """
    aligned = align(results)
    speaking = [row for row, scores in enumerate(aligned.scores) if not orders_nothing(scores)]
    found = [_disagreement(aligned, place, speaking) for place in range(len(aligned.passages))]
    return tuple(sorted(found, key=lambda one: (-(one.spread or 0), min(one.ranks), one.index)))


def table(disagreements: Sequence[Disagreement], names: Sequence[str]) -> pd.DataFrame:
    """One row for each passage: id, passage, spread, and a column of ranks for each model."""
    rows = [
        {"id": one.passage.id, "passage": one.passage.text, "spread": one.spread}
        | {f"rank · {name}": rank for name, rank in zip(names, one.ranks, strict=True)}
        for one in disagreements
    ]
    columns = ["id", "passage", "spread", *(f"rank · {name}" for name in names)]
    return pd.DataFrame(rows, columns=columns).astype({"spread": "Int64"})


def _disagreement(aligned: Aligned, place: int, speaking: Sequence[int]) -> Disagreement:
    ranks = tuple(int(rank) for rank in aligned.ranks[:, place])
    counted = [ranks[row] for row in speaking]
    return Disagreement(
        passage=aligned.passages[place],
        index=aligned.indexes[place],
        ranks=ranks,
        tied=tuple(bool(tied) for tied in aligned.tied[:, place]),
        spread=max(counted) - min(counted) if len(counted) > 1 else None,
    )
