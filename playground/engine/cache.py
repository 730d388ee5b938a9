"""Scores and vectors that were computed once."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from playground.core.types import EncodedPair, ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIB = 1024 * 1024


class ScoreCache:
    """Raw outputs by what they depend on, least recently used out first. Safe from any thread."""

    def __init__(self, max_scores: int) -> None:
        self._max_scores = max_scores
        self._scores: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Sequence[bytes]) -> list[float | None]:
        """The score of each key, None where it is not known."""
        with self._lock:
            for key in keys:
                if key in self._scores:
                    self._scores.move_to_end(key)
            return [self._scores.get(key) for key in keys]

    def put(self, scores: Iterable[tuple[bytes, float]]) -> None:
        with self._lock:
            for key, logit in scores:
                self._scores[key] = logit
                self._scores.move_to_end(key)
            while len(self._scores) > self._max_scores:
                self._scores.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._scores.clear()

    def __len__(self) -> int:
        return len(self._scores)


class VectorCache:
    """Text vectors by what they depend on, least recently used out first. Safe from any thread."""

    def __init__(self, max_mib: float) -> None:
        self._max_bytes = max_mib * MIB
        self._n_bytes = 0
        self._vectors: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Sequence[bytes]) -> list[NDArray[np.float32] | None]:
        """The vector of each key, (dim,), None where it is not known."""
        with self._lock:
            for key in keys:
                if key in self._vectors:
                    self._vectors.move_to_end(key)
            return [self._vectors.get(key) for key in keys]

    def put(self, vectors: Iterable[tuple[bytes, NDArray[np.float32]]]) -> None:
        with self._lock:
            for key, vector in vectors:
                if key not in self._vectors:
                    # A copy: a row of a batch would keep the whole batch alive.
                    self._vectors[key] = vector.copy()
                    self._n_bytes += vector.nbytes
                self._vectors.move_to_end(key)
            while self._n_bytes > self._max_bytes:
                self._n_bytes -= self._vectors.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        with self._lock:
            self._vectors.clear()
            self._n_bytes = 0

    def __len__(self) -> int:
        return len(self._vectors)


def score_key(spec: ModelSpec, pair: EncodedPair) -> bytes:
    """Digest of all that a logit or a vector depends on: the weights, where and how they ran, and the very ids fed.

    The ids stand for query, passage, instruction, max_length and truncation: where none of these changes what the
    model reads, none changes its output. Another device or precision gives other numbers from the same weights.
    """
    digest = blake2b(digest_size=16)
    digest.update("\0".join((spec.fingerprint, spec.family, spec.device, spec.precision)).encode())
    digest.update(array("q", (len(pair.input_ids), pair.n_tokens)).tobytes())
    digest.update(array("q", pair.input_ids).tobytes())
    digest.update(array("q", pair.token_type_ids or ()).tobytes())
    return digest.digest()


def text_key(spec: ModelSpec, query: str, passage: str, instruction: str | None) -> bytes:
    """As `score_key`, of a model whose tokens are not seen here."""
    parts = (spec.fingerprint, spec.family, spec.device, spec.precision, query, passage, repr(instruction))
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.digest()
