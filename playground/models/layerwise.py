"""Decoders that score after any of their upper layers (bge-reranker-v2-minicpm-layerwise and -v2.5-gemma2-lightweight).

What their repositories' own Python adds to known architectures, on classes of transformers: MiniCPM is a Granite whose
multipliers have other names, and a Gemma 2 that pools the passage on its way is still a Gemma 2.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from safetensors import safe_open
from torch.nn.utils.rnn import pad_sequence
from transformers import Gemma2Config, Gemma2Model, GraniteConfig, GraniteModel

from playground.core.types import EncodedPair
from playground.models import pretrained
from playground.models.bi_encoder import pool
from playground.models.causal_lm import CausalLM
from playground.models.layers import Depth, depths_of
from playground.models.named import split
from playground.models.resolve import Resolved
from playground.models.weights import read_header


class LayerWise(CausalLM):
    """A decoder read up to one of its layers. All layers and their heads are in memory, so another costs no load."""

    @staticmethod
    def _open(resolved: Resolved, dtype: torch.dtype, answers: Sequence[int]) -> tuple[torch.nn.Module, torch.Tensor]:
        if _depth(resolved).compresses:
            model = pretrained.load_weights(Gemma2Model, resolved, dtype, _gemma2(resolved.config))
        else:
            model = pretrained.load_weights(GraniteModel, resolved, dtype, _granite(resolved.config))
        heads = [_tensor(resolved, name).float()[0] for name in _heads(resolved)]
        return model, torch.stack(heads)

    def _settle(self) -> None:
        super()._settle()
        depth = _depth(self.resolved)
        self._answer = self._answers[_heads(self.resolved).index(depth.head)]
        self._model = _up_to(self._model, depth.layer)

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """As other decoders', within the bound that Gemma 2 keeps its logits in.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        logits, cap = super().logits(pairs), self.resolved.config.get("final_logit_softcapping")
        return [cap * math.tanh(logit / cap) for logit in logits] if cap else logits

    @property
    def depths(self) -> tuple[Depth, ...]:
        """Where it can stop, lowest first, with all else as it is read now."""
        resolved = self.resolved
        return depths_of(resolved.model_id, resolved.architecture, resolved.config, split(resolved.asked))

    def by_layer(self, pairs: Sequence[EncodedPair]) -> list[list[float]]:
        """What `logits` gives with each of `depths`, from one pass through all layers: (len(pairs), len(depths)).

        A layer that is pooled after is scored before, so one pass is what each depth alone would have computed.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        if not pairs:
            return []
        names, cap = _heads(self.resolved), self.resolved.config.get("final_logit_softcapping")
        with self._prefix_dropped(), pretrained.out_of_memory_named(len(pairs)), torch.inference_mode():
            after = dict(self._after_each(self._inputs(pairs), self.depths[-1]))
            columns = [
                self._model.norm(after[depth.layer]).float() @ self._answers[names.index(depth.head)]
                for depth in self.depths
            ]
            rows: list[list[float]] = torch.stack(columns, dim=1).tolist()
        return [[cap * math.tanh(logit / cap) for logit in row] if cap else row for row in rows]

    def _after_each(self, inputs: dict[str, torch.Tensor], last: Depth) -> Iterator[tuple[int, torch.Tensor]]:
        """Each layer up to the last with the hidden state of the last token after it, (batch, dim)."""
        if last.at:
            yield from self._compressing(inputs, last)
            return
        after: list[torch.Tensor] = []
        model, mask = _up_to(self._model, last.layer), inputs["attention_mask"]
        hooks = [
            layer.register_forward_hook(lambda _layer, _inputs, hidden: after.append(pool(hidden, mask, "last")))
            for layer in model.layers[: last.layer]
        ]
        try:
            model(input_ids=inputs["input_ids"], use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
        yield from enumerate(after, 1)

    def _inputs(self, encoded: Sequence[EncodedPair]) -> dict[str, torch.Tensor]:
        return super()._inputs(encoded) | {"bodies": torch.tensor([pair.body for pair in encoded])}

    def _answering(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """The last hidden state of the last layer that runs, with the passage pooled on the way."""
        depth = _depth(self.resolved)
        if not depth.at:
            return super()._answering(inputs)
        *_, (_, last) = self._compressing(inputs, depth)
        self.n_read = None
        answering: torch.Tensor = self._model.norm(last)
        return answering

    def _compressing(self, inputs: dict[str, torch.Tensor], depth: Depth) -> Iterator[tuple[int, torch.Tensor]]:
        """Each layer with the hidden state of the last token after it, (batch, dim), before the passage is pooled."""
        model = self._model
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        bodies = inputs["bodies"].tolist()
        hidden = model.embed_tokens(inputs["input_ids"])
        for start, end in pairwise((0, *depth.at, depth.layer)):
            if start:
                rows = [
                    pooled(row[:length], body, depth.ratio)
                    for row, length, body in zip(hidden, lengths, bodies, strict=True)
                ]
                bodies = [(first, first + math.ceil((last - first) / depth.ratio)) for first, last in bodies]
                lengths = [len(row) for row in rows]
                hidden = pad_sequence(rows, batch_first=True)
            places = torch.tensor(lengths, device=hidden.device) - 1
            rows_of = torch.arange(len(lengths), device=hidden.device)
            for layer, after in _through(model, hidden, range(start, end)):
                yield layer, after[rows_of, places]
            hidden = after


def pooled(hidden: torch.Tensor, body: Sequence[int], ratio: int) -> torch.Tensor:
    """One text's hidden states with those of the passage replaced by the means of `ratio` neighbours.

    Args:
        hidden: (seq, dim), without padding.
        body: where the passage begins and ends.
    Returns:
        (shorter seq, dim); the last mean is of what is left.
    Source: FlagEmbedding 1.4.2, `gemma_model.py`, `token_compress`.
    """
    first, last = body
    means = [group.mean(dim=0, keepdim=True) for group in torch.split(hidden[first:last], ratio)]
    return torch.cat([hidden[:first], *means, hidden[last:]])


def _through(model: Any, hidden: torch.Tensor, layers: range) -> Iterator[tuple[int, torch.Tensor]]:
    """Each layer, from 1, with (batch, seq, dim) after it: some layers of a Gemma 2, as its own forward pass runs them.

    Args:
        hidden: padded on the right.
    """
    config, places = model.config, torch.arange(hidden.shape[1], device=hidden.device)
    distance = places[:, None] - places
    hides = {"full_attention": distance < 0, "sliding_attention": (distance < 0) | (distance >= config.sliding_window)}
    masks = {
        kind: torch.zeros_like(hid, dtype=hidden.dtype).masked_fill(hid, torch.finfo(hidden.dtype).min)[None, None]
        for kind, hid in hides.items()
    }
    rotary = model.rotary_emb(hidden, places[None])
    for index in layers:
        mask = masks[config.layer_types[index]]
        hidden = model.layers[index](hidden, attention_mask=mask, position_embeddings=rotary, position_ids=places[None])
        yield index + 1, hidden


def _up_to(model: Any, n_layers: int) -> Any:
    """The same layers, of which so many run."""
    cut = copy.copy(model)
    cut.config = copy.copy(model.config)
    cut.config.num_hidden_layers = n_layers
    return cut


def _granite(config: Mapping[str, Any]) -> GraniteConfig:
    """MiniCPM's config in Granite's words.

    Source: FlagEmbedding 1.4.2, `modeling_minicpm_reranker.py`: `scale_emb` times the embeddings, `scale_depth` over
    the root of the number of all layers times what each block adds; a scoring head ignores `dim_model_base`.
    """
    same = {"vocab_size", "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"}
    same |= {
        "num_hidden_layers",
        "hidden_act",
        "max_position_embeddings",
        "rms_norm_eps",
        "pad_token_id",
        "attention_bias",
    }
    return GraniteConfig(
        **{name: config[name] for name in same & config.keys()},
        rope_parameters={"rope_type": "default", "rope_theta": config.get("rope_theta", 10000.0)},
        embedding_multiplier=config.get("scale_emb", 1),
        residual_multiplier=config.get("scale_depth", 1) / math.sqrt(config["num_hidden_layers"]),
        attention_multiplier=(config["hidden_size"] // config["num_attention_heads"]) ** -0.5,
    )


def _gemma2(config: Mapping[str, Any]) -> Gemma2Config:
    """Gemma 2's config.

    FlagEmbedding 1.4.2 attends with torch's own function, which leaves Gemma 2's cap on attention out.
    """
    own = {"architectures", "auto_map", "layer_sep", "layer_types", "layer_wise", "model_type", "start_layer"}
    kept = {name: value for name, value in config.items() if name not in own}
    return Gemma2Config(**kept | {"attn_logit_softcapping": None})


def _depth(resolved: Resolved) -> Depth:
    assert resolved.depth is not None
    return resolved.depth


def _heads(resolved: Resolved) -> list[str]:
    """Names of the weights that score, each once."""
    depths = depths_of(resolved.model_id, resolved.architecture, resolved.config, split(resolved.model_id))
    return list(dict.fromkeys(depth.head for depth in depths))


def _tensor(resolved: Resolved, name: str) -> torch.Tensor:
    path = next(path for file in resolved.weights if name in read_header(path := resolved.folder / file))
    with safe_open(path, framework="pt") as tensors:
        found: torch.Tensor = tensors.get_tensor(name)
        return found
