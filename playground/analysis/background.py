"""What a cosine is worth: where it stands among the cosines of unrelated texts.

Cosines have no zero of their own: BGE v1 puts unrelated texts between 0.6 and 1, other models near 0. The same model's
cosines over pairs of texts that have nothing to do with each other give the number its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from playground.analysis.alignment import Floats
from playground.core.errors import InvalidInput

FEWEST_PAIRS = 20
Place = Literal["below", "inside", "above"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Cosines of unrelated pairs in seven numbers.

    Attributes:
        low, high: the smallest and the largest.
        p05, median, p95, p99: quantiles.
    """

    n_pairs: int
    low: float
    p05: float
    median: float
    p95: float
    p99: float
    high: float


@dataclass(frozen=True, slots=True)
class PlaceInBackground:
    """Where one cosine stands.

    Attributes:
        percentile: 0 to 100, the share of unrelated pairs below it plus half of those equal to it.
        place: `above` or `below` every unrelated pair, where a percentile of 100 or 0 would say too much.
    """

    cosine: float
    percentile: float
    place: Place
    n_pairs: int


def check(background: ArrayLike) -> Floats:
    """(n,), the cosines sorted from low to high.

    Raises:
        InvalidInput: fewer than 20 pairs, or one that is no cosine.
    """
    values = np.sort(np.asarray(background, dtype=np.float64).ravel())
    if len(values) < FEWEST_PAIRS:
        raise InvalidInput(
            "A background needs at least {least} unrelated pairs, not {n}.", least=FEWEST_PAIRS, n=len(values)
        )
    if not (np.isfinite(values).all() and values[0] >= -1.001 and values[-1] <= 1.001):
        raise InvalidInput("The background holds something that is no cosine.")
    return values


def percentiles_in(cosines: ArrayLike, background: ArrayLike) -> Floats:
    """Percentile of each cosine within the background, 0 to 100, in the shape given; ties count half.

    Raises:
        InvalidInput: as `check`.
    """
    pool = check(background)
    values = np.asarray(cosines, dtype=np.float64)
    below, up_to = (np.searchsorted(pool, values, side=side) for side in ("left", "right"))
    return np.asarray(50.0 * (below + up_to) / len(pool), dtype=np.float64)


def place_in_background(cosine: float, background: ArrayLike) -> PlaceInBackground:
    """Where one cosine stands.

    Raises:
        InvalidInput: as `check`.
    """
    pool = check(background)
    place: Place = "above" if cosine > pool[-1] else "below" if cosine < pool[0] else "inside"
    return PlaceInBackground(cosine, float(percentiles_in(cosine, pool)), place, len(pool))


def summary(background: ArrayLike) -> Summary:
    """The background in seven numbers; quantiles between two values are linear.

    Raises:
        InvalidInput: as `check`.
    """
    pool = check(background)
    p05, median, p95, p99 = (float(value) for value in np.quantile(pool, [0.05, 0.5, 0.95, 0.99]))
    return Summary(len(pool), float(pool[0]), p05, median, p95, p99, float(pool[-1]))
