"""Scores of different scales on one axis: where each stands within its own run."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from playground.analysis.alignment import Floats


def percentiles(scores: ArrayLike) -> Floats:
    """(n,), the percentile of each score within these scores, between 0 and 100.

    The share of scores below it plus half the share of those equal to it, itself among them: 100 (midrank - 0.5) / n.
    Equal scores share one percentile, the middle score has 50, one score alone has 50, and nothing reaches 0 or 100.
    A percentile says where a passage stands in this run, not how relevant it is: the best of a bad lot is near 100.
    """
    values = np.asarray(scores, dtype=np.float64)
    if len(values) == 0:
        return values
    from scipy import stats

    return np.asarray(100.0 * (stats.rankdata(values, method="average") - 0.5) / len(values), dtype=np.float64)
