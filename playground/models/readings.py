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
        plain: that of them which the id alone means; empty for none.
    """

    what: Literal["modes", "layers", "ratios"]
    values: tuple[str, ...]
    ids: tuple[str, ...]
    plain: str = ""


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
    values = (*modes.MAKERS, modes.named(dict(modes.MAKERS)))
    ids = tuple(f"{name}#mode={mode}" for mode in values)
    # As an embedder it gives the cosines of the first.
    return Readings("modes", values, ids, ids[0])


def _depths(name: str, architecture: str, first: int, last: int) -> tuple[Readings, ...]:
    steps, makers = N_LAYERS - 1, LAYERWISE[architecture]
    layers = tuple(dict.fromkeys(first + (last - first) * step // steps for step in range(N_LAYERS)))
    own = makers.layer if first <= makers.layer <= last else last
    if architecture != "CostWiseGemmaForCausalLM":
        ids = tuple(f"{name}#layer={layer}" for layer in layers)
        return (Readings("layers", tuple(map(str, layers)), ids, f"{name}#layer={own}" if own in layers else ""),)
    # A model that can pool the passage too: all layers without, then one layer with.
    ids = tuple(f"{name}#layer={layer},ratio=1" for layer in layers)
    at = makers.at[0] if makers.at[0] < own else max(1, own // 2)
    pooled = tuple(f"{name}#layer={own},ratio={ratio}" + (f",at={at}" if ratio > 1 else "") for ratio in RATIOS)
    plain = pooled[RATIOS.index(makers.ratio)] if at in makers.at else ""
    return (
        Readings("layers", tuple(map(str, layers)), ids),
        Readings("ratios", tuple(map(str, RATIOS)), pooled, plain),
    )
