"""The modes of bge-m3: which of its three readings of a text count, and how much. `#mode=0.4dense+0.2sparse`."""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import Final

from playground.core.errors import InvalidInput
from playground.core.scales import COSINE, DOT, MEAN_MAXSIM, Scale

# The weights of the makers, model card of BAAI/bge-m3, "Compute score for text pairs".
MAKERS: Final = MappingProxyType({"dense": 0.4, "sparse": 0.2, "colbert": 0.4})
SCALES: Final = MappingProxyType({"dense": COSINE, "sparse": DOT, "colbert": MEAN_MAXSIM})
# Beside the encoder; small, and pickles in the makers' own files.
HEADS: Final = ("sparse_linear.pt", "colbert_linear.pt")
_TERM = re.compile(r"(?:(?P<weight>\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})\s*\*?\s*)?(?P<mode>dense|sparse|colbert)")


def weights_of(text: str) -> dict[str, float]:
    """The weight of each mode that counts, in the order of `MAKERS`; a mode without a weight has the makers'.

    Raises:
        InvalidInput: no mode of that name, or weights that sum to nothing.
    """
    found = dict.fromkeys(MAKERS, 0.0)
    for term in text.split("+"):
        match = _TERM.fullmatch(term.strip())
        if match is None:
            raise InvalidInput(
                "There is no mode {mode}. Name dense, sparse or colbert, or weigh them: #mode={sum}.",
                mode=term.strip() or text,
                sum=named(dict(MAKERS)),
            )
        found[match["mode"]] += float(match["weight"] or MAKERS[match["mode"]])
    counted = {mode: weight for mode, weight in found.items() if weight > 0}
    if not counted:
        raise InvalidInput(
            "The weights of {mode} sum to nothing. Give at least one of them a weight above 0.", mode=text
        )
    return counted


def named(weights: dict[str, float]) -> str:
    """The value of `#mode=` that says them: a mode alone by its name, a sum with its weights."""
    if len(weights) == 1:
        return next(iter(weights))
    return "+".join(f"{weight:.12g}{mode}" for mode, weight in weights.items())


def scale_of(weights: dict[str, float]) -> Scale:
    """The scale of one mode, or of the mean of several under these weights."""
    if len(weights) == 1:
        return SCALES[next(iter(weights))]
    total = sum(weights.values())
    low = sum(weight / total * SCALES[mode].low for mode, weight in weights.items())
    high = math.inf if "sparse" in weights else 1.0
    return Scale("sum", low, high, level=False, activation="identity")
