"""What every model in this process has, whatever it computes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, Self, TypeVar

import torch

from playground.core.errors import ModelBroken
from playground.core.types import Check, EncodedPair, ModelChoice, ModelSpec, PrecisionName
from playground.models import linears, pretrained, unpadded
from playground.models.encoding import Encoder
from playground.models.named import split
from playground.models.prompted import PromptEncoder
from playground.models.resolve import Resolved, reread
from playground.models.spec import as_reread, as_run

E = TypeVar("E", Encoder, PromptEncoder)


class LocalModel(Generic[E]):
    """Weights and tokenizer with the length limit of one choice.

    A forward pass belongs under one lock per model; encoding needs none.

    Args:
        model: on its device, in its precision.
        spec: as it runs.
    """

    checks: tuple[Check, ...] = ()
    # Whether padding goes through the layers.
    pads = True
    # Whether what comes of tokens is read that none attends to.
    _reads_masked = False
    # Tokens that went through the model in its last forward pass, without padding; None where it was all of each text.
    n_read: int | None = None

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
            if not cls._reads_masked:
                unpadded.unpad(model, cls._reads_first_token(resolved))
            linears.pack(model, device, precision)
        return cls(model, encoder, as_run(resolved, choice, device, precision, encoder.max_length, replaced), resolved)

    @classmethod
    def _reads_first_token(cls, resolved: Resolved) -> bool:
        """Whether nothing after the last layer reads another token."""
        return False

    @classmethod
    def _opened(cls, resolved: Resolved, dtype: torch.dtype) -> torch.nn.Module:
        """The model on the CPU with what the family puts after it: its weights in `dtype`, its head in fp32."""
        raise NotImplementedError

    def __init__(self, model: Any, encoder: E, spec: ModelSpec, resolved: Resolved) -> None:
        self.spec = spec
        self.resolved = resolved
        self.memory_mib = pretrained.memory_mib(model)
        self.pads = not isinstance(getattr(getattr(model, "base_model", None), "encoder", None), unpadded.Unpadded)
        self._model = model
        self._encoder: E = encoder
        self._settle()

    def view(self, choice: ModelChoice) -> Self:
        """The same weights, read as this choice says; shares memory with this one.

        Raises:
            InvalidInput: an option or a maximum length that the model does not allow.
            ModelBroken: its files are not those that were loaded.
        """
        other = copy.copy(self)
        if split(choice.model_id)[1:] != split(self.resolved.asked)[1:]:
            other.resolved = reread(self.resolved, choice.model_id)
            other.spec = as_reread(self.spec, self.resolved, other.resolved)
            other._settle()
        length = pretrained.max_length(other.resolved, choice.max_length)
        other._encoder = self._encoder.limited(length, choice.truncation)
        other.spec = replace(other.spec, max_length=other._encoder.max_length, truncation=choice.truncation)
        return other

    def _settle(self) -> None:
        """Sets what depends on how the id says that the weights are read."""

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """As `Scorer.token_spans`."""
        return self._encoder.token_spans(text)

    def _inputs(self, encoded: Sequence[EncodedPair]) -> dict[str, torch.Tensor]:
        """Raises ModelBroken: an id that the weights have no row for, which a device would only fail at."""
        largest, n_rows = max(max(each.input_ids) for each in encoded), self._model.config.vocab_size
        if largest >= n_rows:
            raise ModelBroken(
                "The tokenizer of {model} makes a token {id}, and its weights know {n}. Use the tokenizer that came "
                "with the model.",
                model=self.resolved.model_id,
                id=largest,
                n=n_rows,
            )
        pad_id = self._model.config.pad_token_id
        return pretrained.pad(encoded, 0 if pad_id is None else pad_id, torch.device(self.spec.device))
