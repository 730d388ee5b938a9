"""Embedders: one vector per text, pooled as the model's own files say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
import transformers

from playground.core.types import EncodedPair, ModelChoice, ModelSpec, PrecisionName
from playground.models import pretrained
from playground.models.embedder_files import Pooling
from playground.models.encoding import Encoder
from playground.models.local import LocalModel
from playground.models.resolve import Resolved
from playground.models.spec import as_run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class BiEncoder(LocalModel[Encoder]):
    """An embedder. Keeps the `Embedder` protocol; the dot product of two vectors is their cosine."""

    def __init__(self, model: Any, encoder: Encoder, spec: ModelSpec, resolved: Resolved) -> None:
        super().__init__(model, encoder, spec, resolved)
        self.query_instruction = resolved.instruction

    @classmethod
    def load(
        cls,
        resolved: Resolved,
        choice: ModelChoice,
        device: str,
        precision: PrecisionName,
        replaced: tuple[str, ...] = (),
    ) -> Self:
        """The model on its device; pooling and normalising are done in fp32.

        Raises:
            ModelBroken: files that cannot be read, or weights that are missing.
            InvalidInput: a maximum length that the model does not allow.
            OutOfMemory: the weights do not fit.
        """
        encoder = pretrained.load_encoder(resolved, choice)
        model: Any = pretrained.load_weights(transformers.AutoModel, resolved)
        with pretrained.out_of_memory_named(0):
            model.to(device=device, dtype=pretrained.DTYPES[precision])
        spec = as_run(resolved, choice, device, precision, encoder.max_length, replaced)
        return cls(model, encoder, spec, resolved)

    def encode(self, texts: Sequence[str]) -> list[EncodedPair]:
        """The exact ids the model is fed. The caller puts `query_instruction` before a query, never a passage."""
        return self._encoder.texts(texts)

    def vectors(self, encoded: Sequence[EncodedPair]) -> NDArray[np.float32]:
        """One forward pass, in the order given: (len(encoded), dim), float32, each of length 1.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        if not encoded:
            return torch.empty(0, int(self.resolved.config["hidden_size"])).numpy()
        with pretrained.out_of_memory_named(len(encoded)), torch.inference_mode():
            inputs = self._inputs(encoded)
            hidden = self._model(**inputs).last_hidden_state.float()
            pooled = pool(hidden, inputs["attention_mask"], self.resolved.pooling or "cls")
            array: NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
            return array


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
