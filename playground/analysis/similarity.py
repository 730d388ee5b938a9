"""Cosines between texts: matrices, an order that puts like beside like, near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from playground.analysis.background import percentiles_in, summary
from playground.core.errors import InvalidInput

Floats32 = NDArray[np.float32]

MOST_OPTIMAL = 300
_SAME = 1e-6
CLOSENESS = 0.1


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two passages that say nearly the same.

    Attributes:
        first, second: their places, first < second.
        percentile: of the cosine within the background, 0 to 100.
    """

    first: int
    second: int
    cosine: float
    percentile: float


def cosines(rows: ArrayLike, columns: ArrayLike | None = None) -> Floats32:
    """(n, m) cosines in float32, between -1 and 1.

    Args:
        rows: (n, dim) vectors.
        columns: (m, dim) vectors; None takes the rows, and then the diagonal is exactly 1.
    Raises:
        InvalidInput: a vector without length or with a number that is not finite, or of another dimension.
    """
    first = _unit(rows)
    second = first if columns is None else _unit(columns)
    if first.shape[1] != second.shape[1]:
        raise InvalidInput(
            "Vectors of {n} and {m} dimensions have no cosine: they come from two models.",
            n=first.shape[1],
            m=second.shape[1],
        )
    matrix = np.clip(first @ second.T, -1.0, 1.0)
    if columns is None:
        np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix, dtype=np.float32)


def similarity_order(matrix: ArrayLike) -> NDArray[np.int64]:
    """(n,), the places in an order that puts like beside like; the input's first text lies in the first half.

    Average-linkage clustering of 1 - cosine, with the leaves so turned that neighbours are as close as the tree allows
    (up to 300 texts; the tree's own order over that). Texts that are all alike keep the input's order.
    Source: scipy.cluster.hierarchy, `linkage` and `optimal_leaf_ordering` (Bar-Joseph et al., 2001).

    Args:
        matrix: (n, n) cosines.
    """
    distances = 1.0 - np.asarray(matrix, dtype=np.float64)
    n = len(distances)
    distances = np.clip((distances + distances.T) / 2, 0.0, 2.0)
    np.fill_diagonal(distances, 0.0)
    if n < 3 or distances.max() < _SAME:
        return np.arange(n, dtype=np.int64)
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    condensed = squareform(distances, checks=False)
    tree = hierarchy.linkage(condensed, method="average", optimal_ordering=n <= MOST_OPTIMAL)
    order = np.asarray(hierarchy.leaves_list(tree), dtype=np.int64)
    return order[::-1].copy() if int(np.flatnonzero(order == 0)[0]) >= (n + 1) // 2 else order


def duplicate_threshold(background: ArrayLike, closeness: float = CLOSENESS) -> float:
    """The cosine from which two texts count as near-duplicates for this model.

    At most a tenth (`closeness`) as far apart as unrelated texts typically are, where far is 1 - cosine and typical
    the median; and never below the largest 1 % of the unrelated pairs. Where unrelated texts lie at 0.75 that is
    0.975, where they lie at 0 it is 0.9.

    Raises:
        InvalidInput: as `background.check`.
    """
    found = summary(background)
    return max(1.0 - closeness * (1.0 - found.median), found.p99)


def near_duplicates(
    matrix: ArrayLike, background: ArrayLike, closeness: float = CLOSENESS
) -> tuple[NearDuplicate, ...]:
    """Pairs at or above `duplicate_threshold`, the closest first.

    Args:
        matrix: (n, n) cosines of the passages, of the same model as the background.
    Raises:
        InvalidInput: as `background.check`.
    """
    values = np.asarray(matrix, dtype=np.float64)
    threshold = duplicate_threshold(background, closeness)
    # Cosines are float32: a pair that lies on the threshold must not miss it by a rounding.
    firsts, seconds = np.nonzero(np.triu(values >= threshold - _SAME, k=1))
    found = values[firsts, seconds]
    places = percentiles_in(found, background)
    pairs = [
        NearDuplicate(int(first), int(second), float(cosine), float(percentile))
        for first, second, cosine, percentile in zip(firsts, seconds, found, places, strict=True)
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.cosine, pair.first, pair.second)))


def _unit(vectors: ArrayLike) -> Floats32:
    values = np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2:
        raise InvalidInput("Cosines need one vector for each text.")
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if len(bad):
        raise InvalidInput("The embedding of text {n} has no direction, so it has no cosine.", n=int(bad[0]) + 1)
    return np.asarray(values / lengths, dtype=np.float32)
