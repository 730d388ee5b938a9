"""From which layer on a ranking stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.analysis.agreement import kendall_tau_b
from playground.analysis.alignment import Ints, competition_ranks, tied
from playground.core.depths import Depths

TOP = 3


@dataclass(frozen=True, eq=False, slots=True)
class DepthRanks:
    """The order after each layer.

    Attributes:
        ranks, tied: (n_layers, n_passages), from 1; equal raw outputs share the smaller rank.
        tau: Kendall's tau-b of each layer's order with the last one's; None where one of them orders nothing.
        top_from, order_from: the first layer from which the best three, or all, stand as after the last one, in the
            same order and with the same ties, at every layer.
    """

    ranks: Ints
    tied: NDArray[np.bool_]
    tau: tuple[float | None, ...]
    top_from: int
    order_from: int


def ranks_by_depth(depths: Depths) -> DepthRanks:
    """The order of the passages after each layer."""
    columns = depths.logits.T.astype(np.float64)
    ranks = np.array([competition_ranks(column) for column in columns])

    def settled(of: Callable[[Ints], Ints]) -> int:
        last = of(ranks[-1])
        differs = [place for place, row in enumerate(ranks) if not np.array_equal(of(row), last)]
        return depths.layers[differs[-1] + 1 if differs else 0]

    return DepthRanks(
        ranks=ranks,
        tied=np.array([tied(column) for column in columns]),
        tau=tuple(kendall_tau_b(column, columns[-1]).value for column in columns),
        top_from=settled(lambda row: np.where(row <= TOP, row, 0)),
        order_from=settled(lambda row: row),
    )
