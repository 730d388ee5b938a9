"""LangChain: `HuggingFaceCrossEncoder`, and a compressor that cuts at a score, which `CrossEncoderReranker` cannot."""

from __future__ import annotations

from playground.engine.snippets.card import Card, not_for_embedders

INSTALL = 'langchain-core langchain-community "sentence-transformers>=5" "transformers>=4.56"'


def reranker(card: Card) -> str:
    """A program on `HuggingFaceCrossEncoder` of langchain-community."""
    return f"""{card.head(INSTALL, cut="longest_first")}import torch
from langchain_community.cross_encoders import HuggingFaceCrossEncoder
from langchain_core.documents import BaseDocumentCompressor, Document
{card.log_odds}
{card.constants()}

class ThresholdReranker(BaseDocumentCompressor):
    \"\"\"The documents at or over a raw score, best first. CrossEncoderReranker keeps a fixed number instead.\"\"\"

    model: HuggingFaceCrossEncoder
    threshold: float

    def compress_documents(self, documents, query, callbacks=None):
        if not documents:
            return []
        scores = self.model.score([({card.asked}, document.page_content) for document in documents])
        scored = [
            Document(page_content=document.page_content, metadata={{**document.metadata, "score": float(score)}})
            for document, score in zip(documents, scores)
            if float(score) >= self.threshold
        ]
        return sorted(scored, key=lambda document: -document.metadata["score"])


# Without an activation of its own a model with one label is shown through a sigmoid here; this gives the raw score.
cross_encoder = HuggingFaceCrossEncoder(
    model_name=MODEL,
    model_kwargs={{
        {_revision(card)}"device": DEVICE,
        "max_length": MAX_LENGTH,
        "activation_fn": {card.activation},
        "model_kwargs": {{"dtype": DTYPE}},
    }},
)
# Also the base_compressor of a ContextualCompressionRetriever.
compressor = ThresholdReranker(model=cross_encoder, threshold=THRESHOLD)
documents = compressor.compress_documents([Document(page_content=passage) for passage in passages], query)
kept = [(document.page_content, document.metadata["score"]) for document in documents]
for passage, score in kept:
    print(f"{{score:+.3f}}  {{passage}}")
"""


def embedder(card: Card) -> str:
    """Not offered.

    Raises:
        InvalidInput: always.
    """
    raise not_for_embedders("LangChain")


def _revision(card: Card) -> str:
    return "" if card.local else '"revision": REVISION,\n        '
