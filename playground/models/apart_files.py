"""What the files of a sparse encoder or a ColBERT say of how it reads query and passage. Nothing here imports torch."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playground.core.errors import ModelUnsuitable
from playground.models.small_files import modules, read_json, steps

# The class that Stanford's ColBERT writes into its config.
STANFORD = "HF_ColBERT"
_SENTENCE_TRANSFORMERS = "config_sentence_transformers.json"


@dataclass(frozen=True, slots=True)
class Splade:
    """How logits over the vocabulary become one weight for each of its tokens.

    Attributes:
        pooling: over the tokens of the text.
        twice: whether the logarithm is taken twice, as in the sparse encoders of OpenSearch.
    """

    pooling: Literal["max", "sum"]
    twice: bool


@dataclass(frozen=True, slots=True)
class ColbertFiles:
    """How a ColBERT reads texts, and what makes its vectors of hidden states.

    Attributes:
        query_mark, passage_mark: tokens that go after the first special one; empty for none.
        query_length: tokens of a query.
        passage_length: tokens of a passage; None for what the position table allows.
        expands: whether a shorter query is filled with mask tokens, which are scored like its words.
        attends: whether the words of the query see those mask tokens.
        skipped: words whose tokens are not scored in a passage.
        heads: folders of linear layers, each with its safetensors; empty where the layer is among the main weights.
    """

    query_mark: str
    passage_mark: str
    query_length: int
    passage_length: int | None
    expands: bool
    attends: bool
    skipped: tuple[str, ...]
    heads: tuple[str, ...]


def is_splade(folder: Path) -> bool:
    """Whether this is a SparseEncoder of sentence-transformers with a masked language model's head."""
    return "SpladePooling" in steps(folder)


def is_colbert(folder: Path, architecture: str) -> bool:
    """Whether this is a ColBERT as PyLate or Stanford's own code saves it."""
    return architecture == STANFORD or read_json(folder / _SENTENCE_TRANSFORMERS).get("model_type") == "ColBERT"


def splade_of(model_id: str, folder: Path) -> Splade:
    """Source: sentence-transformers 6.2, `sparse_encoder/modules/splade_pooling.py`.

    Raises:
        ModelUnsuitable: it has steps or settings that do not run here.
    """
    _refuse_steps(model_id, folder, {"MLMTransformer", "Transformer", "SpladePooling"})
    path = next(step["path"] for step in modules(folder) if step["type"].endswith(".SpladePooling"))
    config = read_json(folder / path / "config.json")
    pooling, activation = config.get("pooling_strategy", "max"), config.get("activation_function", "relu")
    similarity = read_json(folder / _SENTENCE_TRANSFORMERS).get("similarity_fn_name") or "dot"
    if pooling not in ("max", "sum") or activation not in ("relu", "log1p_relu") or similarity != "dot":
        raise _other_settings(model_id, f"{pooling}, {activation}, {similarity}")
    return Splade(pooling, activation == "log1p_relu")


def colbert_of(model_id: str, folder: Path, architecture: str) -> ColbertFiles:
    """Source: PyLate 1.6.0, `models/colbert.py`, and for Stanford's `artifact.metadata` sentence-transformers 6.2,
    `multi_vector_encoder/model.py` (`_maybe_load_stanford_metadata`).

    Raises:
        ModelUnsuitable: it has steps or settings that do not run here.
    """
    return _stanford(model_id, folder) if architecture == STANFORD else _pylate(model_id, folder)


def query_prompt(model_id: str, folder: Path) -> str:
    """What goes before a query; empty where nothing.

    Raises:
        ModelUnsuitable: something goes before every passage too.
    """
    config = read_json(folder / _SENTENCE_TRANSFORMERS)
    prompts = config.get("prompts") or {}
    if any(prompts.get(name) for name in ("document", "passage", "corpus", config.get("default_prompt_name"))):
        raise ModelUnsuitable(
            "{model} puts a prompt before every passage, which is done here for embedders only. Try another model.",
            model=model_id,
        )
    return str(prompts.get("query") or "")


def _pylate(model_id: str, folder: Path) -> ColbertFiles:
    _refuse_steps(model_id, folder, {"Transformer", "Dense"})
    heads = tuple(step["path"] for step in modules(folder) if step["type"].endswith(".Dense"))
    for head in heads:
        activation = str(read_json(folder / head / "config.json").get("activation_function", ""))
        if not activation.endswith(".Identity"):
            raise _other_settings(model_id, activation or "no activation_function")
    config = read_json(folder / _SENTENCE_TRANSFORMERS)
    if config.get("similarity_fn_name") not in (None, "MaxSim", "maxsim", "cosine"):
        raise _other_settings(model_id, str(config["similarity_fn_name"]))
    return ColbertFiles(
        query_mark=str(_said(config, "query_prefix", "[Q] ")),
        passage_mark=str(_said(config, "document_prefix", "[D] ")),
        query_length=int(_said(config, "query_length", 32)),
        passage_length=int(_said(config, "document_length", 180)),
        expands=bool(_said(config, "do_query_expansion", True)),
        attends=bool(_said(config, "attend_to_expansion_tokens", False)),
        skipped=tuple(_said(config, "skiplist_words", string.punctuation)),
        heads=heads,
    )


def _stanford(model_id: str, folder: Path) -> ColbertFiles:
    config = read_json(folder / "artifact.metadata")
    if config.get("similarity", "cosine") != "cosine":
        raise _other_settings(model_id, str(config["similarity"]))
    passage_length = config.get("doc_maxlen")
    return ColbertFiles(
        query_mark=str(_said(config, "query_token_id", "[unused0]")),
        passage_mark=str(_said(config, "doc_token_id", "[unused1]")),
        query_length=int(_said(config, "query_maxlen", 32)),
        passage_length=None if passage_length is None else int(passage_length),
        expands=True,
        attends=bool(config.get("attend_to_mask_tokens")),
        skipped=tuple(string.punctuation) if _said(config, "mask_punctuation", True) else (),
        heads=(),
    )


def _said(config: dict[str, Any], name: str, default: Any) -> Any:
    value = config.get(name)
    return default if value is None else value


def _refuse_steps(model_id: str, folder: Path, known: set[str]) -> None:
    unknown = set(steps(folder)) - known
    if unknown:
        raise _other_settings(model_id, ", ".join(sorted(unknown)))


def _other_settings(model_id: str, settings: str) -> ModelUnsuitable:
    return ModelUnsuitable(
        "{model} makes or compares its vectors in a way that this version does not run ({settings}). Try another "
        "model.",
        model=model_id,
        settings=settings,
    )
