"""What a model is, told from its small files: reranker or embedder, and which family runs it. What runs here in no way
is refused by a sentence that names its architecture and what would run instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from playground.core.errors import ModelUnsuitable
from playground.core.types import Kind
from playground.models import apart_files, modes, prompts
from playground.models.catalog import find
from playground.models.heads import relevant_label
from playground.models.layers import LAYERWISE, Depth, depth_of
from playground.models.named import split
from playground.models.small_files import modules, read_json, steps

# Encoders whose heads and position tables are known here.
ENCODERS = frozenset(
    {"albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "ernie", "gte", "modernbert", "mpnet"}
    | {"roberta", "xlm-roberta", "xlm-roberta-xl"}
)

# Decoders that run here as embedders, where the files say how their tokens are pooled.
DECODERS = frozenset({"gemma3_text", "qwen2", "qwen3"})

# What runs here of the same makers or of the same size, for architectures that come with Python of their own.
INSTEAD = {
    "JinaForRanking": "Qwen/Qwen3-Reranker-0.6B",
    "NewForSequenceClassification": "Alibaba-NLP/gte-reranker-modernbert-base",
}


class Found(NamedTuple):
    """What runs a model.

    Attributes:
        family: key of `models.FAMILIES`.
        prompt: key of `prompts.PROMPTS` for a language model, else empty.
        heads: files of weights that it needs besides those of transformers.
        max_length: tokens of a passage that its files say; None where they do not.
        depth: where a model stops that scores after several of its layers.
    """

    kind: Kind
    family: str
    prompt: str = ""
    heads: tuple[str, ...] = ()
    max_length: int | None = None
    depth: Depth | None = None


def kind_of(model_id: str, folder: Path, config: dict[str, Any]) -> Found:
    """What the model is.

    Raises:
        ModelUnsuitable: it runs here in no way.
    """
    architecture = next(iter(config.get("architectures") or ()), "")
    model_type = str(config.get("model_type", ""))
    if split(model_id).mode:
        return _in_modes(model_id, architecture, model_type)
    known = find(split(model_id).name)
    if model_type in DECODERS and ("Pooling" in steps(folder) or (known is not None and known.kind == "embedder")):
        return Found("embedder", "bi_encoder")
    prompt = prompts.of(model_id, architecture, split(model_id).prompt)
    if prompt:
        depth = depth_of(model_id, architecture, config, split(model_id))
        return Found("reranker", prompts.PROMPTS[prompt].family, prompt, depth=depth)
    if architecture.endswith(("ForCausalLM", "ForConditionalGeneration")):
        raise _unknown_language_model(model_id, architecture)
    if model_type not in ENCODERS:
        raise ModelUnsuitable(
            "{model} is of type {type}, which this version does not run. Try a BERT or XLM-RoBERTa model.",
            model=model_id,
            type=model_type or "unknown",
        )
    if apart_files.is_splade(folder):
        apart_files.splade_of(model_id, folder)
        return Found("reranker", "splade")
    if apart_files.is_colbert(folder, architecture):
        files = apart_files.colbert_of(model_id, folder, architecture)
        heads = tuple(f"{head}/model.safetensors" for head in files.heads)
        return Found("reranker", "colbert", heads=heads, max_length=files.passage_length)
    if architecture.endswith("ForSequenceClassification"):
        relevant_label(split(model_id).name, config, split(model_id).label)
        return Found("reranker", "cross_encoder")
    if "Pooling" in steps(folder) or (architecture.endswith("Model") and known):
        return Found("embedder", "bi_encoder")
    if architecture.endswith("Model"):
        raise ModelUnsuitable(
            "{model} is a bare encoder, without a head for scores or a rule for pooling. Try a reranker.",
            model=model_id,
        )
    raise ModelUnsuitable(
        "{model} is a {type}, neither a reranker nor an embedder. Try another model.",
        model=model_id,
        type=architecture or "model without a named architecture",
    )


def _in_modes(model_id: str, architecture: str, model_type: str) -> Found:
    """What an id that names a mode is.

    Raises:
        InvalidInput, ModelUnsuitable: no such mode, or a model that has none.
    """
    modes.weights_of(split(model_id).mode)
    if model_type in ENCODERS and architecture.endswith("Model"):
        return Found("reranker", "m3", heads=modes.HEADS)
    raise ModelUnsuitable(
        "{model} ({type}) has no modes; bge-m3 and models trained from it have. Leave out #mode={mode}.",
        model=split(model_id).name,
        type=architecture or "no architecture named",
        mode=split(model_id).mode,
    )


def wrong_kind(model_id: str, kind: Kind) -> ModelUnsuitable:
    """Why a model of this kind does not fit where the other kind was asked for."""
    if kind == "embedder" and find(f"{split(model_id).name}#mode=dense") is not None:
        return ModelUnsuitable(
            "{model} alone is an embedder: it gives one vector per text. To rank with it, say how after its name: "
            "{model}#mode=dense, #mode=sparse or #mode=colbert.",
            model=model_id,
        )
    if kind == "embedder":
        return ModelUnsuitable(
            "{model} is an embedder: it gives one vector per text. Use it in Embeddings, and a reranker here.",
            model=model_id,
        )
    return ModelUnsuitable(
        "{model} is a reranker: it scores pairs and gives no vectors. Use it in Ranking, and an embedder here.",
        model=model_id,
    )


def refuse_remote_code(model_id: str, folder: Path, config: dict[str, Any]) -> None:
    """Raises ModelUnsuitable where the files ask for Python of their own."""
    known = ("sentence_transformers.", "pylate.models.Dense.")
    foreign = [step["type"] for step in modules(folder) if not step["type"].startswith(known)]
    architecture = next(iter(config.get("architectures") or ()), "")
    own = "auto_map" in config and architecture not in LAYERWISE
    if own or "auto_map" in read_json(folder / "tokenizer_config.json") or foreign:
        reranks = architecture.endswith(("ForSequenceClassification", "ForCausalLM", "ForRanking"))
        raise ModelUnsuitable(
            "{model} ({type}) needs Python code from its repository, which is never run here. Try {instead}.",
            model=model_id,
            type=architecture or "no architecture named",
            instead=INSTEAD.get(architecture, "BAAI/bge-reranker-v2-m3" if reranks else "BAAI/bge-m3"),
        )


def _unknown_language_model(model_id: str, architecture: str) -> ModelUnsuitable:
    known = [(key, prompt) for key, prompt in prompts.PROMPTS.items() if architecture in prompt.architectures]
    if known:
        key, prompt = known[0]
        return ModelUnsuitable(
            "{model} is a language model ({type}), and nothing says how it was taught to be asked. If it was trained "
            "as {known} was, add that to the name: {model}#prompt={key}.",
            model=model_id,
            type=architecture,
            known=prompt.title,
            key=key,
        )
    return ModelUnsuitable(
        "{model} is a language model ({type}) that this version does not run. Of language models it runs {known}.",
        model=model_id,
        type=architecture,
        known=", ".join(prompt.title for prompt in prompts.PROMPTS.values()),
    )
