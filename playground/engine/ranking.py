"""From raw outputs to places."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType

from playground.core.scales import Scale
from playground.core.types import EncodedPair, Passage, ScoredPassage
from playground.core.windows import WindowsRead

EMPTY_WINDOWS: Mapping[int, WindowsRead] = MappingProxyType({})


def float32(value: float) -> float:
    """The nearest float32; infinite where it does not fit."""
    return array("f", [value])[0]


def ranked(
    passages: Sequence[Passage],
    pairs: Sequence[EncodedPair | None],
    logits: Mapping[int, float],
    scale: Scale,
    cached: Set[int] = frozenset(),
    windows: Mapping[int, WindowsRead] = EMPTY_WINDOWS,
) -> tuple[ScoredPassage, ...]:
    """The passages that have a raw output, best first, ties in input order.

    Args:
        pairs: as fed to the model, by input index; None where a server does not say how much it read.
        logits: raw float32 outputs by input index; finite.
        cached: input indexes whose score came from the cache.
        windows: of the passages that were read in some, by input index.
    """
    copies = Counter(logits.values())
    rank_of: dict[float, int] = {}
    place = 1
    for logit in sorted(copies, reverse=True):
        rank_of[logit] = place
        place += copies[logit]
    scored = []
    for index in sorted(logits, key=lambda index: (-logits[index], index)):
        pair, logit = pairs[index], logits[index]
        scored.append(
            ScoredPassage(
                passage=passages[index],
                index=index,
                rank=rank_of[logit],
                tied=copies[logit] > 1,
                logit=logit,
                score=scale.display(logit),
                n_tokens=None if pair is None else pair.n_tokens,
                n_cut=None if pair is None else pair.n_cut,
                n_chars_read=None if pair is None else pair.n_chars_read,
                cached=index in cached,
                windows=windows.get(index),
            )
        )
    return tuple(scored)
