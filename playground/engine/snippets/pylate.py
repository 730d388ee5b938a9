"""PyLate: ColBERTs, by the sum over the query's tokens of the nearest cosine in the passage."""

from __future__ import annotations

from types import MappingProxyType

from playground.engine.snippets.card import Card

INSTALL = '"pylate>=1.6"'


def colbert(card: Card) -> str:
    """A program on `models.ColBERT`."""
    return f"""{card.head(INSTALL)}import torch
from pylate import models
from pylate.scores import colbert_scores

{card.constants()}
# Of a passage. How long a query is stands in the model's files.
model = models.ColBERT(
    MODEL,
    {card.revision}device=DEVICE,
    document_length=MAX_LENGTH,
    model_kwargs={{"torch_dtype": DTYPE}},
)
query_vectors = model.encode([{card.asked}], is_query=True)
passage_vectors = model.encode(passages, is_query=False)
scores = [float(colbert_scores(query_vectors, [vectors])) for vectors in passage_vectors]
{card.ending}"""


WRITERS = MappingProxyType({"colbert": colbert})
