"""The last layer of an encoder for the first token alone, where a head or a pooling reads no other.

Every token is still read by that layer's attention; its query, its output and its feed-forward part are computed for
one token in place of all. Of 12 layers this saves about 7 % of the products, of 6 layers 14 %, and changes no result.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# Encoders of BERT's build, whose heads read the first token.
BUILDS = frozenset({"bert", "camembert", "electra", "ernie", "roberta", "xlm-roberta"})
_TOLERANCE = {torch.float32: 1e-4}
_HALF_TOLERANCE = 2e-2


class FirstToken(nn.Module):
    """A layer of BERT's build: (batch, tokens, dim) in, (batch, 1, dim) out."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, hidden: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> torch.Tensor:
        attention = self.layer.attention
        own, first = attention.self, hidden[:, :1]
        query, key, value = (
            made.view(len(made), -1, own.num_attention_heads, own.attention_head_size).transpose(1, 2)
            for made in (own.query(first), own.key(hidden), own.value(hidden))
        )
        mask = None if attention_mask is None else attention_mask[:, :, :1]
        read = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended = attention.output(read.transpose(1, 2).flatten(2), first)
        done: torch.Tensor = self.layer.output(self.layer.intermediate(attended), attended)
        return done


@torch.inference_mode()
def shorten(model: Any) -> None:
    """Lets the last layer compute the first token alone, in place; nothing where the model is of another build, or
    where a short text then has another output."""
    layers = getattr(getattr(model.base_model, "encoder", None), "layer", None)
    if model.config.model_type not in BUILDS or not isinstance(layers, nn.ModuleList):
        return
    exact, last = _output(model), layers[-1]
    layers[-1] = FirstToken(last)
    try:
        apart = float((_output(model) - exact).abs().max())
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
        # A release of transformers with other names.
        apart = float("inf")
    if not apart <= _TOLERANCE.get(model.dtype, _HALF_TOLERANCE) * max(1.0, float(exact.abs().max())):
        layers[-1] = last


def _output(model: Any) -> torch.Tensor:
    """Of two short texts of any ids, one of them padded."""
    ids = (torch.arange(16, device=model.device).view(2, 8) * 31 + 5) % model.config.vocab_size
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    found = model(input_ids=ids, attention_mask=mask)
    output: torch.Tensor = found.logits if "logits" in found else found.last_hidden_state[:, 0]
    return output.float()
