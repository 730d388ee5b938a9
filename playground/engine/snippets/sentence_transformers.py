"""sentence-transformers: the logit through `activation_fn=Identity` (FACTS 4.5), and each kind of encoder's own scores.

With a chat template, it restores what stands after the passage where that is cut (`restore_suffix`), so that long
texts are cut as on the model card of Qwen3-Reranker.
"""

from __future__ import annotations

from types import MappingProxyType

from playground.engine.snippets.card import Card, literal
from playground.models.prompts import QWEN3

INSTALL = '"sentence-transformers>=5" "transformers>=4.56"'
# Templates with a query and a document, and several vectors for a text.
INSTALL_6 = '"sentence-transformers>=6.2"'


def reranker(card: Card) -> str:
    """A program on `CrossEncoder`."""
    return f"""{card.head(INSTALL, cut="longest_first")}import torch
from sentence_transformers import CrossEncoder

{card.constants()}
# Without an activation of its own a model with one label is shown through a sigmoid here; this gives the raw score.
model = CrossEncoder(
    MODEL,
    {card.revision}device=DEVICE,
    max_length=MAX_LENGTH,
    activation_fn=torch.nn.Identity(),
    model_kwargs={{"dtype": DTYPE}},
)
pairs = [({card.asked}, passage) for passage in passages]
logits = model.predict(pairs, convert_to_tensor=True)
{card.log_odds}{card.ending}"""


def qwen3(card: Card) -> str:
    """A program on `CrossEncoder` with the prompt as a template: its last step is the logit of yes less that of no."""

    def said(role: str) -> str:
        return f"{{{{ messages | selectattr('role', 'eq', '{role}') | map(attribute='content') | first }}}}"

    instructed = QWEN3.instructed.format(instruction=said("system")) if card.instruction else ""
    # Jinja drops a newline at the end.
    words = f"{QWEN3.head[0]}{instructed}{QWEN3.query}{said('query')}{QWEN3.passage}{said('document')}{QWEN3.tail[0]}\n"
    prompt = "prompt=INSTRUCTION, " if card.instruction else ""
    return f"""{card.head(INSTALL_6, cut="longest_first")}import torch
from sentence_transformers import CrossEncoder

{card.constants()}
TEMPLATE = {literal(words)}

# Without an activation of its own it is shown through a sigmoid here; this gives the raw score.
model = CrossEncoder(
    MODEL,
    {card.revision}device=DEVICE,
    max_length=MAX_LENGTH,
    activation_fn=torch.nn.Identity(),
    model_kwargs={{"dtype": DTYPE}},
    processor_kwargs={{"chat_template": TEMPLATE}},
)
scores = model.predict([(query, passage) for passage in passages], {prompt}convert_to_tensor=True).tolist()
{card.ending}"""


def embedder(card: Card) -> str:
    """A program on `SentenceTransformer`, which adds no prompt of its own where one is given, even an empty one."""
    query_prompt = "INSTRUCTION" if card.instruction else '""'
    passage_prompt = "PASSAGE_INSTRUCTION" if card.spec.passage_instruction else '""'
    return f"""{card.head(INSTALL)}import torch
from sentence_transformers import SentenceTransformer

{card.constants()}
model = SentenceTransformer(MODEL, {card.revision}device=DEVICE, model_kwargs={{"dtype": DTYPE}})
model.max_seq_length = MAX_LENGTH


def vectors(texts, prompt):
    made = model.encode(texts, prompt=prompt, convert_to_tensor=True)
    return torch.nn.functional.normalize(made.float(), dim=1).double()


scores = (vectors(passages, {passage_prompt}) @ vectors([query], {query_prompt})[0]).tolist()
{card.ending}"""


def splade(card: Card) -> str:
    """A program on `SparseEncoder`."""
    return f"""{card.head(INSTALL)}import torch
from sentence_transformers import SparseEncoder

{card.constants()}
model = SparseEncoder(MODEL, {card.revision}device=DEVICE, model_kwargs={{"dtype": DTYPE}})
model.max_seq_length = MAX_LENGTH
query_weights = model.encode_query([{card.asked}], prompt="")
passage_weights = model.encode_document(passages, prompt="")
scores = model.similarity(query_weights.float(), passage_weights.float()).to_dense()[0].tolist()
{card.ending}"""


def colbert(card: Card) -> str:
    """A program on `MultiVectorEncoder`."""
    return f"""{card.head(INSTALL_6)}import torch
from sentence_transformers import MultiVectorEncoder

{card.constants()}
model = MultiVectorEncoder(MODEL, {card.revision}device=DEVICE, model_kwargs={{"dtype": DTYPE}})
# Of a passage. How long a query is, and what marks the two, stands in the model's files.
model[0].document_length = MAX_LENGTH
query_vectors = model.encode_query([{card.asked}])
passage_vectors = model.encode_document(passages)
scores = model.similarity(query_vectors, passage_vectors)[0].tolist()
{card.ending}"""


WRITERS = MappingProxyType(
    {
        "cross_encoder": reranker,
        "two_labels": reranker,
        "labels": reranker,
        "qwen3-reranker": qwen3,
        "bi_encoder": embedder,
        "m3_dense": embedder,
        "splade": splade,
        "colbert": colbert,
    }
)
