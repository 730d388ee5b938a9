"""Queries drawn again and again: how often each, every cut of a set under such weights, and the band of the outcome."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.analysis.curves import Floats, points
from playground.analysis.judged import Judged
from playground.analysis.thresholds import EQUAL

MOST_RESAMPLES = 2000
FEWEST_RESAMPLES = 300
# Resamples times pairs: about four seconds on one core of 2024.
MOST_WORK = 120_000_000
# Cells of one block of resamples: about 4 MiB, which stay in the processor's cache.
BLOCK = 500_000
TAIL = 0.025


def n_resamples_for(judged: Judged) -> int:
    """2,000, or fewer where they would take many seconds; 300 at least."""
    return int(np.clip(MOST_WORK // max(1, len(judged)), FEWEST_RESAMPLES, MOST_RESAMPLES))


def quantiles(n_queries: int) -> tuple[float, float]:
    """Which quantiles of the resamples make a 95 % band: further out for few queries, whose resamples vary too little.

    Source: the expanded percentile interval of Hesterberg (2015).
    """
    from scipy import stats

    if n_queries < 2:
        return 0.0, 1.0
    t = stats.t.ppf(1 - TAIL, n_queries - 1)
    tail = float(stats.norm.cdf(-math.sqrt(n_queries / (n_queries - 1)) * t))
    return tail, 1 - tail


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Pairs by ascending score, joined into runs of one class: inside a run no cut is better than at its ends.

    Attributes:
        threshold: (n_runs + 1,) the cut under each run, then "drop all".
        relevant, not_relevant: scipy CSR (n_runs, n_queries), pairs of each query in each run.
    """

    threshold: Floats
    relevant: Any
    not_relevant: Any
    n_queries: int

    def kept(self, weights: Floats) -> tuple[Floats, Floats]:
        """(rows, n_runs + 1) twice: tp and fp of each cut where query q counts `weights[row, q]` times."""
        return self._kept(self.relevant, weights), self._kept(self.not_relevant, weights)

    def _kept(self, pairs: Any, weights: Floats) -> Floats:
        in_run = np.asarray(pairs @ weights.T, dtype=np.float64)
        kept = np.zeros((len(in_run) + 1, len(weights)))
        np.cumsum(in_run[::-1], axis=0, out=kept[1:])
        return np.ascontiguousarray(kept[::-1].T)


def runs_of(judged: Judged) -> Runs:
    from scipy.sparse import csr_array

    _, group = np.unique(judged.score, return_inverse=True)
    n_groups = int(group.max()) + 1
    n_relevant = np.bincount(group[judged.relevant], minlength=n_groups)
    n_not = np.bincount(group[~judged.relevant], minlength=n_groups)
    kind = np.where(n_not == 0, 1, np.where(n_relevant == 0, 0, 2))
    starts = np.append(True, (kind[1:] != kind[:-1]) | (kind[1:] == 2))
    run = np.cumsum(starts) - 1
    cuts = points(judged).threshold[np.append(np.flatnonzero(starts), n_groups)]
    queries, place = np.unique(judged.query, return_inverse=True)
    shape = (int(run[-1]) + 1, len(queries))

    def counted(which: NDArray[np.bool_]) -> Any:
        return csr_array((np.ones(int(which.sum())), (run[group[which]], place[which])), shape=shape)

    return Runs(cuts, counted(judged.relevant), counted(~judged.relevant), len(queries))


def resamples(n_queries: int, n: int, seed: int, width: int) -> Iterator[Floats]:
    """How often each query is drawn in each resample: (rows, n_queries) in blocks, the same for the same seed."""
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // max(n_queries, width))
    for start in range(0, n, rows):
        here = min(rows, n - start)
        drawn = rng.integers(0, n_queries, size=(here, n_queries)) + n_queries * np.arange(here)[:, None]
        yield np.bincount(drawn.ravel(), minlength=here * n_queries).reshape(here, n_queries).astype(np.float64)


def band_of(value: float, resampled: Floats, n_queries: int) -> tuple[float, float, bool]:
    """95 % band of a share, and whether it is the exact binomial one because all resamples are the same.

    Source: Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26(4), 1934.
    """
    from scipy.stats import beta

    low, high = np.quantile(resampled, quantiles(n_queries)) if len(resampled) else (value, value)
    if high - low > EQUAL:
        return float(low), float(high), False
    hits = value * n_queries
    low = beta.ppf(TAIL, hits, n_queries - hits + 1) if value > 0 else 0.0
    high = beta.ppf(1 - TAIL, hits + 1, n_queries - hits) if value < 1 else 1.0
    return float(low), float(high), True
