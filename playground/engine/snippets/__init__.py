"""A saved threshold as a program of another library, in that library's own scale.

The registry holds strings; a library is a module with `reranker(card)` and `embedder(card)`, each of which returns
Python or raises InvalidInput with the reason why it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal, get_args

from playground.core.errors import InvalidInput
from playground.core.thresholds import Threshold
from playground.engine.snippets.card import Card
from playground.models import READ_APART
from playground.models.named import split
from playground.models.prompts import PROMPTS

Library = Literal["sentence-transformers", "flag-embedding", "langchain", "llama-index", "haystack"]
LIBRARIES: tuple[Library, ...] = get_args(Library)
NAMES = MappingProxyType(
    {
        "sentence-transformers": "sentence-transformers",
        "flag-embedding": "FlagEmbedding",
        "langchain": "LangChain",
        "llama-index": "LlamaIndex",
        "haystack": "Haystack",
    }
)
SNIPPETS = MappingProxyType(
    {
        "sentence-transformers": "playground.engine.snippets.sentence_transformers",
        "flag-embedding": "playground.engine.snippets.flag_embedding",
        "langchain": "playground.engine.snippets.langchain",
        "llama-index": "playground.engine.snippets.llama_index",
        "haystack": "playground.engine.snippets.haystack",
    }
)
QUERY = "what is panda?"
PASSAGES = ("The giant panda is a bear species endemic to China.", "The train to the coast leaves at seven.", "hi")


def snippet(kind: str, threshold: Threshold, *, query: str = QUERY, passages: Sequence[str] = PASSAGES) -> str:
    """A complete Python program that scores passages with the same model and keeps those at or over the threshold.

    What it keeps stands in its list `kept` as (passage, score).

    Args:
        kind: one of `LIBRARIES`.
        query, passages: what the program starts with.

    Raises:
        InvalidInput: no such library, or it cannot run this threshold; the sentence says why.
    """
    if kind not in SNIPPETS:
        raise InvalidInput("There is no snippet for {library}. Choose one of the libraries.", library=kind)
    if threshold.scale.name == "bm25":
        raise InvalidInput(
            "A BM25 score depends on all passages of its query, and each library counts words in its own way. "
            "Choose a threshold on a model."
        )
    if threshold.scale.name == "file":
        raise InvalidInput(
            "These scores came with a file: what made them is not known, so there is nothing to load. Choose a "
            "threshold on a model."
        )
    if threshold.spec.windows is not None:
        raise InvalidInput(
            "This threshold is for long passages read in windows, and the libraries cut them. Use it with the "
            "playground's own Python call."
        )
    if threshold.spec.family in {prompt.family for prompt in PROMPTS.values()}:
        raise InvalidInput(
            "{model} is asked with a prompt, which the libraries put together in ways of their own. Use the threshold "
            "with the playground's own Python call.",
            model=threshold.spec.model_id,
        )
    if threshold.spec.family in READ_APART:
        raise InvalidInput(
            "{model} compares what it reads in the query with what it reads in the passage, in a way that no snippet "
            "here writes. Use the threshold with the playground's own Python call.",
            model=threshold.spec.model_id,
        )
    if split(threshold.spec.model_id).label:
        raise InvalidInput(
            "{model} has several labels, of which the playground scores one against the others; the libraries do not. "
            "Use the threshold with the playground's own Python call.",
            model=threshold.spec.model_id,
        )
    library: Any = import_module(SNIPPETS[kind])
    write = library.embedder if threshold.spec.kind == "embedder" else library.reranker
    return str(write(Card(threshold, query, tuple(passages))))
