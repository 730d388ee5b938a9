"""Haystack: `SentenceTransformersSimilarityRanker` with `scale_score=False`, whose `score_threshold` is a raw score."""

from __future__ import annotations

from types import MappingProxyType

from playground.engine.snippets.card import Card

INSTALL = 'haystack-ai sentence-transformers-haystack "transformers>=4.56"'


def reranker(card: Card) -> str:
    """A program on the ranker of sentence-transformers-haystack, which wants one label (`CrossEncoder.rank`)."""
    prefix = "    query_prefix=INSTRUCTION,\n" if card.instruction else ""
    cut = "" if card.threshold is None else "    score_threshold=THRESHOLD,\n"
    fetching = card.fetching
    return f"""{card.head(INSTALL, cut="longest_first")}import torch
from haystack import Document
from haystack.utils import ComponentDevice
from haystack_integrations.components.rankers.sentence_transformers import SentenceTransformersSimilarityRanker
{fetching}
{card.constants()}
{card.folder()}# scale_score=False gives the raw logit, not its sigmoid. top_k is 10 unless it is given.
ranker = SentenceTransformersSimilarityRanker(
    model=folder,
    device=ComponentDevice.from_str(DEVICE),
    top_k=len(passages),
    scale_score=False,
{cut}    model_kwargs={{"dtype": DTYPE}},
    tokenizer_kwargs={{"model_max_length": MAX_LENGTH}},
{prefix})
# An id of their own: documents with the same id, which is made from the text, count as one.
documents = [Document(id=str(place), content=passage) for place, passage in enumerate(passages)]
ranked = ranker.run(query=query, documents=documents)["documents"]
{card.pairs} = [(document.content, document.score) for document in ranked]
for passage, score in {card.pairs}:
    print(f"{{score:+.3f}}  {{passage}}")
"""


WRITERS = MappingProxyType({"cross_encoder": reranker})
