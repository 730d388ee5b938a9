"""What language models have in common that are asked for relevance and answer with one token."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import torch

from playground.core.types import EncodedPair, ModelChoice, ModelSpec, PrecisionName
from playground.models import linears, pretrained
from playground.models.local import LocalModel
from playground.models.prompted import PromptEncoder
from playground.models.prompts import PROMPTS
from playground.models.resolve import Resolved
from playground.models.spec import as_run


class AnsweringModel(LocalModel[PromptEncoder]):
    """A language model and the one direction of its hidden state that answers. Keeps the `Scorer` protocol.

    Args:
        model: without its head over the vocabulary.
        answers: (dim,) in fp32: the head's row of "yes" less that of "no"; a family that has several stacks them.
    """

    def __init__(
        self, model: Any, encoder: PromptEncoder, spec: ModelSpec, resolved: Resolved, answers: torch.Tensor
    ) -> None:
        self._answers = answers
        super().__init__(model, encoder, spec, resolved)
        prompt = PROMPTS[resolved.prompt]
        self.scale = prompt.scale
        self.query_instruction = prompt.instruction

    def _settle(self) -> None:
        self._answer = self._answers

    @classmethod
    def load(
        cls,
        resolved: Resolved,
        choice: ModelChoice,
        device: str,
        precision: PrecisionName,
        replaced: tuple[str, ...] = (),
    ) -> Self:
        """The model on its device in `precision`, read from disk in that precision; the answer's direction in fp32.

        Raises:
            ModelBroken: files that cannot be read, weights that are missing, or a tokenizer without the answers.
            InvalidInput: a maximum length that the model does not allow, or that its prompt takes up.
            OutOfMemory: the weights do not fit.
        """
        encoder = pretrained.load_prompt_encoder(resolved, choice)
        with pretrained.out_of_memory_named(0):
            # Decoders are stored in half precision, and twice that may not fit.
            dtype = torch.bfloat16 if precision == "int8" else pretrained.DTYPES[precision]
            model, answers = cls._open(resolved, dtype, encoder.answers)
            linears.pack(model.to(device), device, precision)
        spec = as_run(resolved, choice, device, precision, encoder.max_length, replaced)
        return cls(model, encoder, spec, resolved, answers.to(device))

    def encode(self, query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
        """The exact ids the model is fed: the prompt with the pair in it."""
        return self._encoder.pairs(query, passages, instruction)

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """One forward pass, in the order given: the log-odds of "yes" over "no" as the next token, or the logit of
        "yes" where that alone is the score. No logit of any other token, and of no other position, is computed.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        if not pairs:
            return []
        with pretrained.out_of_memory_named(len(pairs)), torch.inference_mode():
            hidden = self._answering(self._inputs(pairs)).float()
            return [float(logit) for logit in (hidden @ self._answer).tolist()]

    @staticmethod
    @abstractmethod
    def _open(resolved: Resolved, dtype: torch.dtype, answers: Sequence[int]) -> tuple[torch.nn.Module, torch.Tensor]:
        """(the model without its head, what its answer is multiplied with), on the CPU.

        Args:
            answers: ids of "yes" and "no", as far as the prompt names them.
        """

    @abstractmethod
    def _answering(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """The hidden state that says the next token: (batch, dim)."""


@torch.inference_mode()
def answer_direction(head: torch.Tensor, answers: Sequence[int]) -> torch.Tensor:
    """What the hidden state is multiplied with: (dim,), fp32.

    Args:
        head: (vocabulary, dim), or (labels, dim) of a sequence classification head of one label, or of two.
        answers: ids of "yes" and "no", or of "yes" alone.
    """
    n_rows = head.shape[0]
    rows = [0] if n_rows == 1 else [1, 0] if n_rows == 2 else list(answers)
    chosen = head[rows].float()
    return chosen[0] - chosen[1] if len(rows) == 2 else chosen[0].clone()
