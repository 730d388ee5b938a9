"""What a training can start from: encoders with safetensors. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from playground.core.errors import ModelUnsuitable
from playground.core.training import ADAPTERS_FROM, TrainingAsk
from playground.core.types import Kind, ModelChoice
from playground.models import bm25, kinds, resolve
from playground.models.catalog import find as known
from playground.models.named import is_folder, parse_choice, split
from playground.remote.address import is_remote

FAMILIES = ("cross_encoder", "bi_encoder")


@dataclass(frozen=True, slots=True)
class Base:
    """What a training starts from, once it is found.

    Attributes:
        folder: its files.
        adapters: whether LoRA adapters are trained in place of all weights.
    """

    kind: Kind
    folder: str
    adapters: bool


def find(ask: TrainingAsk, *, offline: bool) -> Base:
    """The base, downloaded if need be.

    Raises:
        ModelError: it cannot be found, or not be trained.
    """
    model_id, revision = parse_choice(ask.base)
    refuse(model_id)
    kind = resolve.kind_of(model_id, revision, offline=offline)
    found = resolve.resolve(ModelChoice(model_id, revision, kind=kind), offline=offline)
    if found.family not in FAMILIES or found.config.get("model_type") not in kinds.ENCODERS:
        raise ModelUnsuitable(
            "{model} ({type}) cannot be trained here: only encoders can, such as BERT and XLM-RoBERTa, as rerankers or "
            "embedders. Choose another base.",
            model=model_id,
            type=found.architecture,
        )
    adapters = ask.adapters == "yes" or (ask.adapters == "auto" and found.n_parameters >= ADAPTERS_FROM)
    return Base(kind, str(found.folder), adapters)


def refuse(model_id: str) -> None:
    """Nothing, where the id alone does not tell that it cannot be trained.

    Raises:
        ModelUnsuitable: it does.
    """
    if model_id == bm25.MODEL_ID:
        raise ModelUnsuitable("{model} counts words and has no weights to train. Choose another base.", model=bm25.NAME)
    if is_remote(model_id):
        raise ModelUnsuitable(
            "{model} runs on another machine, so its weights cannot be trained here. Choose a Hub id or a folder.",
            model=model_id,
        )
    if split(model_id).name != model_id:
        raise ModelUnsuitable(
            "What follows # in {model} says how it is read or run, and only the model itself can be trained. Leave it "
            "out.",
            model=model_id,
        )


def at_hand(model_id: str) -> bool:
    """Whether looking at it needs no download: it is a folder, or comes with the project."""
    entry = known(model_id)
    return is_folder(model_id) or (entry is not None and entry.built_in)
