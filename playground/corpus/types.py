"""What travels in and out of this room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from playground.core.corpora import WHOLE, Chunking, CorpusInfo, CorpusPassage, Document, Heading
from playground.core.types import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "WHOLE",
    "Chunking",
    "CorpusInfo",
    "CorpusPassage",
    "Document",
    "Embed",
    "Embedded",
    "Heading",
    "Hit",
    "Indexing",
    "RetrieverKind",
    "Role",
]

Role = Literal["query", "passage"]
RetrieverKind = Literal["bm25", "vectors", "both"]


class Embedded(Protocol):
    """What an embedder made of texts; `engine.texts.TextVectors` is one.

    Attributes:
        spec: of the embedder as it ran.
        vectors: (n_texts, dim), float32, each of length 1.
    """

    @property
    def spec(self) -> ModelSpec: ...
    @property
    def vectors(self) -> NDArray[np.float32]: ...


# None: stopped before all were embedded. `Engine.embedder` makes one of a model choice.
Embed = Callable[[Sequence[str], Role], Embedded | None]


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage that a retriever found.

    Attributes:
        row: the passage's place in its corpus, from 0.
        score: BM25, a cosine, or a sum of shares of ranks; of one kind within a list.
        rank: from 1; equal scores are in the order of the corpus.
    """

    passage_id: str
    row: int
    score: float
    rank: int


@dataclass(frozen=True, slots=True)
class Indexing:
    """How far an index is.

    Attributes:
        phase: `wait`: somebody else is making the same index.
    """

    phase: Literal["wait", "read", "embed", "write", "done", "stopped"]
    done: int
    total: int
