"""Fine-tunes a cross-encoder (reranker) on rows of labels, of a teacher's scores, or of both."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from playground.core.errors import InvalidInput
from playground.training import groups, losses
from playground.training.base import PAD_TO, batches, load_config
from playground.training.base import load as load_base
from playground.training.evaluate import Scores, figures_of, split
from playground.training.loop import settle_device, train
from playground.training.output import finish
from playground.training.rows import Row, read_rows
from playground.training.settings import TrainingSettings
from playground.training.teacher import FITTED_ON, Teacher, fitted

LABEL_GAIN = 4.0
MakeGroup = Callable[[Row, int, Sequence[Row], random.Random], groups.Group]


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Groups as one padded batch of pairs.

    Attributes:
        inputs: model inputs, (pairs, seq).
        targets, mask: (groups, passages), passages padded to the largest group.
        taught: (groups,).
        order: (groups, passages), the logits whose softmax is learned where there is a teacher; None without one.
    """

    inputs: dict[str, Tensor]
    targets: Tensor
    taught: Tensor
    mask: Tensor
    order: Tensor | None = None


def encode_pairs(
    tokenizer: PreTrainedTokenizerBase, queries: Sequence[str], passages: Sequence[str], max_length: int
) -> list[dict[str, list[int]]]:
    """Ids of each pair: the query capped at 3/4 of `max_length`, then the passage cut to fit (FlagEmbedding >= 1.3)."""
    cap = max_length * 3 // 4
    short = []
    for query in queries:
        encoding = tokenizer(query, add_special_tokens=False, return_offsets_mapping=True)
        ends = encoding["offset_mapping"]
        short.append(query[: ends[cap - 1][1]] if len(ends) > cap else query)
    fed = tokenizer(short, list(passages), truncation="only_second", max_length=max_length, padding=False)
    return [{key: fed[key][i] for key in fed} for i in range(len(short))]


def collator(
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    settings: TrainingSettings,
    device: str,
    teach: Callable[[list[groups.Group]], list[tuple[float, ...]]] | None = None,
    make: MakeGroup = groups.of_row,
) -> Callable[[list[tuple[Row, random.Random]]], list[PairBatch]]:
    labelled = [row for row in rows if not row.taught] or list(rows)

    def collate(drawn: list[tuple[Row, random.Random]]) -> list[PairBatch]:
        made = [make(row, settings.group_size, labelled, rng) for row, rng in drawn]
        taught = teach(made) if teach else None
        queries = [group.query for group in made for _ in group.passages]
        passages = [text for group in made for text in group.passages]
        pairs = iter(encode_pairs(tokenizer, queries, passages, settings.max_length))
        encoded = [[next(pairs) for _ in group.passages] for group in made]
        order = sorted(range(len(made)), key=lambda i: max(len(pair["input_ids"]) for pair in encoded[i]))
        size = settings.rows_per_step
        parts = [order[at : at + size] for at in range(0, len(order), size)]
        batches = [pad([made[i] for i in part], [encoded[i] for i in part], tokenizer, device) for part in parts]
        return (
            batches
            if taught is None
            else [
                with_order(batch, [made[i] for i in part], [taught[i] for i in part])
                for batch, part in zip(batches, parts, strict=True)
            ]
        )

    return collate


def pad(
    made: Sequence[groups.Group],
    encoded: Sequence[list[dict[str, list[int]]]],
    tokenizer: PreTrainedTokenizerBase,
    device: str,
) -> PairBatch:
    inputs = tokenizer.pad(
        [pair for group in encoded for pair in group], pad_to_multiple_of=PAD_TO, return_tensors="pt"
    )
    widest = max(len(group.passages) for group in made)
    targets, mask = torch.zeros(len(made), widest), torch.zeros(len(made), widest, dtype=torch.bool)
    for i, group in enumerate(made):
        targets[i, : len(group.targets)] = torch.tensor(group.targets)
        mask[i, : len(group.targets)] = True
    taught = torch.tensor([group.taught for group in made])
    return PairBatch(
        {key: value.to(device) for key, value in inputs.items()}, targets.to(device), taught.to(device), mask.to(device)
    )


def with_order(batch: PairBatch, made: Sequence[groups.Group], taught: Sequence[tuple[float, ...]]) -> PairBatch:
    """The batch with a teacher's logits: the targets of taught groups; of labelled ones the order, labels first.

    The labels outrank the teacher: the relevant passage ends `LABEL_GAIN` above where the teacher has it and at least
    one above any other; what was written to mislead ends one below all others.
    """
    order, targets = torch.zeros_like(batch.targets), batch.targets.clone()
    for i, (group, scores) in enumerate(zip(made, taught, strict=True)):
        row = torch.tensor(scores, device=order.device)
        if group.taught:
            targets[i, : len(row)] = row
        else:
            wanted = targets[i, : len(row)] > 0
            row[torch.tensor(group.made_up, device=order.device)] = row.min() - 1
            row[wanted] = torch.maximum(row[wanted] + LABEL_GAIN, row[~wanted].max() + 1)
        order[i, : len(row)] = row
    return replace(batch, targets=targets, order=order)


