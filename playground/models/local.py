"""What every model in this process has, whatever it computes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, Self, TypeVar

import torch

from playground.core.types import Check, EncodedPair, ModelChoice, ModelSpec, PrecisionName, Truncation
from playground.models import pretrained
from playground.models.encoding import Encoder
from playground.models.prompted import PromptEncoder
from playground.models.resolve import Resolved
from playground.models.spec import as_run

E = TypeVar("E", Encoder, PromptEncoder)


class LocalModel(Generic[E]):
    """Weights and tokenizer with the length limit of one choice.

    A forward pass belongs under one lock per model; encoding needs none.

    Args:
        model: on its device, in its precision.
        spec: as it runs.
    """

    checks: tuple[Check, ...] = ()

    @classmethod
    def load(
        cls,
        resolved: Resolved,
        choice: ModelChoice,
        device: str,
        precision: PrecisionName,
        replaced: tuple[str, ...] = (),
    ) -> Self:
        """The model on its device, its weights read from disk in `precision`; what is done after them is in fp32.

        Raises:
            ModelBroken: files that cannot be read, or weights or tokens that are missing.
            InvalidInput: a maximum length that the model does not allow.
            OutOfMemory: the weights do not fit.
        """
        encoder: Any = pretrained.load_encoder(resolved, choice)
        with pretrained.out_of_memory_named(0):
            model = cls._opened(resolved, pretrained.DTYPES[precision]).to(device)
        return cls(model, encoder, as_run(resolved, choice, device, precision, encoder.max_length, replaced), resolved)

    @classmethod
    def _opened(cls, resolved: Resolved, dtype: torch.dtype) -> torch.nn.Module:
        """The model on the CPU with what the family puts after it: its weights in `dtype`, its head in fp32."""
        raise NotImplementedError

    def __init__(self, model: Any, encoder: E, spec: ModelSpec, resolved: Resolved) -> None:
        self.spec = spec
        self.resolved = resolved
        self.memory_mib = pretrained.memory_mib(model)
        self._model = model
        self._encoder: E = encoder

    def limited(self, max_length: int | None, truncation: Truncation) -> Self:
        """The same weights with another length limit; shares memory with this one.

        Raises:
            InvalidInput: a maximum length that the model does not allow.
        """
        length = pretrained.max_length(self.resolved, max_length)
        other = copy.copy(self)
        other._encoder = self._encoder.limited(length, truncation)
        other.spec = replace(self.spec, max_length=other._encoder.max_length, truncation=truncation)
        return other

    def _inputs(self, encoded: Sequence[EncodedPair]) -> dict[str, torch.Tensor]:
        pad_id = self._model.config.pad_token_id
        return pretrained.pad(encoded, 0 if pad_id is None else pad_id, torch.device(self.spec.device))
