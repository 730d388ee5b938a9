"""BM25, the keyword baseline: no weights, and a score that depends on all passages of the request.

Words: lower case, runs of letters and digits; each Chinese or Japanese character and each Korean syllable by itself;
Lucene's 33 English stop words left out; no stemming. The collection is the passages of the request.
A word that the query holds twice counts twice, as in Lucene.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from playground.core.types import ModelSpec

if TYPE_CHECKING:
    import bm25s
    import numpy as np
    from numpy.typing import NDArray

MODEL_ID: Final = "bm25"
FAMILY: Final = "bm25"
NAME: Final = "BM25 (keywords)"
# The defaults of bm25s.
K1: Final = 1.5
B: Final = 0.75

# Source: Lucene, EnglishAnalyzer.ENGLISH_STOP_WORDS_SET.
STOP_WORDS: Final = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not"}
    | {"of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was"}
    | {"will", "with"}
)
_WORD = re.compile(r"[㐀-鿿豈-﫿ぁ-ヿ가-힯]|[^\W_㐀-鿿豈-﫿ぁ-ヿ가-힯]+")


def spec() -> ModelSpec:
    """What runs: the formula, its two constants and the version of the package."""
    text = f"bm25s {version('bm25s')} lucene k1={K1} b={B} {_WORD.pattern} {' '.join(sorted(STOP_WORDS))}"
    return ModelSpec(
        model_id=MODEL_ID,
        revision=None,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        kind="reranker",
        family=FAMILY,
        architecture=f"BM25 (Lucene, k1={K1}, b={B})",
        device="cpu",
        precision="fp32",
        max_length=0,
        truncation="only_second",
        n_parameters=0,
    )


def words(text: str) -> list[str]:
    """The words that BM25 compares, in order."""
    return [word for word in _WORD.findall(text.lower()) if word not in STOP_WORDS]


def scores(query: Sequence[str], passages: Sequence[Sequence[str]]) -> list[float]:
    """BM25 of each passage, float32; 0 where no word is shared.

    `sum over query words of ln(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * length / mean length))`

    Args:
        query: its words, see `words`.
        passages: the words of each passage; together they are the collection.

    Source: Kamphuis et al. 2020, "Which BM25 Do You Mean?", the accurate Lucene variant; bm25s, `scoring.py`.
    """
    index = index_of(passages)
    return [0.0] * len(passages) if index is None else [float(score) for score in scores_in(index, query)]


def library() -> Any:
    """bm25s. Only now: it imports numpy, and the page needs neither to open.

    Where jax is installed, bm25s starts it, and jax takes three quarters of a GPU's memory unless it is told not to.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return import_module("bm25s")


def index_of(passages: Iterable[Sequence[str]]) -> bm25s.BM25 | None:
    """The words of each passage as an index; None where there is no word at all."""
    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in passage] for passage in passages]
    if not vocabulary:
        return None
    index = library().BM25(k1=K1, b=B, method="lucene")
    index.index((ids, vocabulary), show_progress=False)
    return index


def scores_in(index: bm25s.BM25, query: Sequence[str]) -> NDArray[np.float32]:
    """As `scores`, of every passage of an index."""
    known = [index.vocab_dict[word] for word in query if word in index.vocab_dict]
    found: NDArray[np.float32] = index.get_scores_from_ids(known)
    return found
