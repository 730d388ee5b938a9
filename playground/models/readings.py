"""One model read in several ways, each of which is an id of its own. Nothing here imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from playground.models import modes, prompts
from playground.models.catalog import find
from playground.models.layers import LAYERWISE, RATIOS
from playground.models.named import is_folder, split
from playground.models.small_files import read_json

# So many layers are offered, the first and the last among them.
N_LAYERS = 5


class Readings(NamedTuple):
    """Ways that differ in one thing.

    Attributes:
        values: what differs, in the order of `ids`.
        ids: the model's id with the option.
    """

    what: Literal["modes", "layers", "ratios"]
    values: tuple[str, ...]
    ids: tuple[str, ...]


def readings_of(model_id: str) -> tuple[Readings, ...]:
    """The ways in which a model of the catalogue or a folder can be read; nothing for one that is read in one way."""
    name = split(model_id).name
    if is_folder(name):
        folder = Path(name).expanduser()
        if all((folder / head).is_file() for head in modes.HEADS):
            return (_modes(name),)
        config = read_json(folder / "config.json")
        architecture = next(iter(config.get("architectures") or ()), "")
        last = config.get("num_hidden_layers")
        if architecture in LAYERWISE and isinstance(last, int):
            return _depths(name, architecture, int(config.get("start_layer") or 1), last)
        return ()
    if find(f"{name}#mode=dense") is not None:
        return (_modes(name),)
    entry = find(name)
    if entry is None or entry.family != "layerwise":
        return ()
    prompt = prompts.BGE_LIGHTWEIGHT if prompts.BGE_LIGHTWEIGHT.names[0] in name.lower() else prompts.BGE_LAYERWISE
    architecture = prompt.architectures[0]
    return _depths(name, architecture, *LAYERWISE[architecture].layers)


def _modes(name: str) -> Readings:
    weights = modes.named(dict(modes.MAKERS))
    return Readings(
        "modes", (*modes.MAKERS, weights), tuple(f"{name}#mode={mode}" for mode in (*modes.MAKERS, weights))
    )


def _depths(name: str, architecture: str, first: int, last: int) -> tuple[Readings, ...]:
    steps = N_LAYERS - 1
    layers = dict.fromkeys(first + (last - first) * step // steps for step in range(N_LAYERS))
    compresses = architecture == "CostWiseGemmaForCausalLM"
    # Where a model can pool the passage too, all layers are compared without.
    plain = ",ratio=1" if compresses else ""
    found = Readings("layers", tuple(map(str, layers)), tuple(f"{name}#layer={layer}{plain}" for layer in layers))
    if not compresses:
        return (found,)
    makers = LAYERWISE[architecture]
    layer = min(makers.layer, last)
    at = makers.at[0] if makers.at[0] < layer else max(1, layer // 2)
    ratios = tuple(f"{name}#layer={layer},ratio={ratio}" + (f",at={at}" if ratio > 1 else "") for ratio in RATIOS)
    return found, Readings("ratios", tuple(map(str, RATIOS)), ratios)
