"""LlamaIndex: `SentenceTransformerRerank`, then `SimilarityPostprocessor` for the cut."""

from __future__ import annotations

from types import MappingProxyType

from playground.engine.snippets.card import Card

INSTALL = (
    'llama-index-core "llama-index-postprocessor-sbert-rerank>=0.6" "sentence-transformers>=5" "transformers>=4.56"'
)


def reranker(card: Card) -> str:
    """A program on the two postprocessors; both can stand in `node_postprocessors` of a query engine."""
    cuts = card.threshold is not None
    more = "from llama_index.core.postprocessor import SimilarityPostprocessor\n" if cuts else ""
    cut = "nodes = SimilarityPostprocessor(similarity_cutoff=THRESHOLD).postprocess_nodes(nodes)\n" if cuts else ""
    return f"""{card.head(INSTALL, cut="longest_first")}import torch
{more}from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank
{card.activation_class}
{card.constants()}
# Without an activation of its own a model with one label is shown through a sigmoid here; this gives the raw score.
# top_n is 2 unless it is given, and metadata of a node is read as part of its text.
rerank = SentenceTransformerRerank(
    model=MODEL,
    device=DEVICE,
    top_n=len(passages),
    cross_encoder_kwargs={{
        {card.revision_entry}"max_length": MAX_LENGTH,
        "activation_fn": {card.activation},
        "model_kwargs": {{"dtype": DTYPE}},
    }},
)
nodes = [NodeWithScore(node=TextNode(text=passage)) for passage in passages]
nodes = rerank.postprocess_nodes(nodes, query_str={card.asked})
{cut}{card.pairs} = [(node.text, node.score) for node in nodes]
for passage, score in {card.pairs}:
    print(f"{{score:+.3f}}  {{passage}}")
"""


WRITERS = MappingProxyType({"cross_encoder": reranker, "two_labels": reranker})
