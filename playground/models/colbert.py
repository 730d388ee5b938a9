"""ColBERT: a vector for each token; a score is the sum over the query's tokens of the nearest cosine in the passage.

Source: PyLate 1.6.0, `models/colbert.py` (`tokenize`, `encode`) and `models/Dense.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import transformers
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from playground.core.errors import ModelBroken
from playground.core.explanations import Part
from playground.core.scales import Scale
from playground.core.types import ModelSpec
from playground.models import apart_files, pretrained
from playground.models.apart import Ids, ReadsApart, matches, maxsim, placed
from playground.models.encoding import Encoder, Marks
from playground.models.resolve import Resolved
from playground.models.small_files import read_json


class Projection(torch.nn.Module):
    """A linear layer, and around it what is added to its output where the files say so."""

    def __init__(self, linear: torch.nn.Module, residual: torch.nn.Module | None = None) -> None:
        super().__init__()
        self.linear = linear
        self.residual = residual

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.linear(hidden)
        return projected if self.residual is None else projected + self.residual(hidden)


class ColBERT(ReadsApart[torch.Tensor]):
    """An encoder whose hidden states are projected. A reading is (tokens that are scored, dim), each of length 1."""

    # A query is filled up with tokens that it does not attend to, and that are scored.
    _reads_masked = True

    def __init__(self, model: Any, encoder: Encoder, spec: ModelSpec, resolved: Resolved) -> None:
        super().__init__(model, encoder, spec, resolved)
        self.query_instruction = apart_files.query_prompt(resolved.model_id, resolved.folder)
        self.marks, self._skipped = _tokens(resolved)
        length = self.marks.query_length
        self.scale = Scale("maxsim", -length, length, level=False, activation="identity")
        self._files = _files(resolved)

    @classmethod
    def _opened(cls, resolved: Resolved, dtype: torch.dtype) -> torch.nn.Module:
        projection = _projection(resolved)
        model: Any = pretrained.load_weights(transformers.AutoModel, resolved, dtype)
        model.projection = projection
        return model  # type: ignore[no-any-return]

    def _read(self, rows: Sequence[Ids], *, is_query: bool) -> list[torch.Tensor]:
        inputs = self._padded(rows)
        if is_query and not self._files.attends:
            for place, row in enumerate(rows):
                inputs["attention_mask"][place, _n_words(row, self.marks.filler) :] = 0
        hidden = self._model(**inputs).last_hidden_state.float()
        vectors = torch.nn.functional.normalize(self._model.projection(hidden), dim=-1)
        if is_query:
            return [vectors[place, : len(row)] for place, row in enumerate(rows)]
        return [vectors[place, self._kept(row)] for place, row in enumerate(rows)]

    def _kept(self, row: Ids) -> list[int]:
        """The places of a passage that are scored."""
        return [at for at, id in enumerate(row) if id not in self._skipped]

    def _score(self, query: torch.Tensor, passage: torch.Tensor) -> float:
        return float(maxsim(query, passage).sum())

    def _parts(self, query_ids: Ids, passage_ids: Ids, query: torch.Tensor, passage: torch.Tensor) -> tuple[Part, ...]:
        found = placed(matches(query, passage), range(len(query_ids)), self._kept(passage_ids))
        return (Part("colbert", 1.0, self._score(query, passage), matches=found),)


def _n_words(row: Ids, filler: int | None) -> int:
    """Tokens before the mask tokens at the end; the last of them is a special token, never a mask."""
    n_words = len(row)
    while filler is not None and n_words > 1 and row[n_words - 1] == filler:
        n_words -= 1
    return n_words


def _files(resolved: Resolved) -> apart_files.ColbertFiles:
    return apart_files.colbert_of(resolved.model_id, resolved.folder, resolved.architecture)


def _tokens(resolved: Resolved) -> tuple[Marks, frozenset[int]]:
    """(marks around the texts, ids that are not scored in a passage).

    Raises:
        ModelBroken: the tokenizer lacks a mark, or a mask token where queries are filled with it.
    """
    files = _files(resolved)
    tokenizer = pretrained.open_tokenizer(resolved)
    vocabulary = tokenizer.get_vocab()

    def mark(text: str) -> int | None:
        # PyLate saves "[Q] " with its space as one token; Stanford's marks are words of BERT.
        known = next((name for name in (text, text.strip()) if name in vocabulary), None)
        if text and known is None:
            raise ModelBroken(
                "The tokenizer of {model} has no token {token!r}, which it marks its texts with. Use the tokenizer "
                "that came with the model.",
                model=resolved.model_id,
                token=text,
            )
        return vocabulary[known] if known else None

    filler = mark(tokenizer.mask_token or "[MASK]") if files.expands else None
    marks = Marks(mark(files.query_mark), mark(files.passage_mark), files.query_length, filler)
    return marks, frozenset(vocabulary[word] for word in files.skipped if word in vocabulary)


def _projection(resolved: Resolved) -> torch.nn.Module:
    """What the files put after the encoder, in fp32.

    Raises:
        ModelBroken: a layer is missing, damaged or of other sizes.
    """
    try:
        if not resolved.heads:
            return Projection(_linear(_among(resolved, "linear.weight"), None))
        layers = [_dense(resolved, name) for name in resolved.heads]
        return torch.nn.Sequential(*layers)
    except (SafetensorError, OSError, RuntimeError, KeyError, ValueError) as error:
        raise ModelBroken(
            "The projection of {model} is missing or damaged. Download the model again.", model=resolved.model_id
        ) from error


def _dense(resolved: Resolved, name: str) -> Projection:
    tensors = load_file(resolved.folder / name)
    linear = _linear(tensors["linear.weight"], tensors.get("linear.bias"))
    if not read_json((resolved.folder / name).with_name("config.json")).get("use_residual"):
        return Projection(linear)
    residual = tensors.get("residual.weight")
    return Projection(linear, torch.nn.Identity() if residual is None else _linear(residual, None))


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> torch.nn.Linear:
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
    return linear.requires_grad_(requires_grad=False)


def _among(resolved: Resolved, tensor: str) -> torch.Tensor:
    for name in resolved.weights:
        with safe_open(resolved.folder / name, framework="pt") as file:
            # It is no mapping: it has keys() alone.
            if tensor in file.keys():  # noqa: SIM118
                found: torch.Tensor = file.get_tensor(tensor)
                return found
    raise KeyError(tensor)
