"""Encoders with a sequence classification head (bge-reranker, ms-marco-MiniLM, gte-reranker, NLI models, ...)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
import transformers

from playground.core.scales import LOG_ODDS, Scale
from playground.core.types import EncodedPair, ModelChoice, ModelSpec, PrecisionName
from playground.models import pretrained
from playground.models.encoding import Encoder
from playground.models.heads import label_names
from playground.models.local import LocalModel
from playground.models.resolve import Resolved
from playground.models.spec import as_run

# What comes after the encoder, under the names that the supported architectures give it.
HEAD_MODULES = ("pooler", "pre_classifier", "classifier", "score", "head")


class CrossEncoder(LocalModel[Encoder]):
    """A reranker that reads query and passage together. Keeps the `Scorer` protocol."""

    query_instruction = ""

    def __init__(self, model: Any, encoder: Encoder, spec: ModelSpec, resolved: Resolved) -> None:
        super().__init__(model, encoder, spec, resolved)
        self.scale = scale_of(resolved)

    @classmethod
    def load(
        cls,
        resolved: Resolved,
        choice: ModelChoice,
        device: str,
        precision: PrecisionName,
        replaced: tuple[str, ...] = (),
    ) -> Self:
        """The model on its device, its encoder in `precision`, its head in fp32.

        Raises:
            ModelBroken: files that cannot be read, or weights that are missing.
            InvalidInput: a maximum length that the model does not allow.
            OutOfMemory: the weights do not fit.
        """
        encoder = pretrained.load_encoder(resolved, choice)
        model: Any = pretrained.load_weights(transformers.AutoModelForSequenceClassification, resolved)
        with pretrained.out_of_memory_named(0):
            lower_precision(model, pretrained.DTYPES[precision])
            model.to(device)
        spec = as_run(resolved, choice, device, precision, encoder.max_length, replaced)
        return cls(model, encoder, spec, resolved)

    def encode(self, query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
        """The exact ids the model is fed. An instruction goes straight before the query ("{}{}", FACTS 4.1)."""
        return self._encoder.pairs((instruction or "") + query, passages)

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


def lower_precision(model: Any, dtype: torch.dtype) -> None:
    """Puts the encoder's weights in `dtype`, in place; the head stays in fp32 and widens what it is given.

    A head in half precision rounds the final logit to steps of 0.03 near 6 (bf16), which ties the best passages.
    On a CPU, bf16 weights rather than autocast over fp32 ones: half the memory for the same result. Measured on a
    6-layer MiniLM with one core of an AMD EPYC (AVX512-BF16), at 256 tokens: 33 and 34 pairs/s, fp32 14; both within
    4e-4 of the fp32 logit.
    """
    if dtype == torch.float32:
        return
    heads = [
        module
        for owner in (model, model.base_model)
        for name in HEAD_MODULES
        if isinstance(module := getattr(owner, name, None), torch.nn.Module)
    ]
    weights = [{name: tensor.clone() for name, tensor in head.state_dict().items()} for head in heads]
    model.to(dtype)
    for head, exact in zip(heads, weights, strict=True):
        head.float().load_state_dict(exact)
        head.register_forward_pre_hook(_widen)


def _widen(_module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.float() if isinstance(value, torch.Tensor) else value for value in inputs)
