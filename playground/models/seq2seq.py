"""Encoder-decoders asked whether a passage is relevant (monoT5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import transformers

from playground.models import pretrained
from playground.models.answers import AnsweringModel, answer_direction
from playground.models.resolve import Resolved


class Seq2Seq(AnsweringModel):
    """A T5 whose first token is the answer."""

    @staticmethod
    def _open(resolved: Resolved, dtype: torch.dtype, answers: Sequence[int]) -> tuple[torch.nn.Module, torch.Tensor]:
        model: Any = pretrained.load_weights(transformers.AutoModelForSeq2SeqLM, resolved, dtype)
        answer = answer_direction(model.get_output_embeddings().weight, answers)
        model.set_output_embeddings(torch.nn.Identity())
        return model, answer

    def _answering(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """The hidden state of the decoder's first step."""
        config, mask = self._model.config, inputs["attention_mask"]
        encoded = self._model.encoder(input_ids=inputs["input_ids"], attention_mask=mask).last_hidden_state
        start = torch.full_like(mask[:, :1], config.decoder_start_token_id)
        decoded = self._model.decoder(
            input_ids=start, encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=False
        )
        # Source: transformers, `T5ForConditionalGeneration.forward`.
        scale = float(config.d_model) ** -0.5 if config.scale_decoder_outputs else 1.0
        hidden: torch.Tensor = decoded.last_hidden_state[:, 0].float() * scale
        return hidden
