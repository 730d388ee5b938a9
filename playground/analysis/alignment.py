"""The same passages of several results, side by side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playground.core.errors import InvalidInput
from playground.core.types import Passage, RerankResult, ScoredPassage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Key = tuple[str, int]


@dataclass(frozen=True, eq=False, slots=True)
class Aligned:
    """The passages that every result scored, in the input order of the first.

    Attributes:
        passages: (n,), those of the first result.
        indexes: (n,), their places in the first result's input, from 0.
        scores: (n_results, n), raw outputs, each row on its own scale.
        ranks: (n_results, n), from 1 among these n passages; equal raw outputs share the smaller rank.
        tied: (n_results, n), another of these n passages has exactly this raw output.
        n_left_out: passages that at least one result lacks.
    """

    passages: tuple[Passage, ...]
    indexes: tuple[int, ...]
    scores: Floats
    ranks: Ints
    tied: NDArray[np.bool_]
    n_left_out: int


def align(results: Sequence[RerankResult]) -> Aligned:
    """Puts the results side by side, passage by passage.

    Two passages are the same where their texts are: a numbered id changes with the place in the list, while the text
    is all that a model reads. The second copy of a text goes with the second copy.

    Raises:
        InvalidInput: no result at all, or no passage that every result scored.
    """
    if not results:
        raise InvalidInput("There is nothing to compare yet. Run a model first.")
    by_key = [_scored(result) for result in results]
    common = [key for key in _keys(results[0]) if all(key in scored for scored in by_key)]
    if not common:
        raise InvalidInput("These runs have no scored passage in common. Compare runs over the same passages.")
    scores = np.array([[scored[key].logit for key in common] for scored in by_key], dtype=np.float64)
    everything = {key for result in results for key in _keys(result)}
    first = [by_key[0][key] for key in common]
    return Aligned(
        passages=tuple(scored.passage for scored in first),
        indexes=tuple(scored.index for scored in first),
        scores=scores,
        ranks=np.array([competition_ranks(row) for row in scores]),
        tied=np.array([tied(row) for row in scores]),
        n_left_out=len(everything) - len(common),
    )


def competition_ranks(scores: Floats) -> Ints:
    """(n,), from 1, highest first; equal scores share the smaller rank, and the next rank is left free ("1224")."""
    ascending = np.sort(scores)
    return np.asarray(1 + len(scores) - np.searchsorted(ascending, scores, side="right"), dtype=np.int64)


def tied(scores: Floats) -> NDArray[np.bool_]:
    """(n,), whether another score is exactly the same."""
    _, place, copies = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray(copies[place] > 1)


def orders_nothing(scores: Floats) -> bool:
    """All scores are equal, so there is no order in them."""
    return len(scores) > 0 and bool(np.all(scores == scores[0]))


def _keys(result: RerankResult) -> list[Key]:
    """Text and which of its copies, of each passage in input order."""
    seen: Counter[str] = Counter()
    keys = []
    for passage in result.request.passages:
        keys.append((passage.text, seen[passage.text]))
        seen[passage.text] += 1
    return keys


def _scored(result: RerankResult) -> dict[Key, ScoredPassage]:
    keys = _keys(result)
    return {keys[scored.index]: scored for scored in result.scored if math.isfinite(scored.logit)}
