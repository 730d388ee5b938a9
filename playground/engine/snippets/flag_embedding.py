"""FlagEmbedding: `normalize=False` gives the logit (FACTS 4.1); cosines of normalised vectors; each mode of bge-m3."""

from __future__ import annotations

from types import MappingProxyType

from playground.core.errors import InvalidInput
from playground.engine.snippets.card import Card
from playground.models import modes

# What the tests run it with: FlagEmbedding 1.4.2 cannot be imported beside transformers 5.24, and names no upper limit.
VERSIONS = ("FlagEmbedding==1.4.2", "transformers==4.57.3")
# Its modeling files of models that score after several layers need a transformers of their time.
LAYERWISE_VERSIONS = ("FlagEmbedding==1.4.2", "transformers==4.46.3")
RAW = "# normalize=False gives the raw logit; True would put it through a sigmoid.\n"


def reranker(card: Card) -> str:
    """A program on `FlagReranker`."""
    instruction = "    query_instruction_for_rerank=INSTRUCTION,\n" if card.instruction else ""
    return f"""{_top(card, "FlagReranker", cut="only_second")}{RAW}reranker = FlagReranker(
    folder,
    use_fp16=False,
    devices=[DEVICE],
    max_length=MAX_LENGTH,
    normalize=False,
{instruction})
# It runs in the number format of the files, which may be half precision.
reranker.model.to(DTYPE)
scores = [float(score) for score in reranker.compute_score([(query, passage) for passage in passages])]
{card.ending}"""


def gemma(card: Card) -> str:
    """A program on `FlagLLMReranker`."""
    return _language_model(card, "FlagLLMReranker", VERSIONS, "")


def layerwise(card: Card) -> str:
    """A program on `LayerWiseFlagLLMReranker`."""
    return _language_model(card, "LayerWiseFlagLLMReranker", LAYERWISE_VERSIONS, _depth(card))


def lightweight(card: Card) -> str:
    """A program on `LightWeightFlagLLMReranker`."""
    return _language_model(card, "LightWeightFlagLLMReranker", LAYERWISE_VERSIONS, _depth(card))


def m3(card: Card) -> str:
    """A program on `BGEM3FlagModel`, of whose readings those count that have a weight."""
    weights = modes.weights_of(card.named.mode)
    mode = next(iter(weights)) if len(weights) == 1 else "colbert+sparse+dense"
    weighed = [weights.get(each, 0.0) for each in ("dense", "sparse", "colbert")]
    counted = "" if len(weights) == 1 else f"    weights_for_different_modes={weighed},\n"
    precision = card.spec.precision
    return f"""{_top(card, "BGEM3FlagModel", dtype=False)}model = BGEM3FlagModel(
    folder,
    use_fp16={precision == "fp16"},
    use_bf16={precision == "bf16"},
    devices=[DEVICE],
)
# One pair at a time: in a batch, it takes the padding of a passage for tokens whose cosine is 0.
found = model.compute_score(
    [({card.asked}, passage) for passage in passages],
    batch_size=1,
    max_query_length=MAX_LENGTH,
    max_passage_length=MAX_LENGTH,
{counted})
scores = [float(score) for score in found[{mode!r}]]
{card.ending}"""


def embedder(card: Card) -> str:
    """A program on `FlagModel`.

    Raises:
        InvalidInput: how the model pools its tokens is not known here, or not offered there.
    """
    pooling = card.pooling("FlagEmbedding")
    if pooling == "last":
        raise InvalidInput(
            "FlagEmbedding pools by CLS or mean, and this model by its last token. Take the code for "
            "sentence-transformers."
        )
    precision = card.spec.precision
    instruction = "    query_instruction_for_retrieval=INSTRUCTION,\n" if card.instruction else ""
    return f"""{_top(card, "FlagModel", dtype=False, more="import numpy as np")}model = FlagModel(
    folder,
    pooling_method={pooling!r},
    normalize_embeddings=True,
    use_fp16={precision == "fp16"},
    use_bf16={precision == "bf16"},
    devices=[DEVICE],
    query_max_length=MAX_LENGTH,
    passage_max_length=MAX_LENGTH,
{instruction})
query_vector = np.asarray(model.encode_queries([query]), dtype=np.float64)[0]
passage_vectors = np.asarray(model.encode_corpus([{card.read} for passage in passages]), dtype=np.float64)
# Again in double precision: half precision leaves lengths that are not quite 1.
lengths = np.linalg.norm(passage_vectors, axis=1) * np.linalg.norm(query_vector)
scores = (passage_vectors @ query_vector / lengths).tolist()
{card.ending}"""


WRITERS = MappingProxyType(
    {
        "cross_encoder": reranker,
        "bge-gemma": gemma,
        "bge-layerwise": layerwise,
        "bge-lightweight": lightweight,
        "m3": m3,
        "m3_dense": m3,
        "bi_encoder": embedder,
    }
)


def _top(
    card: Card,
    name: str,
    *,
    cut: str = "",
    dtype: bool = True,
    more: str = "import torch",
    versions: tuple[str, ...] = VERSIONS,
) -> str:
    """Comments, imports, constants and the folder."""
    install = " ".join(f'"{version}"' for version in versions)
    imports = f"{more}\n" if dtype or "torch" not in more else ""
    return f"""{card.head(install, cut=cut)}{imports}from FlagEmbedding import {name}
{card.fetching}
{card.constants(dtype=dtype)}
{card.folder()}"""


def _language_model(card: Card, name: str, versions: tuple[str, ...], depth: str) -> str:
    instruction = "    prompt=INSTRUCTION,\n" if card.instruction else ""
    return f"""{_top(card, name, cut="only_second", versions=versions)}{RAW}reranker = {name}(
    folder,
    use_bf16={card.spec.precision == "bf16"},
    devices=[DEVICE],
    max_length=MAX_LENGTH,
    normalize=False,
{depth}{instruction})
# Some of these go to half precision whatever they are told.
reranker.use_fp16 = {card.spec.precision == "fp16"}
reranker.model.to(DTYPE)
scores = [float(score) for score in reranker.compute_score([(query, passage) for passage in passages])]
{card.ending}"""


def _depth(card: Card) -> str:
    """How deep the model is read, as the id says it."""
    named = card.named
    lines = f"    cutoff_layers=[{int(named.layer)}],\n"
    if named.ratio:
        at = [int(place) for place in named.at.split("+") if place]
        lines += f"    compress_ratio={int(named.ratio)},\n    compress_layers={at},\n"
    return lines
