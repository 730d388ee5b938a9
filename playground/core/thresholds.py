"""A threshold that was chosen, with everything that says where it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from playground.core.scales import Scale
from playground.core.types import ModelSpec

Method = Literal["by-hand", "f-beta", "precision", "recall", "cost"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Keep a passage where its raw output is at or over `value`.

    Attributes:
        id: under which it is stored; empty before.
        value: finite, on `scale`; never a display score.
        spec: the model as it ran; its fingerprint, with the scale, says where the threshold holds.
        instruction: what went before the queries; empty where nothing did.
        method: how it was chosen.
        parameter: of the method: beta, the least precision or recall, the cost of a false positive over that of a
            false negative; None by hand.
        set_name: of the labelled set that it was chosen on.
        n_pairs, n_relevant: judged pairs with a score in that set.
        interval: where 95 % of the thresholds lie that the same method chooses on resampled queries; None where it was
            not computed.
        precision, recall: on that set at `value`; None where undefined.
    """

    id: str
    name: str
    saved_at: datetime
    value: float
    scale: Scale
    spec: ModelSpec
    instruction: str
    method: Method
    parameter: float | None
    set_name: str
    n_queries: int
    n_pairs: int
    n_relevant: int
    interval: tuple[float, float] | None
    precision: float | None
    recall: float | None
