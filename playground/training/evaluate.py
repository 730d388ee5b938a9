"""Figures of a model on rows of labels, from its scores of each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from playground.analysis.counting import Candidates, Counted, measure_lists
from playground.analysis.definitions import Counting, defined
from playground.training.rows import Row

# Ties cost the positive: a model that gives every passage the same score gains nothing by it.
COUNTING: Counting = "mteb-v2"

Scores = list[NDArray[np.float64]]


def split(flat: NDArray[np.float64], rows: Sequence[Row]) -> Scores:
    """One flat array as one array a row."""
    ends = np.cumsum([len(row.pos) + len(row.neg) for row in rows])
    return np.split(flat, ends[:-1])


def relevant(rows: Sequence[Row]) -> list[NDArray[np.bool_]]:
    """Of each row, which of its passages are relevant: the first ones."""
    return [np.arange(len(row.pos) + len(row.neg)) < len(row.pos) for row in rows]


def counted_of(rows: Sequence[Row], scores: Scores) -> Counted:
    """The figures of each row (binary labels); ties cost the positive."""
    lists = [
        Candidates(tuple(map(str, range(len(values)))), right.astype(np.int64), np.asarray(values, dtype=np.float64))
        for right, values in zip(relevant(rows), scores, strict=True)
    ]
    definitions = defined(COUNTING)
    return Counted(COUNTING, definitions, tuple(measure_lists(lists, definitions, COUNTING)))


def figures_of(rows: Sequence[Row], scores: Scores) -> dict[str, float]:
    """MRR@10, NDCG@10 (binary labels) and average precision over all pairs pooled; ties cost the positive."""
    measured = [query.values for query in counted_of(rows, scores).queries]
    pooled = average_precision_score(np.concatenate(relevant(rows)), np.concatenate(scores))
    return {key: float(np.mean([row[key] for row in measured])) for key in ("mrr@10", "ndcg@10")} | {
        "ap": float(pooled)
    }
