"""The scores of one request after every layer at which a model may stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.core.scales import Scale
from playground.core.types import ModelSpec, RerankRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Depths:
    """Each column is what a run that stops there would have scored; columns are not on one scale.

    Attributes:
        spec: of the layer that was asked for.
        chosen: that layer.
        layers: from 1, ascending.
        logits: (n_passages, n_layers), raw outputs in float32, passages in input order.
        work: (n_layers,), tokens that go through all layers up to this one, as a share of those up to the last.
        seconds: wall time of encoding and of the one pass, without loading the model.
    """

    request: RerankRequest
    spec: ModelSpec
    scale: Scale
    chosen: int
    layers: tuple[int, ...]
    logits: NDArray[np.float32]
    work: tuple[float, ...]
    seconds: float
