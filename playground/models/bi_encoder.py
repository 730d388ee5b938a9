"""Embedders: one vector per text, pooled and projected as the model's own files say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file

from playground.core.errors import ModelBroken
from playground.core.types import EncodedPair, ModelChoice, ModelSpec, PrecisionName
from playground.models import pretrained
from playground.models.embedder_files import Dense, Pooling
from playground.models.encoding import Encoder
from playground.models.local import LocalModel
from playground.models.resolve import Resolved

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Whose hidden states are larger than fp16 can hold. Source: model card of google/embeddinggemma-300m.
NO_FP16 = frozenset({"gemma3_text"})
OVERFLOWS = "The numbers inside this model are too large for fp16; fp32 was used."


class BiEncoder(LocalModel[Encoder]):
    """An embedder. Keeps the `Embedder` protocol; the dot product of two vectors is their cosine."""

    def __init__(self, model: Any, encoder: Encoder, spec: ModelSpec, resolved: Resolved) -> None:
        super().__init__(model, encoder, spec, resolved)
        self._dense = torch.nn.Sequential(*(_opened(resolved, step) for step in resolved.dense)).to(spec.device)
        self.memory_mib += pretrained.memory_mib(self._dense)

    def _settle(self) -> None:
        self.query_instruction = self.resolved.prompts.query

    @classmethod
    def load(
        cls,
        resolved: Resolved,
        choice: ModelChoice,
        device: str,
        precision: PrecisionName,
        replaced: tuple[str, ...] = (),
    ) -> Self:
        """As any model; one that overflows in fp16 in fp32, which is said."""
        if precision == "fp16" and resolved.config["model_type"] in NO_FP16:
            precision, replaced = "fp32", (*replaced, OVERFLOWS)
        return super().load(resolved, choice, device, precision, replaced)

    @classmethod
    def _reads_first_token(cls, resolved: Resolved) -> bool:
        return (resolved.pooling or "cls") == "cls"

    @classmethod
    def _opened(cls, resolved: Resolved, dtype: torch.dtype) -> torch.nn.Module:
        return pretrained.load_weights(transformers.AutoModel, resolved, dtype)

    def encode(self, texts: Sequence[str], instruction: str = "") -> list[EncodedPair]:
        """The exact ids the model is fed. The caller says what goes before the texts."""
        return self._encoder.texts(texts, instruction)

    def vectors(self, encoded: Sequence[EncodedPair]) -> NDArray[np.float32]:
        """One forward pass, in the order given: (len(encoded), dim), float32, each of length 1.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        if not encoded:
            last = [step.n_out for step in self.resolved.dense[-1:]]
            return torch.empty(0, *(last or [int(self.resolved.config["hidden_size"])])).numpy()
        with pretrained.out_of_memory_named(len(encoded)), torch.inference_mode():
            inputs = self._inputs(encoded)
            hidden = self._model(**inputs).last_hidden_state.float()
            pooled = pool(hidden, inputs["attention_mask"], self.resolved.pooling or "cls")
            vectors = torch.nn.functional.normalize(self._dense(pooled), dim=1)
            array: NDArray[np.float32] = vectors.cpu().numpy()
            return array


def _opened(resolved: Resolved, step: Dense) -> torch.nn.Module:
    """The step in fp32, with its activation."""
    linear = torch.nn.Linear(step.n_in, step.n_out, bias=step.bias)
    try:
        tensors = load_file(resolved.folder / step.weights)
        linear.load_state_dict({name.removeprefix("linear."): tensor.float() for name, tensor in tensors.items()})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ModelBroken("{file} is damaged. Download the model again.", file=step.weights) from error
    activation: torch.nn.Module = getattr(torch.nn, step.activation)()
    return torch.nn.Sequential(linear.requires_grad_(False), activation)


def pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """One vector per text.

    Args:
        hidden: (batch, seq, dim), padded on the right.
        mask: (batch, seq), 1 on tokens, 0 on padding.
    Returns:
        (batch, dim).
    """
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last":
        rows = torch.arange(hidden.shape[0], device=hidden.device)
        return hidden[rows, mask.sum(dim=1) - 1]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
