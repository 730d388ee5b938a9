"""Encoders with a sequence classification head (bge-reranker, ms-marco-MiniLM, gte-reranker, NLI models, ...)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import transformers

from playground.core.scales import LOG_ODDS, Scale
from playground.core.types import EncodedPair, ModelSpec
from playground.models import pretrained
from playground.models.encoding import Encoder
from playground.models.heads import label_names
from playground.models.local import LocalModel
from playground.models.resolve import Resolved

# What comes after the encoder, under the names that the supported architectures give it.
HEAD_MODULES = ("pooler", "pre_classifier", "classifier", "score", "head")


class CrossEncoder(LocalModel[Encoder]):
    """A reranker that reads query and passage together. Keeps the `Scorer` protocol."""

    query_instruction = ""

    def __init__(self, model: Any, encoder: Encoder, spec: ModelSpec, resolved: Resolved) -> None:
        super().__init__(model, encoder, spec, resolved)
        self.scale = scale_of(resolved)

    @classmethod
    def _reads_first_token(cls, resolved: Resolved) -> bool:
        return True

    @classmethod
    def _opened(cls, resolved: Resolved, dtype: torch.dtype) -> torch.nn.Module:
        config = pretrained.config_of(resolved)
        kind: Any = transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(config), None)
        if dtype == torch.float32 or kind is None:
            return pretrained.load_weights(transformers.AutoModelForSequenceClassification, resolved, dtype)
        model: Any = pretrained.load_weights(with_exact_head(kind), resolved, dtype, config)
        for owner in (model, model.base_model):
            for name in HEAD_MODULES:
                if isinstance(head := getattr(owner, name, None), torch.nn.Module):
                    head.register_forward_pre_hook(_widen)
                    for weight in head.parameters():
                        # What was not converted still lies in the mapped file, and would keep all of it mapped.
                        weight.data = weight.data.clone()
        return model  # type: ignore[no-any-return]

    def encode(self, query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
        """The exact ids the model is fed. An instruction goes straight before the query ("{}{}", FACTS 4.1)."""
        return self._encoder.pairs(query, passages, instruction or "")

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """One forward pass, in the order given: the logit of a head with one label, else the log-odds of the label that
        means relevant against all others.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        if not pairs:
            return []
        with pretrained.out_of_memory_named(len(pairs)), torch.inference_mode():
            inputs = self._inputs(pairs)
            output: torch.Tensor = self._model(**inputs).logits.float()
            place = self.resolved.label.place if self.resolved.label is not None else 0
            return [float(logit) for logit in log_odds(output, place).tolist()]


def log_odds(output: torch.Tensor, place: int) -> torch.Tensor:
    """(batch,): the only output, or that at `place` less the log of the summed exponentials of the others.

    Its sigmoid is the softmax of all outputs at `place`.

    Args:
        output: (batch, labels), fp32.
    """
    if output.shape[1] == 1:
        return output[:, 0]
    others = torch.cat((output[:, :place], output[:, place + 1 :]), dim=1)
    return output[:, place] - others.logsumexp(dim=1)


def scale_of(resolved: Resolved) -> Scale:
    """What the raw output means: the catalogue's word, else what the files declare.

    A head with several labels gives log-odds. One label without a stored activation
    is shown through a sigmoid, as sentence-transformers does (`cross_encoder/model.py`). Whether the level of an
    unknown model was trained cannot be read from its files: only the order is promised.
    """
    if len(label_names(dict(resolved.config))) > 1:
        return LOG_ODDS
    if resolved.entry is not None:
        return resolved.entry.score_scale()
    sigmoid = resolved.activation is None or resolved.activation.endswith(".Sigmoid")
    return Scale("logit", float("-inf"), float("inf"), level=False, activation="sigmoid" if sigmoid else "identity")


def with_exact_head(kind: type[Any]) -> type[Any]:
    """The same class of transformers, whose head is read in fp32 when all else is read in half precision.

    A head in half precision rounds the final logit to steps of 0.03 near 6 (bf16), which ties the best passages.
    On a CPU, bf16 weights rather than autocast over fp32 ones: half the memory for the same result. Measured on a
    6-layer MiniLM with one core of an AMD EPYC (AVX512-BF16), at 256 tokens: 33 and 34 pairs/s, fp32 14; both within
    4e-4 of the fp32 logit.
    """
    # transformers searches the names of weights for it; the name is private, and a test looks at what came of it.
    head = rf"^(?:\w+\.)?(?:{'|'.join(HEAD_MODULES)})\."
    own = {"_keep_in_fp32_modules_strict": {head}, "__module__": kind.__module__}
    return type(kind.__name__, (kind,), own)


def _widen(_module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.float() if isinstance(value, torch.Tensor) else value for value in inputs)
