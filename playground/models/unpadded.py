"""The layers of an encoder over the tokens of a batch laid end to end: no padding goes through them, and no mask.

Query, key and value are one product. Where a head or a pooling reads the first token alone, the last layer computes
that token in place of all: its keys and values are still those of every token. Of 12 layers that saves about 7 % of the
products, of 6 layers 14 %. No result changes by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

# Encoders of BERT's build.
BUILDS = frozenset({"bert", "camembert", "electra", "ernie", "roberta", "xlm-roberta"})
_TOLERANCE = {torch.float32: 1e-4}
_HALF_TOLERANCE = 2e-2


class Lengths:
    """Tokens of each text of a batch.

    Attributes:
        ends: (texts + 1,), where each text begins among all tokens, and where the last one ends. Made once for all
            layers, for a GPU waits where a list becomes a tensor.
    """

    def __init__(self, each: list[int], device: torch.device) -> None:
        self.each, self._device = each, device

    @cached_property
    def ends(self) -> torch.Tensor:
        return torch.tensor([0, *self.each], device=self._device).cumsum(0, dtype=torch.int32)


class Layer(nn.Module):
    """A layer of BERT's build over (tokens, dim).

    Args:
        first: compute the first token of each text alone.
    """

    def __init__(self, layer: Any, first: bool) -> None:
        super().__init__()
        own = layer.attention.self
        self.heads, self.size = own.num_attention_heads, own.attention_head_size
        self.query = own.query if first else None
        self.joined = joined([own.key, own.value] if first else [own.query, own.key, own.value])
        self.attended, self.intermediate, self.output = layer.attention.output, layer.intermediate, layer.output

    def forward(self, hidden: torch.Tensor, lengths: Lengths) -> torch.Tensor:
        """(tokens, dim), or (texts, dim) where the first tokens are all."""
        made = self.joined(hidden).view(len(hidden), -1, self.heads, self.size)
        rows = lengths
        if self.query is None:
            query, key, value = made.unbind(1)
        else:
            key, value = made.unbind(1)
            hidden, rows = hidden[lengths.ends[:-1]], Lengths([1] * len(lengths.each), hidden.device)
            query = self.query(hidden).view(-1, self.heads, self.size)
        attended = self.attended(attend(query, key, value, rows, lengths).flatten(1), hidden)
        done: torch.Tensor = self.output(self.intermediate(attended), attended)
        return done


class Unpadded(nn.Module):
    """In place of an encoder of transformers: padded tokens in, padded tokens out, or the first of each text."""

    def __init__(self, encoder: Any, first: bool) -> None:
        super().__init__()
        last = len(encoder.layer) - 1
        self.first = first
        self.layer = nn.ModuleList(Layer(each, first and place == last) for place, each in enumerate(encoder.layer))

    def forward(
        self, hidden: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> BaseModelOutputWithPastAndCrossAttentions:
        """(batch, tokens, dim) in; the same out, or (batch, 1, dim)."""
        batch, longest, dim = hidden.shape
        if attention_mask is None:
            lengths, places = [longest] * batch, None
        else:
            read = attention_mask[:, 0, 0]
            read = read if read.dtype == torch.bool else read == 0
            lengths, places = read.sum(dim=1).tolist(), read.flatten().nonzero()[:, 0]
        tokens = hidden.reshape(-1, dim)
        rows = tokens if places is None else tokens[places]
        of_each = Lengths(lengths, hidden.device)
        for layer in self.layer:
            rows = layer(rows, of_each)
        if self.first:
            whole = rows.view(batch, 1, dim)
        else:
            whole = (rows if places is None else torch.zeros_like(tokens).index_copy_(0, places, rows)).view_as(hidden)
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=whole)


def joined(parts: Sequence[nn.Linear]) -> nn.Linear:
    """One product in place of several of the same input."""
    whole = nn.Linear(parts[0].in_features, sum(part.out_features for part in parts), device="meta")
    whole.weight = nn.Parameter(torch.cat([part.weight.data for part in parts]), requires_grad=False)
    whole.bias = nn.Parameter(torch.cat([part.bias.data for part in parts]), requires_grad=False)
    return whole


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rows: Lengths, lengths: Lengths
) -> torch.Tensor:
    """Each text's queries over its own tokens.

    Args:
        query: (all rows, heads, size).
        key, value: (all tokens, heads, size).
    Returns:
        As `query`.
    """
    if query.is_cuda:
        varlen: Any = import_module("torch.nn.attention.varlen")
        longest = max(rows.each), max(lengths.each)
        result: torch.Tensor = varlen.varlen_attn(query, key, value, rows.ends, lengths.ends, *longest)
        return result
    parts: Any = (query.split(rows.each), key.split(lengths.each), value.split(lengths.each))  # type: ignore[no-untyped-call]
    read = [
        nn.functional.scaled_dot_product_attention(*(each.transpose(0, 1)[None] for each in text))[0].transpose(0, 1)
        for text in zip(*parts, strict=True)
    ]
    return torch.cat(read)


@torch.inference_mode()
def unpad(model: Any, first: bool) -> None:
    """Lets the layers read no padding, in place; nothing where the model is of another build, where a short text then
    has another output, or on a device whose attention reads no texts end to end.

    Args:
        first: nothing after the last layer reads another token than the first.
    """
    owner = model.base_model
    encoder = getattr(owner, "encoder", None)
    if model.config.model_type not in BUILDS or not isinstance(getattr(encoder, "layer", None), nn.ModuleList):
        return
    if model.device.type not in {"cpu", "cuda"}:
        return
    exact = _output(model, first)
    try:
        owner.encoder = Unpadded(encoder, first)
        apart = float((_output(model, first) - exact).abs().max())
    except (AttributeError, ImportError, IndexError, RuntimeError, TypeError, ValueError):
        # A release of transformers with other names, a card or a precision without the kernel.
        apart = float("inf")
    if not apart <= _TOLERANCE.get(model.dtype, _HALF_TOLERANCE) * max(1.0, float(exact.abs().max())):
        owner.encoder = encoder


def _output(model: Any, first: bool) -> torch.Tensor:
    """Of two short texts of any ids, one of them padded."""
    ids = (torch.arange(16, device=model.device).view(2, 8) * 31 + 5) % model.config.vocab_size
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    found = model(input_ids=ids, attention_mask=mask)
    if "logits" in found:
        output: torch.Tensor = found.logits
    else:
        output = found.last_hidden_state[:, 0] if first else found.last_hidden_state[mask.bool()]
    return output.float()
