"""How deep a reranker is read that scores after every one of its upper layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from playground.core.errors import InvalidInput, ModelUnsuitable
from playground.models.named import Named

RATIOS = (1, 2, 4, 8)


class Depth(NamedTuple):
    """Where a model stops.

    Attributes:
        layer: the last one that runs, from 1.
        head: name of the weights that score there.
        ratio: hidden states of the passage that become one, their mean; 1 for a model that cannot.
        at: layers after which that happens, in order.
        compresses: whether the model can.
    """

    layer: int
    head: str
    ratio: int = 1
    at: tuple[int, ...] = ()
    compresses: bool = False

    @property
    def option(self) -> str:
        """What the id of a model read so says after its #."""
        if not self.compresses:
            return f"layer={self.layer}"
        at = f",at={'+'.join(map(str, self.at))}" if self.at else ""
        return f"layer={self.layer},ratio={self.ratio}{at}"


class _Recommended(NamedTuple):
    """What the example of a model card asks for."""

    layer: int
    ratio: int
    at: tuple[int, ...]


# Their repositories carry Python of their own, which is never run: `models.layerwise` has what it adds to classes of
# transformers. Sources: the model cards, "Using FlagEmbedding".
LAYERWISE: Final = MappingProxyType(
    {
        "LayerWiseMiniCPMForCausalLM": _Recommended(28, 1, ()),
        "CostWiseGemmaForCausalLM": _Recommended(28, 2, (24, 40)),
    }
)


def depths_of(model_id: str, architecture: str, config: Mapping[str, Any], asked: Named) -> tuple[Depth, ...]:
    """Where it can stop, lowest first, with all else as asked; empty for any other model.

    Raises:
        InvalidInput, ModelUnsuitable: as `depth_of`.
    """
    layers = layers_of(architecture, config) if architecture in LAYERWISE else ()
    each = (depth_of(model_id, architecture, config, asked._replace(layer=str(layer))) for layer in layers)
    return tuple(depth for depth in each if depth is not None)


def depth_of(model_id: str, architecture: str, config: Mapping[str, Any], asked: Named) -> Depth | None:
    """Where to stop: as asked, else as its makers recommend, else at its last layer; None for any other model.

    Raises:
        InvalidInput: no head at that layer, or nothing to compress as asked; with what is allowed.
        ModelUnsuitable: heads or positions of a kind that this version does not run.
    """
    if architecture not in LAYERWISE:
        return None
    compresses = architecture == "CostWiseGemmaForCausalLM"
    _refuse_other_kinds(model_id, architecture, config)
    recommended = LAYERWISE[architecture]
    allowed = layers_of(architecture, config)
    n_layers = int(config.get("num_hidden_layers") or 0)
    layer = _number(asked.layer, recommended.layer if recommended.layer in allowed else n_layers)
    if layer not in allowed:
        raise InvalidInput(
            "{model} scores after the layers {allowed}, and not after layer {layer}.",
            model=asked.name,
            allowed=f"{allowed.start}-{n_layers}" if allowed.step == 1 else ", ".join(map(str, allowed)),
            layer=asked.layer or layer,
        )
    if not compresses:
        if asked.ratio or asked.at:
            raise InvalidInput("{model} cannot compress: it has layers to choose and no ratio.", model=asked.name)
        return Depth(layer, f"lm_head.{layer - allowed.start}.linear_head.weight")
    ratio = _number(asked.ratio, recommended.ratio)
    at = tuple(sorted({_number(part, 0) for part in asked.at.split("+")})) if asked.at else recommended.at
    if ratio not in RATIOS or (asked.at and not all(0 < place < n_layers for place in at)):
        raise InvalidInput(
            "{model} makes one hidden state of 1, 2, 4 or 8 (ratio), after any of the layers 1-{last} (at); ratio "
            "{ratio} at {at} is not among them.",
            model=asked.name,
            last=n_layers - 1,
            ratio=asked.ratio or ratio,
            at=asked.at or "+".join(map(str, at)),
        )
    before = tuple(place for place in at if place < layer) if ratio > 1 else ()
    # FlagEmbedding 1.4.2, `gemma_model.py`: the heads are taken in the order of the layers asked for, so one layer
    # alone is scored with the first head, whatever its number. The published scores were made so.
    return Depth(layer, "lm_head.0.linear_head.weight", ratio if before else 1, before, compresses=True)


def layers_of(architecture: str, config: Mapping[str, Any]) -> range:
    """The layers, from 1, after which such a model scores."""
    # What is missing has the values of FlagEmbedding 1.4.2, `configuration_minicpm_reranker.py` and `gemma_config.py`.
    compresses = architecture == "CostWiseGemmaForCausalLM"
    first = int(config.get("start_layer", 28 if compresses else 8))
    step = int(config.get("layer_sep", 28)) if compresses else 1
    return range(first, int(config.get("num_hidden_layers") or 0) + 1, step)


def _number(text: str, otherwise: int) -> int:
    """-1, which no layer and no ratio is, for what is no number, or one of too many digits."""
    return otherwise if not text else int(text) if re.fullmatch(r"[0-9]{1,4}", text) else -1


def _refuse_other_kinds(model_id: str, architecture: str, config: Mapping[str, Any]) -> None:
    instead = "BAAI/bge-reranker-v2-gemma"
    simple = config.get("head_type", "simple") == "simple" and config.get("head_multi", True)
    if not (config.get("layer_wise") if architecture == "CostWiseGemmaForCausalLM" else simple):
        raise ModelUnsuitable(
            "{model} ({type}) has a head over its vocabulary, where this version runs one that scores for each layer. "
            "Try {instead}.",
            model=model_id,
            type=architecture,
            instead=instead,
        )
    if config.get("rope_scaling"):
        raise ModelUnsuitable(
            "{model} ({type}) scales its positions, which this version does not run. Try {instead}.",
            model=model_id,
            type=architecture,
            instead=instead,
        )
