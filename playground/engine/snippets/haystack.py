"""Haystack: `SentenceTransformersSimilarityRanker` with `scale_score=False`, whose `score_threshold` is a raw score."""

from __future__ import annotations

from playground.engine.snippets.card import Card, not_for_embedders, one_label_only

INSTALL = 'haystack-ai sentence-transformers-haystack "transformers>=4.56"'


def reranker(card: Card) -> str:
    """A program on the ranker of sentence-transformers-haystack.

    Raises:
        InvalidInput: a model with two labels, which `CrossEncoder.rank` refuses.
    """
    if card.two_labels:
        raise one_label_only("Haystack")
    prefix = "    query_prefix=INSTRUCTION,\n" if card.threshold.instruction else ""
    fetching = "" if card.local else "from huggingface_hub import snapshot_download\n"
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
    score_threshold=THRESHOLD,
    model_kwargs={{"dtype": DTYPE}},
    tokenizer_kwargs={{"model_max_length": MAX_LENGTH}},
{prefix})
# An id of their own: documents with the same id, which is made from the text, count as one.
documents = [Document(id=str(place), content=passage) for place, passage in enumerate(passages)]
kept = [(document.content, document.score) for document in ranker.run(query=query, documents=documents)["documents"]]
for passage, score in kept:
    print(f"{{score:+.3f}}  {{passage}}")
"""


def embedder(card: Card) -> str:
    """Not offered.

    Raises:
        InvalidInput: always.
    """
    raise not_for_embedders("Haystack")
