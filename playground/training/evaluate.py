"""Figures of a model on rows of labels, from its scores of each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from playground.analysis.counting import Candidates, measure_lists
from playground.analysis.definitions import Counting, defined
from playground.training.rows import Row

# Ties cost the positive: a model that gives every passage the same score gains nothing by it.
COUNTING: Counting = "mteb-v2"

Scores = list[NDArray[np.float64]]


def split(flat: NDArray[np.float64], rows: Sequence[Row]) -> Scores:
    """One flat array as one array a row."""
    ends = np.cumsum([len(row.pos) + len(row.neg) for row in rows])
    return np.split(flat, ends[:-1])


def figures_of(rows: Sequence[Row], scores: Scores) -> dict[str, float]:
    """MRR@10, NDCG@10 (binary labels) and average precision over all pairs pooled; ties cost the positive."""
    lists, labels = [], []
    for row, values in zip(rows, scores, strict=True):
        relevant = np.arange(len(values)) < len(row.pos)
        labels.append(relevant)
        ids = tuple(str(place) for place in range(len(values)))
        lists.append(Candidates(ids, relevant.astype(np.int64), np.asarray(values, dtype=np.float64)))
    measured = [query.values for query in measure_lists(lists, defined(COUNTING), COUNTING)]
    pooled = average_precision_score(np.concatenate(labels), np.concatenate(scores))
    return {key: float(np.mean([row[key] for row in measured])) for key in ("mrr@10", "ndcg@10")} | {
        "ap": float(pooled)
    }
