"""Scores as a program of another library, in that library's own scale: of a saved threshold, or of a run.

The registry holds strings; a library is a module with `WRITERS`: for each kind of model that it scores as the
playground does (`Card.kind`), what writes the Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal, get_args

from playground.core.errors import InvalidInput
from playground.core.thresholds import Threshold
from playground.core.types import RerankResult
from playground.engine.snippets.card import Card
from playground.remote.address import is_remote

Library = Literal[
    "transformers", "sentence-transformers", "flag-embedding", "pylate", "langchain", "llama-index", "haystack"
]
LIBRARIES: tuple[Library, ...] = get_args(Library)
# The playground's own Python call, which scores everything.
OWN = "playground"
NAMES = MappingProxyType(
    {
        "transformers": "transformers",
        "sentence-transformers": "sentence-transformers",
        "flag-embedding": "FlagEmbedding",
        "pylate": "PyLate",
        "langchain": "LangChain",
        "llama-index": "LlamaIndex",
        "haystack": "Haystack",
    }
)
SNIPPETS = MappingProxyType(
    {
        "transformers": "playground.engine.snippets.transformers",
        "sentence-transformers": "playground.engine.snippets.sentence_transformers",
        "flag-embedding": "playground.engine.snippets.flag_embedding",
        "pylate": "playground.engine.snippets.pylate",
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
    card = Card(threshold.spec, threshold.scale, threshold.instruction, query, tuple(passages), threshold)
    return _written(kind, card)


def program(kind: str, result: RerankResult) -> str:
    """A complete Python program that scores the passages of a run as the run did: in its list `scored`, as
    (passage, score).

    Args:
        kind: one of `LIBRARIES`.

    Raises:
        InvalidInput: no such library, or it cannot run this model; the sentence says why.
    """
    passages = tuple(passage.text for passage in result.request.passages)
    return _written(kind, Card(result.spec, result.scale, result.instruction, result.request.query, passages))


def _written(kind: str, card: Card) -> str:
    if kind not in SNIPPETS:
        raise InvalidInput("There is no snippet for {library}. Choose one of the libraries.", library=kind)
    if card.scale.name == "bm25":
        raise InvalidInput(
            "A BM25 score depends on all passages of its query, and each library counts words in its own way. Choose a "
            "model instead."
        )
    if card.scale.name == "file":
        raise InvalidInput(
            "These scores came with a file: what made them is not known, so there is nothing to load. Choose a "
            "threshold on a model."
        )
    if is_remote(card.spec.model_id):
        raise InvalidInput(
            "{model} runs on another machine, so there is nothing to load. Take the playground's own Python call.",
            model=card.spec.model_id,
        )
    if card.spec.windows is not None:
        raise InvalidInput(
            "Here long passages are read in windows, and the libraries cut them. Take the playground's own Python call."
        )
    write = _writers(kind).get(card.kind)
    if write is None:
        instead = [NAMES[library] for library in LIBRARIES if card.kind in _writers(library)]
        raise InvalidInput(
            "{library} does not score as the playground does with {model}. Take the code for one of: {instead}.",
            library=NAMES[kind],
            model=card.spec.model_id,
            instead=", ".join([*instead, OWN]),
        )
    return str(write(card))


def _writers(kind: str) -> Mapping[str, Any]:
    writers: Mapping[str, Any] = import_module(SNIPPETS[kind]).WRITERS
    return writers
