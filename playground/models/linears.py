"""Matrix products of a loaded model on a CPU, in the form that the processor multiplies fastest.

Only the linear layers inside the repeated blocks are replaced, whatever the architecture: they are nearly all of the
work. What stands before and after them stays as transformers has it.
"""

from __future__ import annotations

import platform
import weakref
from functools import cache
from typing import Any

import torch
from torch import nn
from transformers.activations import GELUActivation

from playground.core.types import PrecisionName

# Tokens that the packed layout is chosen for. Any number may be read.
_TYPICAL_TOKENS = 512
_LEVELS = 127
# A step of a token whose values hardly differ, as a share of them: its middle is then still exact in steps.
_LEAST_SHARE = 1e-5
_LEAST_STEP = 1e-30
# A table of embeddings above this size is kept in half precision beside int8 weights, and widened as it is read.
_LARGE_TABLE = 4_000_000


class PackedLinear(nn.Module):
    """The same product with the weights laid out once for oneDNN, which torch else does at every call (bf16), or leaves
    to MKL (fp32). Equal up to the order of the sums."""

    # transformers' T5 asks for it.
    weight = None
    # What oneDNN does to each output as it is made.
    after = "none"

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        ops: Any = torch.ops.mkldnn
        self.packed = ops._reorder_linear_weight(linear.weight.data, _TYPICAL_TOKENS)
        self.bias = linear.bias
        self.n_bytes = linear.weight.nbytes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ops: Any = torch.ops.mkldnn
        product: torch.Tensor = ops._linear_pointwise(x.contiguous(), self.packed, self.bias, self.after, [], "none")
        return product


class Levels:
    """Tokens in int8, each with a step and a middle of its own; those that several layers read are made once."""

    def __init__(self) -> None:
        self._of: weakref.ref[torch.Tensor] | None = None
        self._made: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def __call__(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(levels from -127 to 127, step, middle in steps) of (..., n): (tokens, n) in int8 and twice (tokens, 1)."""
        if self._made is None or self._of is None or self._of() is not x:
            rows = x.reshape(-1, x.shape[-1]).float()
            # Twice through the rows, and still a tenth of the time of `aminmax`.
            low, high = rows.amin(dim=-1, keepdim=True), rows.amax(dim=-1, keepdim=True)
            step = torch.maximum((high - low) / (2 * _LEVELS), (high.abs() + low.abs()) * _LEAST_SHARE).clamp_(
                _LEAST_STEP
            )
            middle = (high + low) / 2 / step
            levels = torch.addcmul(-middle, rows, 1 / step).round_().to(torch.int8)
            made = (levels, step, middle)
            # What is of tokens that are gone is let go with them.
            self._of, self._made = weakref.ref(x, self._forget), made
            return made
        return self._made

    def _forget(self, of: weakref.ref[torch.Tensor]) -> None:
        if self._of is of:
            self._of = self._made = None


class Int8Linear(nn.Module):
    """Weights in int8 with a scale for each output; each token is quantised with a step and a middle of its own.

    One step per token keeps a token with an outlier from coarsening all others, which one step per batch does
    (torch's `quantize_dynamic`): half the error for the same products.

    Args:
        levels: shared by layers that read the same tokens.
    """

    weight = None
    weight_int8: torch.Tensor
    scale: torch.Tensor
    sums: torch.Tensor

    def __init__(self, linear: nn.Linear, levels: Levels | None = None) -> None:
        super().__init__()
        self._levels = levels or Levels()
        weight = linear.weight.data.float()
        scale = weight.abs().amax(dim=1).clamp(min=_LEAST_STEP) / _LEVELS
        self.register_buffer("weight_int8", (weight / scale[:, None]).round().to(torch.int8).t())
        self.register_buffer("scale", scale)
        # What the middle of a token adds to each output, for one step of it.
        self.register_buffer("sums", self.weight_int8.float().sum(dim=0))
        bias = torch.zeros_like(scale) if linear.bias is None else linear.bias.data.float()
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        levels, step, middle = self._levels(x)
        product = torch._int_mm(levels, self.weight_int8).float().addcmul_(middle, self.sums).mul_(step)
        torch.addcmul(self.bias, product, self.scale, out=product)
        return product.to(x.dtype).view(*x.shape[:-1], -1)


class HalfEmbedding(nn.Module):
    """A table kept in fp16 and read in the type of the model."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.dtype = table.weight.dtype
        self.weight = nn.Parameter(table.weight.data.half(), requires_grad=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return nn.functional.embedding(ids, self.weight).to(self.dtype)


@cache
def packs(precision: PrecisionName) -> bool:
    """Whether oneDNN multiplies packed weights of this type here. The operations are those that torch's own compiler
    calls; their names are private, so they may be gone in another release."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}.get(precision)
    if dtype is None or platform.machine().lower() not in {"x86_64", "amd64"}:
        return False
    linear = nn.Linear(8, 8, dtype=dtype)
    try:
        with torch.inference_mode():
            x = torch.ones(2, 8, dtype=dtype)
            return torch.allclose(PackedLinear(linear)(x), linear(x), rtol=1e-2, atol=1e-2)
    except (RuntimeError, AttributeError, NotImplementedError, TypeError):
        return False


@cache
def multiplies_int8() -> bool:
    """Whether torch has the product of int8 that `Int8Linear` calls; its name is private too."""
    try:
        with torch.inference_mode():
            return bool(torch.isfinite(Int8Linear(nn.Linear(32, 32))(torch.ones(32, 32))).all())
    except (RuntimeError, AttributeError, NotImplementedError, TypeError):
        return False


@torch.inference_mode()
def pack(model: nn.Module, device: str, precision: PrecisionName) -> None:
    """Lays out the weights of a model for its device and precision, in place; nothing where that is not faster."""
    if device != "cpu":
        return
    if precision == "int8":
        shared: dict[tuple[int, int], Levels] = {}
        for owner, name, layer in _linears(model):
            levels = shared.setdefault((id(owner), layer.in_features), Levels())
            setattr(owner, name, Int8Linear(layer, levels))
        for owner, name, table in _children(model, nn.Embedding):
            if table.weight.numel() >= _LARGE_TABLE:
                setattr(owner, name, HalfEmbedding(table))
    elif packs(precision):
        for owner, name, layer in _linears(model):
            setattr(owner, name, PackedLinear(layer))
        for block in model.modules():
            if isinstance(dense := getattr(block, "dense", None), PackedLinear) and _is_gelu(block):
                dense.after, block.intermediate_act_fn = "gelu", nn.Identity()


def _is_gelu(block: Any) -> bool:
    """Whether what follows the product of a block of BERT's build is the exact GELU."""
    return isinstance(getattr(block, "intermediate_act_fn", None), GELUActivation) and (
        block.intermediate_act_fn.act is nn.functional.gelu
    )


def packed_bytes(model: nn.Module) -> int:
    """Of weights that are no parameters any more."""
    return sum(layer.n_bytes for layer in model.modules() if isinstance(layer, PackedLinear))


def _linears(model: nn.Module) -> list[tuple[nn.Module, str, Any]]:
    blocks = [block for block in model.modules() if isinstance(block, nn.ModuleList)]
    found = [place for block in blocks for place in _children(block, nn.Linear)]
    # A list within a list is seen twice.
    return list({(id(owner), name): (owner, name, layer) for owner, name, layer in found}.values())


def _children(model: nn.Module, kind: type[nn.Module]) -> list[tuple[nn.Module, str, Any]]:
    return [
        (owner, name, child)
        for owner in model.modules()
        for name, child in owner.named_children()
        if type(child) is kind
    ]
