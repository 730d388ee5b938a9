"""LangChain: `HuggingFaceCrossEncoder`, and a compressor that cuts at a score, which `CrossEncoderReranker` cannot."""

from __future__ import annotations

from types import MappingProxyType

from playground.engine.snippets.card import Card

INSTALL = 'langchain-core langchain-community "sentence-transformers>=5" "transformers>=4.56"'
COMPRESSOR = '''
class ThresholdReranker(BaseDocumentCompressor):
    """The documents at or over a raw score, best first. CrossEncoderReranker keeps a fixed number instead."""

    model: HuggingFaceCrossEncoder
    threshold: float

    def compress_documents(self, documents, query, callbacks=None):
        if not documents:
            return []
        scores = self.model.score([(ASKED, document.page_content) for document in documents])
        scored = [
            Document(page_content=document.page_content, metadata={**document.metadata, "score": float(score)})
            for document, score in zip(documents, scores)
            if float(score) >= self.threshold
        ]
        return sorted(scored, key=lambda document: -document.metadata["score"])

'''
CUT = """# Also the base_compressor of a ContextualCompressionRetriever.
compressor = ThresholdReranker(model=cross_encoder, threshold=THRESHOLD)
documents = compressor.compress_documents([Document(page_content=passage) for passage in passages], query)
kept = [(document.page_content, document.metadata["score"]) for document in documents]
for passage, score in kept:
    print(f"{score:+.3f}  {passage}")
"""


def reranker(card: Card) -> str:
    """A program on `HuggingFaceCrossEncoder` of langchain-community."""
    if card.threshold is None:
        more, compressor = "", ""
        ending = f"scores = cross_encoder.score([({card.asked}, passage) for passage in passages])\n{card.ending}"
    else:
        more = "from langchain_core.documents import BaseDocumentCompressor, Document\n"
        compressor, ending = COMPRESSOR.replace("ASKED", card.asked), CUT
    return f"""{card.head(INSTALL, cut="longest_first")}import torch
from langchain_community.cross_encoders import HuggingFaceCrossEncoder
{more}{card.activation_class}
{card.constants()}{compressor}
# Without an activation of its own a model with one label is shown through a sigmoid here; this gives the raw score.
cross_encoder = HuggingFaceCrossEncoder(
    model_name=MODEL,
    model_kwargs={{
        {card.revision_entry}"device": DEVICE,
        "max_length": MAX_LENGTH,
        "activation_fn": {card.activation},
        "model_kwargs": {{"dtype": DTYPE}},
    }},
)
{ending}"""


WRITERS = MappingProxyType({"cross_encoder": reranker, "two_labels": reranker})
