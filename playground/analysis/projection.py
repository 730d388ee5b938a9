"""A flat map of texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA

from playground.analysis.alignment import Floats

FEWEST_TEXTS = 3
NEEDS_THREE = "A map needs at least three different texts: the query and two passages."
ALL_ALIKE = "All texts have the same embedding, so there is nothing to spread on a map."
_NOTHING = 1e-12


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """Texts on two axes, or why there is no map.

    Attributes:
        points: (n, 2); (0, 2) where there is no map.
        explained: share of the variance on each of the two axes, 0 to 1.
        reason: an English sentence; empty where there is a map.
    """

    points: Floats
    explained: tuple[float, float]
    reason: str = ""


def project(vectors: ArrayLike) -> Projection:
    """The two directions along which the texts differ most (PCA). The same vectors give the same map.

    What is near on the map may be far apart in the rest of the dimensions; `explained` says how much is left out.
    Source: scikit-learn's PCA with the full SVD; the sign of an axis is free, so each is turned to make the largest
    entry of its direction positive.

    Args:
        vectors: (n, dim), query and passages together.
    """
    values = np.asarray(vectors, dtype=np.float64)
    if len(values) < FEWEST_TEXTS:
        return Projection(np.zeros((0, 2)), (0.0, 0.0), NEEDS_THREE)
    if values.var(axis=0).sum() < _NOTHING:
        return Projection(np.zeros((0, 2)), (0.0, 0.0), ALL_ALIKE)
    n_axes = min(2, values.shape[1])
    fitted = PCA(n_components=n_axes, svd_solver="full").fit(values)
    largest = np.argmax(np.abs(fitted.components_), axis=1)
    signs = np.sign(fitted.components_[np.arange(n_axes), largest])
    points = np.zeros((len(values), 2))
    points[:, :n_axes] = fitted.transform(values) * signs
    shares = [*(float(share) for share in fitted.explained_variance_ratio_), 0.0]
    return Projection(points, (shares[0], shares[1]))
