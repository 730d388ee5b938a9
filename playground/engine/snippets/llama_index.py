"""LlamaIndex: `SentenceTransformerRerank`, then `SimilarityPostprocessor` for the cut."""

from __future__ import annotations

from playground.engine.snippets.card import Card, not_for_embedders

INSTALL = (
    'llama-index-core "llama-index-postprocessor-sbert-rerank>=0.6" "sentence-transformers>=5" "transformers>=4.56"'
)


def reranker(card: Card) -> str:
    """A program on the two postprocessors; both can stand in `node_postprocessors` of a query engine."""
    return f"""{card.head(INSTALL, cut="longest_first")}import torch
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank
{card.log_odds}
{card.constants()}
# Without an activation of its own a model with one label is shown through a sigmoid here; this gives the raw score.
# top_n is 2 unless it is given, and metadata of a node is read as part of its text.
rerank = SentenceTransformerRerank(
    model=MODEL,
    device=DEVICE,
    top_n=len(passages),
    cross_encoder_kwargs={{
        {_revision(card)}"max_length": MAX_LENGTH,
        "activation_fn": {card.activation},
        "model_kwargs": {{"dtype": DTYPE}},
    }},
)
cut = SimilarityPostprocessor(similarity_cutoff=THRESHOLD)

nodes = [NodeWithScore(node=TextNode(text=passage)) for passage in passages]
nodes = cut.postprocess_nodes(rerank.postprocess_nodes(nodes, query_str={card.asked}))
kept = [(node.text, node.score) for node in nodes]
for passage, score in kept:
    print(f"{{score:+.3f}}  {{passage}}")
"""


def embedder(card: Card) -> str:
    """Not offered.

    Raises:
        InvalidInput: always.
    """
    raise not_for_embedders("LlamaIndex")


def _revision(card: Card) -> str:
    return "" if card.local else '"revision": REVISION,\n        '
