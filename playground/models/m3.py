"""bge-m3 as a reranker: its dense, sparse and ColBERT readings of a text, one alone or several weighed.

Source: FlagEmbedding 1.4.2, `finetune/embedder/encoder_only/m3/modeling.py` (`_sparse_embedding`, `_colbert_embedding`,
`compute_colbert_score`) and `inference/embedder/encoder_only/m3.py` (`compute_score`).
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import transformers

from playground.core.errors import ModelBroken
from playground.core.explanations import Mode, Part
from playground.core.types import ModelSpec
from playground.models import modes, pretrained
from playground.models.apart import Ids, ReadsApart, matches, maxsim, placed
from playground.models.encoding import Encoder
from playground.models.named import split
from playground.models.resolve import Resolved

# What reading a file can raise that is no such layer.
_DAMAGED = (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, pickle.UnpicklingError)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A text as bge-m3 reads it.

    Attributes:
        dense: (dim,), of length 1: the first token.
        sparse: weight of each token id that has one, above 0; special tokens have none.
        colbert: (tokens, dim), each of length 1; the first token is left out, the last one (`</s>`) is not.
    """

    dense: torch.Tensor
    sparse: dict[int, float]
    colbert: torch.Tensor


class M3(ReadsApart[Reading]):
    """The modes that the id names, weighed as it says; see `modes`."""

    def __init__(self, model: Any, encoder: Encoder, spec: ModelSpec, resolved: Resolved) -> None:
        super().__init__(model, encoder, spec, resolved)
        special = ("cls_token", "eos_token", "pad_token", "unk_token")
        self._weightless = frozenset(pretrained.special_ids(resolved, *special))

    def _settle(self) -> None:
        self.weights = modes.weights_of(split(self.resolved.model_id).mode)
        self.scale = modes.scale_of(self.weights)

    @classmethod
    def _opened(cls, resolved: Resolved, dtype: torch.dtype) -> torch.nn.Module:
        heads = [read_head(resolved, name) for name in resolved.heads]
        model: Any = pretrained.load_weights(transformers.AutoModel, resolved, dtype)
        model.sparse_linear, model.colbert_linear = heads
        return model  # type: ignore[no-any-return]

    def _read(self, rows: Sequence[Ids], *, is_query: bool) -> list[Reading]:
        hidden = self._model(**self._padded(rows)).last_hidden_state.float()
        dense = torch.nn.functional.normalize(hidden[:, 0], dim=-1)
        sparse = torch.relu(self._model.sparse_linear(hidden)).squeeze(-1).tolist()
        colbert = torch.nn.functional.normalize(self._model.colbert_linear(hidden[:, 1:]), dim=-1)
        return [
            Reading(dense[place], self._lexical(row, sparse[place]), colbert[place, : len(row) - 1])
            for place, row in enumerate(rows)
        ]

    def _lexical(self, row: Ids, weights: Sequence[float]) -> dict[int, float]:
        """The largest weight of each token id; `weights` may go on over padding."""
        largest: dict[int, float] = {}
        for id, weight in zip(row, weights, strict=False):
            if weight > largest.get(id, 0.0) and id not in self._weightless:
                largest[id] = weight
        return largest

    def _score(self, query: Reading, passage: Reading) -> float:
        parts = (weight * _part(mode, query, passage) for mode, weight in self.weights.items())
        return sum(parts) / sum(self.weights.values())

    def _parts(self, query_ids: Ids, passage_ids: Ids, query: Reading, passage: Reading) -> tuple[Part, ...]:
        total = sum(self.weights.values())
        of_mode: dict[str, dict[str, Any]] = {"sparse": {"query": query.sparse, "passage": passage.sparse}}
        if "colbert" in self.weights:
            # The first token of each text is left out.
            compared = range(1, len(query_ids)), range(1, len(passage_ids))
            found = placed(matches(query.colbert, passage.colbert), *compared)
            of_mode["colbert"] = {"matches": found, "averaged": True}
        return tuple(
            Part(cast("Mode", mode), weight / total, _part(mode, query, passage), **of_mode.get(mode, {}))
            for mode, weight in self.weights.items()
        )


def _part(mode: str, query: Reading, passage: Reading) -> float:
    if mode == "dense":
        return float(query.dense @ passage.dense)
    if mode == "sparse":
        return sum(weight * passage.sparse.get(id, 0.0) for id, weight in query.sparse.items())
    return float(maxsim(query.colbert, passage.colbert).mean())


def read_head(resolved: Resolved, name: str) -> torch.nn.Linear:
    """A linear layer over the hidden states, in fp32.

    The makers' files are pickles. torch's restricted reader builds tensors and plain containers and refuses all else
    before anything of it runs, and what is no weight and bias of this shape is refused after it.

    Raises:
        ModelBroken: the file is damaged, or holds anything else.
    """
    dim = int(resolved.config["hidden_size"])
    n_out = 1 if name.startswith("sparse") else None
    try:
        state = torch.load(resolved.folder / name, map_location="cpu", weights_only=True)
        weight, bias = state.pop("weight").float(), state.pop("bias").float()
        if state or weight.shape != (n_out or len(weight), dim) or bias.shape != (len(weight),):
            raise ValueError("no linear layer over the hidden states")
    except _DAMAGED as error:
        raise ModelBroken(
            "{file} of {model} is damaged, or holds more than the weights of a linear layer. Download the model again.",
            file=name,
            model=resolved.model_id,
        ) from error
    head = torch.nn.Linear(dim, len(weight))
    head.load_state_dict({"weight": weight, "bias": bias})
    return head.requires_grad_(requires_grad=False)
