"""FlagEmbedding: `normalize=False` gives the logit (FACTS 4.1); cosines of normalised vectors."""

from __future__ import annotations

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.types import ModelChoice
from playground.engine.snippets.card import Card, one_label_only
from playground.models.embedder_files import Pooling
from playground.models.resolve import resolve

# What the tests run it with: FlagEmbedding 1.4.2 cannot be imported beside transformers 5.24, and names no upper limit.
VERSIONS = ("FlagEmbedding==1.4.2", "transformers==4.57.3")
INSTALL = " ".join(f'"{version}"' for version in VERSIONS)


def reranker(card: Card) -> str:
    """A program on `FlagReranker`.

    Raises:
        InvalidInput: a model with two labels: this library would take both outputs for scores.
    """
    if card.two_labels:
        raise one_label_only("FlagEmbedding")
    instruction = "    query_instruction_for_rerank=INSTRUCTION,\n" if card.threshold.instruction else ""
    return f"""{card.head(INSTALL, cut="only_second")}import torch
from FlagEmbedding import FlagReranker
{_fetching(card)}
{card.constants()}
{card.folder()}# normalize=False gives the raw logit; True would put it through a sigmoid.
reranker = FlagReranker(
    folder,
    use_fp16=False,
    devices=[DEVICE],
    max_length=MAX_LENGTH,
    normalize=False,
{instruction})
# It runs in the number format of the files, which may be half precision.
reranker.model.to(DTYPE)
scores = [float(score) for score in reranker.compute_score([(query, passage) for passage in passages])]
kept = [(passage, score) for passage, score in zip(passages, scores) if score >= THRESHOLD]
for passage, score in sorted(kept, key=lambda pair: -pair[1]):
    print(f"{{score:+.3f}}  {{passage}}")
"""


def embedder(card: Card) -> str:
    """A program on `FlagModel`.

    Raises:
        InvalidInput: how the model pools its tokens is not known here, or not offered there.
    """
    before = card.threshold.spec.passage_instruction
    passages = "[PASSAGE_INSTRUCTION + passage for passage in passages]" if before else "passages"
    precision = card.threshold.spec.precision
    instruction = "    query_instruction_for_retrieval=INSTRUCTION,\n" if card.threshold.instruction else ""
    return f"""{card.head(INSTALL)}import numpy as np
from FlagEmbedding import FlagModel
{_fetching(card)}
{card.constants(dtype=False)}
{card.folder()}model = FlagModel(
    folder,
    pooling_method={_pooling(card)!r},
    normalize_embeddings=True,
    use_fp16={precision == "fp16"},
    use_bf16={precision == "bf16"},
    devices=[DEVICE],
    query_max_length=MAX_LENGTH,
    passage_max_length=MAX_LENGTH,
{instruction})
query_vector = np.asarray(model.encode_queries([query]), dtype=np.float64)[0]
passage_vectors = np.asarray(model.encode_corpus({passages}), dtype=np.float64)
# Again in double precision: half precision leaves lengths that are not quite 1.
lengths = np.linalg.norm(passage_vectors, axis=1) * np.linalg.norm(query_vector)
scores = (passage_vectors @ query_vector / lengths).tolist()
kept = [(passage, score) for passage, score in zip(passages, scores) if score >= THRESHOLD]
for passage, score in sorted(kept, key=lambda pair: -pair[1]):
    print(f"{{score:+.3f}}  {{passage}}")
"""


def _fetching(card: Card) -> str:
    return "" if card.local else "from huggingface_hub import snapshot_download\n"


def _pooling(card: Card) -> Pooling:
    spec = card.threshold.spec
    try:
        found = resolve(ModelChoice(spec.model_id, spec.revision, "embedder"), offline=True)
    except PlaygroundError:
        found = None
    if found is not None and found.dense:
        raise InvalidInput(
            "FlagEmbedding does not run the linear steps that this model adds after pooling. Take the snippet for "
            "sentence-transformers."
        )
    pooling = None if found is None else found.pooling
    if pooling not in ("cls", "mean"):
        raise InvalidInput(
            "FlagEmbedding must be told how this model pools its tokens, by CLS or mean, and that is not known here. "
            "Take the snippet for sentence-transformers."
        )
    return pooling
