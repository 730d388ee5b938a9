"""A real, small embedder: words are tokens, and a text's vector counts them in hashed places. It counts its work."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from playground.core.errors import InvalidInput, OutOfMemory
from playground.core.types import Check, EncodedPair, ModelChoice, ModelSpec
from playground.engine.loaded import OnProgress
from tests.engine.doubles import LIMIT, SPEC, token

DIM = 64
EMBED = ModelChoice("counts", kind="embedder")


@dataclass
class CountingEmbedder:
    """Unit vectors of word counts: unrelated texts are near 0, equal ones at 1."""

    spec: ModelSpec
    checks: tuple[Check, ...] = ()
    memory_mib: float = 100.0
    query_instruction: str = "find: "
    fits_tokens: int | None = None
    change_of: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda vectors: vectors
    before_forward: Callable[[], None] = lambda: None
    batches: list[int] = field(default_factory=list)

    @property
    def n_forwards(self) -> int:
        return sum(self.batches)

    def view(self, choice: ModelChoice) -> CountingEmbedder:
        if choice.max_length is not None and choice.max_length > LIMIT:
            raise InvalidInput("{model} reads at most {limit} tokens.", model=self.spec.model_id, limit=LIMIT)
        spec = replace(self.spec, max_length=choice.max_length or SPEC.max_length, truncation=choice.truncation)
        return replace(self, spec=spec)

    def encode(self, texts: Sequence[str], instruction: str = "") -> list[EncodedPair]:
        whole = [self._encoded(instruction + text) for text in texts]
        return [replace(one, n_chars_read=one.n_chars_read - len(instruction)) for one in whole]

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [word.span() for word in re.finditer(r"\S+", text)]

    def vectors(self, encoded: Sequence[EncodedPair]) -> NDArray[np.float32]:
        if self.fits_tokens is not None and len(encoded) * max(len(e.input_ids) for e in encoded) > self.fits_tokens:
            raise OutOfMemory("CUDA out of memory.")
        self.before_forward()
        self.batches.append(len(encoded))
        counts = np.zeros((len(encoded), DIM), dtype=np.float32)
        for row, one in enumerate(encoded):
            for id in one.input_ids:
                counts[row, id % DIM] += 1
        return self.change_of(counts / np.linalg.norm(counts, axis=1, keepdims=True))

    def _encoded(self, text: str) -> EncodedPair:
        words = text.split()
        kept = words[: self.spec.max_length]
        n_cut = len(words) - len(kept)
        n_read = len(text) if not n_cut else len(" ".join(kept))
        return EncodedPair(tuple(map(token, kept)), None, len(kept), n_cut, n_read)


@dataclass
class EmbedderShelf:
    """Loads a `CountingEmbedder` per model id, and remembers which."""

    change: dict[str, object] = field(default_factory=dict)
    loads: list[ModelChoice] = field(default_factory=list)
    embedders: dict[str, CountingEmbedder] = field(default_factory=dict)

    def __call__(self, choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> CountingEmbedder:
        self.loads.append(choice)
        spec = replace(
            SPEC,
            model_id=choice.model_id,
            fingerprint=(choice.model_id + "-vectors") * 2,
            kind="embedder",
            family="counts",
            precision="fp32" if choice.precision == "auto" else choice.precision,
        )
        embedder = CountingEmbedder(spec)
        for name, value in self.change.items():
            setattr(embedder, name, value)
        self.embedders[choice.model_id] = embedder
        return embedder

    @property
    def embedder(self) -> CountingEmbedder:
        return self.embedders["counts"]
