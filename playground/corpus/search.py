"""Passages found: by words, by vectors, and by both.

Vectors are compared one by one, in blocks of a file that is mapped into memory. A million of 384 numbers take 0.16 s of
one core for a query once they are in memory, so up to the most passages that a corpus may have no approximate index is
needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from playground.core.errors import CorpusError
from playground.corpus.indexing import VECTORS, bm25_key, vectors_key
from playground.corpus.types import Embed, Hit
from playground.models import bm25

if TYPE_CHECKING:
    import bm25s
    import numpy as np
    from numpy.typing import NDArray

# Source: Cormack et al. 2009, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods".
RRF = 60
# As deep as each list goes into a fusion, so that a shorter answer is the beginning of a longer one.
FUSED_DEPTH = 1_000
BLOCK_ROWS = 32_768
# Queries that are compared together.
QUERIES = 64

IdsOf = Callable[[Sequence[int]], list[str]]


class Found(NamedTuple):
    """Rows of a corpus, best first, and their scores; equal scores in the order of the corpus."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class Retriever(Protocol):
    """Finds passages of one corpus. Safe from any thread."""

    def search(self, query: str, k: int) -> list[Hit]:
        """The k best passages, or as many as there are; none where the embedder was stopped.

        Raises:
            PlaygroundError: the index or the embedder cannot be used.
        """
        ...

    def find(self, queries: Sequence[str], k: int) -> Iterator[Found]:
        """As `search`, of each query, without the passages' ids."""
        ...


def search_bm25(index: bm25s.BM25, query: str, k: int) -> Found:
    """The k best by BM25; only passages that share a word with the query."""
    found = top(bm25.scores_in(index, bm25.words(query)), k)
    n = int((found.scores > 0).sum())
    return Found(found.rows[:n], found.scores[:n])


def search_vectors(vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> list[Found]:
    """The k largest cosines of each query, exactly.

    Args:
        vectors: (n, dim), of length 1; may be mapped into memory.
        queries: (n_queries, dim), of length 1.
    """
    import numpy as np

    best = [Found(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
    for first in range(0, len(vectors), BLOCK_ROWS):
        cosines = queries @ vectors[first : first + BLOCK_ROWS].T
        for place, row in enumerate(cosines):
            part = top(row, k)
            rows = np.concatenate([best[place].rows, part.rows + first])
            scores = np.concatenate([best[place].scores, part.scores])
            kept = top(scores, k)
            best[place] = Found(rows[kept.rows], kept.scores)
    return best


def fuse(lists: Sequence[Found], k: int, weights: Sequence[float] | None = None, constant: int = RRF) -> Found:
    """Reciprocal rank fusion: `sum over lists of weight / (constant + rank)`.

    By ranks also with weights: BM25 has no upper end and cosines crowd in a narrow band, so their values have no common
    unit, and min-max would make one of whatever each list happens to hold.

    Args:
        weights: one per list; None: each counts the same. A list of weight 0 brings nothing.
    """
    import numpy as np

    shares = [1.0] * len(lists) if weights is None else list(weights)
    counted = [(each, weight) for each, weight in zip(lists, shares, strict=True) if weight]
    rows = np.unique(np.concatenate([np.empty(0, np.int64), *(each.rows for each, _ in counted)]))
    sums = np.zeros(len(rows))
    for each, weight in counted:
        sums[np.searchsorted(rows, each.rows)] += weight / (constant + np.arange(1, len(each.rows) + 1))
    kept = top(sums, k)
    return Found(rows[kept.rows], kept.scores)


def top(scores: NDArray[np.floating], k: int) -> Found:
    """The k largest, largest first; of equal ones those that come first."""
    import numpy as np

    rows = np.arange(len(scores))
    if k < len(scores):
        kth = np.partition(scores, -k)[-k]
        above = np.flatnonzero(scores > kth)
        rows = np.concatenate([above, np.flatnonzero(scores == kth)[: k - len(above)]])
    rows = rows[np.lexsort((rows, -scores[rows]))]
    return Found(rows, scores[rows].astype(np.float32 if scores.dtype == np.float32 else np.float64))


class _Searching:
    """What every retriever does with what it found."""

    def __init__(self, ids_of: IdsOf) -> None:
        self._ids_of = ids_of

    def search(self, query: str, k: int) -> list[Hit]:
        found = next(self.find([query], k), None)
        if found is None:
            return []
        rows = [int(row) for row in found.rows]
        ids = self._ids_of(rows)
        return [
            Hit(id, row, float(score), rank)
            for rank, (id, row, score) in enumerate(zip(ids, rows, found.scores, strict=True), 1)
        ]

    def find(self, queries: Sequence[str], k: int) -> Iterator[Found]:
        raise NotImplementedError


class KeywordRetriever(_Searching):
    """By BM25.

    Raises:
        CorpusError: there is no such index, or it is damaged.
    """

    def __init__(self, folder: Path, ids_of: IdsOf) -> None:
        super().__init__(ids_of)
        home = folder / bm25_key()
        if not home.is_dir():
            raise CorpusError("The keyword index of this corpus is not made yet. Make it first.")
        bm25s = bm25.library()
        try:
            self._index = bm25s.BM25.load(home, mmap=True, show_progress=False)
        except (OSError, ValueError, KeyError) as error:
            raise CorpusError(
                "The index at {path} is damaged. Delete that folder and make it again.", path=home
            ) from error

    def find(self, queries: Sequence[str], k: int) -> Iterator[Found]:
        return (search_bm25(self._index, query, k) for query in queries)


class VectorRetriever(_Searching):
    """By the cosines of an embedder's vectors."""

    def __init__(self, folder: Path, ids_of: IdsOf, embed: Embed) -> None:
        super().__init__(ids_of)
        self._folder = folder
        self._embed = embed
        self._opened: tuple[str, NDArray[np.float32]] | None = None

    def find(self, queries: Sequence[str], k: int) -> Iterator[Found]:
        for first in range(0, len(queries), QUERIES):
            made = self._embed(queries[first : first + QUERIES], "query")
            if made is None:
                return
            yield from search_vectors(self._vectors(vectors_key(made.spec), made.spec.model_id), made.vectors, k)

    def _vectors(self, key: str, model_id: str) -> NDArray[np.float32]:
        """Those that this embedder made, as it is now."""
        import numpy as np

        if self._opened is None or self._opened[0] != key:
            path = self._folder / key / VECTORS
            try:
                self._opened = key, np.load(path, mmap_mode="r")
            except FileNotFoundError as error:
                raise CorpusError(
                    "This corpus has no vectors of {model} as it runs now. Index it first.", model=model_id
                ) from error
            except (OSError, ValueError) as error:
                raise CorpusError(
                    "The index at {path} is damaged. Delete that folder and make it again.", path=path.parent
                ) from error
        return self._opened[1]


class FusedRetriever(_Searching):
    """Several at once, see `fuse`."""

    def __init__(self, retrievers: Sequence[Retriever], ids_of: IdsOf, weights: Sequence[float] | None = None) -> None:
        super().__init__(ids_of)
        self._retrievers = retrievers
        self._weights = weights

    def find(self, queries: Sequence[str], k: int) -> Iterator[Found]:
        depth = max(k, FUSED_DEPTH)
        lists = (each.find(queries, depth) for each in self._retrievers)
        return (fuse(found, k, self._weights) for found in zip(*lists, strict=False))
