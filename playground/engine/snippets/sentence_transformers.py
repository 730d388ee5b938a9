"""sentence-transformers: the logit through `activation_fn=Identity` (FACTS 4.5); cosines of normalised vectors."""

from __future__ import annotations

from playground.engine.snippets.card import Card

INSTALL = '"sentence-transformers>=5" "transformers>=4.56"'


def reranker(card: Card) -> str:
    """A program on `CrossEncoder`."""
    return f"""{card.head(INSTALL, cut="longest_first")}import torch
from sentence_transformers import CrossEncoder
{card.log_odds}
{card.constants()}
# Without an activation of its own a model with one label is shown through a sigmoid here; this gives the raw score.
model = CrossEncoder(
    MODEL,
    {card.revision}device=DEVICE,
    max_length=MAX_LENGTH,
    activation_fn={card.activation},
    model_kwargs={{"dtype": DTYPE}},
)
scores = [float(score) for score in model.predict([({card.asked}, passage) for passage in passages])]
kept = [(passage, score) for passage, score in zip(passages, scores) if score >= THRESHOLD]
for passage, score in sorted(kept, key=lambda pair: -pair[1]):
    print(f"{{score:+.3f}}  {{passage}}")
"""


def embedder(card: Card) -> str:
    """A program on `SentenceTransformer`, which adds no prompt of its own where one is given, even an empty one."""
    query_prompt = "INSTRUCTION" if card.threshold.instruction else '""'
    passage_prompt = "PASSAGE_INSTRUCTION" if card.threshold.spec.passage_instruction else '""'
    return f"""{card.head(INSTALL)}import torch
from sentence_transformers import SentenceTransformer

{card.constants()}
model = SentenceTransformer(MODEL, {card.revision}device=DEVICE, model_kwargs={{"dtype": DTYPE}})
model.max_seq_length = MAX_LENGTH


def vectors(texts, prompt):
    made = model.encode(texts, prompt=prompt, convert_to_tensor=True)
    return torch.nn.functional.normalize(made.float(), dim=1).double()


scores = (vectors(passages, {passage_prompt}) @ vectors([query], {query_prompt})[0]).tolist()
kept = [(passage, score) for passage, score in zip(passages, scores) if score >= THRESHOLD]
for passage, score in sorted(kept, key=lambda pair: -pair[1]):
    print(f"{{score:+.3f}}  {{passage}}")
"""
