"""An embedder without weights: words become signs of a few numbers. Real, deterministic, and quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from playground.core.types import ModelSpec
from playground.corpus.types import Role
from playground.models import bm25

DIM = 48
SPEC = ModelSpec("hashed", None, "a" * 64, "embedder", "hashed", "Hashed", "cpu", "fp32", 512, "only_second", 0)


@dataclass(frozen=True)
class Vectors:
    spec: ModelSpec
    vectors: NDArray[np.float32]


class HashedEmbedder:
    """Texts that share words are near each other.

    Args:
        most: texts after which it answers that it was stopped.
    """

    def __init__(self, fingerprint: str = "a" * 64, most: int | None = None, dim: int = DIM) -> None:
        self.spec = replace(SPEC, fingerprint=fingerprint)
        self.most = most
        self.dim = dim
        self.seen: list[str] = []

    def __call__(self, texts: Sequence[str], role: Role) -> Vectors | None:
        if self.most is not None and len(self.seen) + len(texts) > self.most:
            return None
        self.seen += texts
        return Vectors(self.spec, np.stack([self.vector(text) for text in texts]))

    def vector(self, text: str) -> NDArray[np.float32]:
        found = np.full(self.dim, 1e-3, np.float32)
        for word in bm25.words(text):
            draw = np.random.default_rng(crc32(word.encode()))
            found += draw.choice(np.array([-1.0, 1.0], np.float32), self.dim)
        return (found / np.linalg.norm(found)).astype(np.float32)
