"""What a training can start from: encoders with safetensors. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from playground.core.errors import ModelUnsuitable, NoRoom
from playground.core.training import RECIPES, TrainingAsk
from playground.core.types import DeviceName, Kind, ModelChoice
from playground.engine.training_memory import need_of
from playground.models import bm25, devices, hub, kinds, memory, resolve, room
from playground.models.catalog import find as known
from playground.models.named import is_folder, parse_choice, split
from playground.remote.address import is_remote

FAMILIES = ("cross_encoder", "bi_encoder")
TOO_LARGE = (
    "Training all weights of {model} takes at least {need} of memory, and {free} is free on the {device}. Choose a "
    "smaller base."
)
ADAPTERS_INSTEAD = (
    "Training all weights of {model} takes at least {need} of memory, and {free} is free on the {device}. Adapters "
    "(LoRA, under More settings) take {adapters}; a smaller base takes less, too."
)
ADAPTERS_TOO_LARGE = (
    "Training adapters (LoRA) for {model} takes at least {need} of memory, and {free} is free on the {device}. Choose "
    "a smaller base."
)
IN_PARTS = (
    "A step over the longest passages takes about {need} of memory, and {free} is free on the {device}. "
    "Such steps are taken in parts: the same model comes out, but they may take up to three times as long."
)


@dataclass(frozen=True, slots=True)
class Base:
    """What a training starts from, once it is found.

    Attributes:
        folder: its files; absolute, since the training runs elsewhere.
        adapters: whether LoRA adapters are trained in place of all weights.
        revision: commit of the Hub snapshot; None for a folder.
        max_length: tokens that it reads where nobody says otherwise.
        warning: English; where free memory does not do for whole steps.
        step_tokens: tokens of a step that there is memory for at once; 0 where there is for all.
    """

    kind: Kind
    folder: str
    adapters: bool
    revision: str | None = None
    max_length: int = 0
    warning: str = ""
    step_tokens: int = 0


def find(
    ask: TrainingAsk,
    *,
    offline: bool,
    free: room.Free = memory.free_mib,
    on_progress: resolve.OnProgress | None = None,
    trains: bool = True,
) -> Base:
    """The base, downloaded if need be; of the revision that was found first, where it was found before.

    Args:
        free: memory of a device, in MiB. What is too large is refused before it is downloaded.
        on_progress: as in `resolve`. What it raises ends the download.
        trains: False where it is only run, so that what a training takes need not be free.

    Raises:
        ModelError: it cannot be found, or not be trained, or there is no room for it.
    """
    model_id, revision = parse_choice(ask.base)
    refuse(model_id)
    revision = ask.revision or revision
    kind = resolve.kind_of(model_id, revision, offline=offline)
    device, _ = devices.foreseen(cast(DeviceName, ask.device), "fp32") or ("cpu", "fp32")

    def fits(n_parameters: int, n_bytes: int = 0) -> None:
        room.require_memory(model_id, kind, n_parameters, device, "fp32", free)
        room.require_disk(model_id, kind, n_bytes, hub.cache_folder())

    choice = ModelChoice(model_id, revision, kind=kind)
    found = resolve.resolve(choice, offline=offline, on_progress=on_progress, before_download=fits)
    if found.family not in FAMILIES or found.config.get("model_type") not in kinds.ENCODERS:
        raise ModelUnsuitable(
            "{model} ({type}) cannot be trained here: only encoders can, such as BERT and XLM-RoBERTa, as rerankers or "
            "embedders. Choose another base.",
            model=model_id,
            type=found.architecture,
        )
    base = Base(kind, str(found.folder.absolute()), ask.adapters == "yes", found.revision, found.default_max_length)
    return _fitted(ask, base, found, device, free(device)) if trains else base


def _fitted(ask: TrainingAsk, base: Base, found: resolve.Resolved, device: str, free_mib: float) -> Base:
    """With adapters where they were asked for, or all weights do not fit and adapters need less; with a bound and a
    warning where whole steps may not fit.

    Raises:
        NoRoom: what is to be trained does not fit even with steps in their smallest parts.
    """
    whole, adapted = (need_of(found, RECIPES[ask.preset], adapters=each) for each in (False, True))
    peft = find_spec("peft") is not None
    smaller = free_mib < whole.least_mib > adapted.least_mib and peft
    adapters = ask.adapters == "yes" or (ask.adapters == "auto" and smaller)
    need = adapted if adapters else whole
    gpu = "GPU" if device in ("cuda", "mps") else "CPU"
    said = {"model": found.model_id, "free": room.gib(free_mib), "device": gpu}
    if need.least_mib <= free_mib:
        step_tokens = need.step_tokens(free_mib)
        in_parts = IN_PARTS.format(need=room.gib(need.memory_mib), **said) if step_tokens else ""
        return replace(base, adapters=adapters, warning=in_parts, step_tokens=step_tokens)
    too_large = ADAPTERS_INSTEAD if peft and adapted.least_mib <= free_mib else TOO_LARGE
    raise NoRoom(
        ADAPTERS_TOO_LARGE if adapters else too_large,
        need=room.gib(need.least_mib),
        adapters=room.gib(adapted.least_mib),
        on=device,
        missing_mib=need.least_mib - free_mib,
        **said,
    )


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


def read_alike(base: Base, trained: Path) -> int:
    """Tokens that both the base and what it became read, so that before and after are read alike."""
    made = resolve.resolve(ModelChoice(str(trained)), offline=True)
    return min(base.max_length or made.default_max_length, made.default_max_length)


def at_hand(model_id: str) -> bool:
    """Whether looking at it needs no download: it is a folder, or comes with the project."""
    entry = known(model_id)
    return is_folder(model_id) or (entry is not None and entry.built_in)