def pair_loss(model: PreTrainedModel, batch: PairBatch, settings: TrainingSettings) -> Tensor:
    flat = model(**batch.inputs).logits.view(-1).float()
    logits = torch.zeros_like(batch.targets).masked_scatter(batch.mask, flat)
    group = (logits, batch.targets, batch.taught, batch.mask)
    if batch.order is None:
        loss = losses.listwise(*group)
    else:
        loss = losses.listwise(logits, batch.order, torch.ones_like(batch.taught), batch.mask)
    loss = loss + settings.binary_weight * losses.binary(*group)
    return loss + settings.margin_weight * losses.margins(*group)


def load(base: str, layers: tuple[int, ...] | None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base with one output and no dropout (which costs a third of the time on a CPU and buys nothing here)."""
    config = load_config(base, num_labels=1)
    for name, value in vars(config).items():
        if "dropout" in name and isinstance(value, float):
            setattr(config, name, 0.0)
    return load_base(AutoModelForSequenceClassification, base, layers, config=config, ignore_mismatched_sizes=True)


def score_rows(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], max_length: int
) -> Scores:
    """Logits for each row's positives then negatives, in the model's own precision."""
    queries = [row.query for row in rows for _ in (*row.pos, *row.neg)]
    passages = [text for row in rows for text in (*row.pos, *row.neg)]
    pairs = encode_pairs(tokenizer, queries, passages, max_length)
    flat = np.zeros(len(pairs))
    with torch.inference_mode():
        for part, inputs in batches(model, tokenizer, pairs):
            flat[part] = model(**inputs).logits.view(-1).float().cpu().numpy()
    return split(flat, rows)


def unlabelled(row: Row) -> Row:
    """The row as one that a teacher will score: its labels are forgotten."""
    return replace(row, pos_scores=(0.0,) * len(row.pos), neg_scores=(0.0,) * len(row.neg))


def teaching(
    settings: TrainingSettings, labelled: Sequence[Row], say: Callable[[str], None]
) -> Callable[[list[groups.Group]], list[tuple[float, ...]]] | None:
    """What scores groups while they are trained on: logits of each group's passages.

    Raises:
        InvalidInput: rows to be taught and no teacher, or no labelled row that its logits could be fitted on.
    """
    if not settings.teacher:
        if settings.taught:
            raise InvalidInput("Rows given with --taught need a --teacher.")
        return None
    if not labelled:
        raise InvalidInput("A teacher's scores are mapped to logits by labelled rows. Give some with --train.")
    teacher = Teacher(settings.teacher, settings.max_length)
    drawn = random.Random(settings.seed).sample(labelled, min(FITTED_ON, len(labelled)))
    fit = fitted(teacher, drawn, settings.out / "checkpoints" / "teacher.json", say)

    def teach(made: list[groups.Group]) -> list[tuple[float, ...]]:
        found = teacher.likeness([(group.query, group.passages) for group in made])
        return [tuple(float(logit) for logit in fit.logits(each)) for each in found]

    return teach


def run(settings: TrainingSettings, say: Callable[[str], None] = print) -> Path:
    """Trains and writes a model folder that plain transformers loads; returns it.

    Raises:
        InvalidInput: rows, base or settings that cannot be used; a full disk.
    """
    n_train = len(settings.train)
    rows = read_rows(settings.train, settings.take[:n_train], settings.seed)
    labelled = [row for row in rows if not row.taught]
    if settings.taught:
        rows += [unlabelled(row) for row in read_rows(settings.taught, settings.take[n_train:], settings.seed)]
    dev = read_rows([settings.dev])[: settings.dev_rows]
    device = settle_device(settings.device)
    torch.manual_seed(settings.seed)
    model, tokenizer = load(settings.base, settings.layers)
    model.to(torch.device(device))  # type: ignore[arg-type]  # transformers' wrapper hides the overload
    taught = sum(row.taught for row in rows)
    say(f"{len(rows)} rows ({taught} with a teacher's scores), {len(dev)} dev rows, on {device}")
    state = train(
        model,
        rows,
        settings,
        n_layers=model.config.num_hidden_layers,
        collate=collator(tokenizer, rows, settings, device, teaching(settings, labelled, say)),
        loss_of=lambda batch: pair_loss(model, batch, settings),
        evaluate=lambda: figures_of(dev, score_rows(model, tokenizer, dev, settings.max_length)),
        say=say,
    )
    finish(model, tokenizer, settings, state)
    return settings.out
