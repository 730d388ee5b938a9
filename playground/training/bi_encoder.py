"""Fine-tunes a bi-encoder (embedder) with in-batch and hard negatives."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModel, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from playground.training import groups
from playground.training.base import PAD_TO, batches
from playground.training.base import load as load_base
from playground.training.evaluate import Scores, figures_of
from playground.training.loop import settle_device, train
from playground.training.output import describe_pooling, finish
from playground.training.rows import Row, read_rows
from playground.training.settings import TrainingSettings

TEMPERATURE = 0.05  # as all-MiniLM-L6-v2 was trained (scale 20)


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Queries (batch, seq) and their passages (batch * group, seq), each row's positive first."""

    queries: dict[str, Tensor]
    passages: dict[str, Tensor]
    group_size: int

    def to(self, device: str) -> TextBatch:
        def moved(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
            return {key: value.to(device) for key, value in inputs.items()}

        return TextBatch(moved(self.queries), moved(self.passages), self.group_size)


def pooled(model: PreTrainedModel, inputs: dict[str, Tensor]) -> Tensor:
    """Mean over real tokens, L2-normalised: (batch, dim), float32."""
    hidden = model(**inputs).last_hidden_state.float()
    mask = inputs["attention_mask"].unsqueeze(-1)
    return F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)


def contrastive(queries: Tensor, passages: Tensor, group_size: int) -> Tensor:
    """Softmax cross-entropy of each query's positive among all passages of the batch.

    Args:
        queries: (batch, dim); passages: (batch * group_size, dim), each row's positive first.
    """
    similar = queries @ passages.T / TEMPERATURE
    target = torch.arange(len(queries), device=queries.device) * group_size
    return F.cross_entropy(similar, target)


def collator(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], settings: TrainingSettings
) -> Callable[[list[tuple[Row, random.Random]]], list[TextBatch]]:
    def tokens(texts: Sequence[str]) -> dict[str, Tensor]:
        fed = tokenizer(
            list(texts),
            truncation=True,
            max_length=settings.max_length,
            padding=True,
            pad_to_multiple_of=PAD_TO,
            return_tensors="pt",
        )
        return dict(fed)

    def collate(part: list[tuple[Row, random.Random]]) -> list[TextBatch]:
        order = sorted(part, key=lambda pair: max(map(len, (*pair[0].pos, *pair[0].neg))))
        batches = []
        for at in range(0, len(order), settings.rows_per_step):
            made = []
            for row, rng in order[at : at + settings.rows_per_step]:
                plain = Row(row.query, row.pos, row.neg)
                made.append(groups.of_row(plain, settings.group_size, rows, rng))
            texts = [text for group in made for text in group.passages]
            batches.append(TextBatch(tokens([g.query for g in made]), tokens(texts), settings.group_size))
        return batches

    return collate


def embed(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int
) -> NDArray[np.float32]:
    """(len(texts), dim), L2-normalised."""
    ids = tokenizer(list(texts), truncation=True, max_length=max_length, padding=False)["input_ids"]
    out = np.zeros((len(ids), model.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for part, inputs in batches(model, tokenizer, [{"input_ids": each} for each in ids]):
            out[part] = pooled(model, dict(inputs)).cpu().numpy()
    return out


def score_rows(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int
) -> Scores:
    """Cosines of each row's query with its positives then negatives."""
    texts = list(dict.fromkeys(text for row in rows for text in (row.query, *row.pos, *row.neg)))
    at = {text: i for i, text in enumerate(texts)}
    vectors = embed(model, tokenizer, texts, max_length).astype(np.float64)
    return [np.asarray([vectors[at[text]] @ vectors[at[row.query]] for text in (*row.pos, *row.neg)]) for row in rows]


def load(base: str, layers: tuple[int, ...] | None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    return load_base(AutoModel, base, layers)


def run(settings: TrainingSettings, say: Callable[[str], None] = print) -> Path:
    """Trains and writes a folder that plain transformers and sentence-transformers load; returns it.

    Raises:
        InvalidInput: rows, base or settings that cannot be used; a full disk.
    """
    rows = read_rows(settings.train, settings.take, settings.seed)
    dev = read_rows([settings.dev])[: settings.dev_rows]
    device = settle_device(settings.device)
    model, tokenizer = load(settings.base, settings.layers)
    model.to(torch.device(device))  # type: ignore[arg-type]  # transformers' wrapper hides the overload
    say(f"{len(rows)} rows, {len(dev)} dev rows, on {device}")
    state = train(
        model,
        rows,
        settings,
        n_layers=model.config.num_hidden_layers,
        collate=collator(tokenizer, rows, settings),
        loss_of=lambda batch: contrastive(
            pooled(model, batch.queries), pooled(model, batch.passages), batch.group_size
        ),
        evaluate=lambda: figures_of(dev, score_rows(model, tokenizer, dev, settings.max_length)),
        say=say,
    )
    finish(model, tokenizer, settings, state)
    describe_pooling(settings.out, model.config.hidden_size, settings.max_length)
    return settings.out
