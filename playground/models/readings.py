"""One model read in several ways, each of which is an id of its own. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from playground.core.errors import PlaygroundError
from playground.models import modes
from playground.models.catalog import find
from playground.models.layers import RATIOS, Depth
from playground.models.named import is_folder, split
from playground.models.settings import settings_of

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
    folder = Path(name).expanduser() if is_folder(name) else None
    has_heads = folder is not None and all((folder / head).is_file() for head in modes.HEADS)
    if has_heads or find(f"{name}#mode=dense") is not None:
        return (_modes(name),)
    try:
        settings = settings_of(name)
    except PlaygroundError:
        return ()
    return () if settings.depth is None else _depths(name, settings.layers, settings.depth)


def _modes(name: str) -> Readings:
    values = (*modes.MAKERS, modes.named(dict(modes.MAKERS)))
    ids = tuple(f"{name}#mode={mode}" for mode in values)
    # As an embedder it gives the cosines of the first.
    return Readings("modes", values, ids, ids[0])


def _depths(name: str, allowed: Sequence[int], own: Depth) -> tuple[Readings, ...]:
    """Args: own: where the id alone stops."""
    steps = N_LAYERS - 1
    layers = tuple(dict.fromkeys(allowed[(len(allowed) - 1) * step // steps] for step in range(N_LAYERS)))
    if not own.compresses:
        ids = tuple(f"{name}#layer={layer}" for layer in layers)
        plain = f"{name}#{own.option}" if own.layer in layers else ""
        return (Readings("layers", tuple(map(str, layers)), ids, plain),)
    # A model that can pool the passage too: all layers without, then one layer with.
    ids = tuple(f"{name}#layer={layer},ratio=1" for layer in layers)
    at = next(iter(own.at), max(1, own.layer // 2))
    pooled = tuple(f"{name}#layer={own.layer},ratio={ratio}" + (f",at={at}" if ratio > 1 else "") for ratio in RATIOS)
    return (
        Readings("layers", tuple(map(str, layers)), ids),
        Readings("ratios", tuple(map(str, RATIOS)), pooled, next((id for id in pooled if id.endswith(own.option)), "")),
    )
