"""Fine-tunes a cross-encoder (reranker) on rows of labels, of a teacher's scores, or of both."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from playground.core.errors import InvalidInput
from playground.training import groups, losses
from playground.training.base import batches, load_config, padded
from playground.training.base import load as load_base
from playground.training.evaluate import Scores, figures_of, split
from playground.training.loop import settle_device, train
from playground.training.output import finish
from playground.training.rows import Row, read_rows
from playground.training.settings import TrainingSettings

LABEL_GAIN = 4.0
MakeGroup = Callable[[Row, int, Sequence[Row], random.Random], groups.Group]
NEVER = -1e4  # a logit whose softmax is 0


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Groups as one padded batch of pairs.

    Attributes:
        inputs: model inputs, (pairs, seq).
        targets, mask: (groups, passages), passages padded to the largest group.
        taught: (groups,).
        order: (groups, passages), the logits whose softmax is learned.
    """

    inputs: dict[str, Tensor]
    targets: Tensor
    taught: Tensor
    mask: Tensor
    order: Tensor

    def to(self, device: str) -> PairBatch:
        inputs = {key: value.to(device) for key, value in self.inputs.items()}
        rest = (each.to(device) for each in (self.targets, self.taught, self.mask, self.order))
        return PairBatch(inputs, *rest)


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
    make: MakeGroup = groups.of_row,
) -> Callable[[list[tuple[Row, random.Random]]], list[PairBatch]]:
    labelled = [row for row in rows if row.labelled] or list(rows)

    def collate(drawn: list[tuple[Row, random.Random]]) -> list[PairBatch]:
        made = [make(row, settings.group_size, labelled, rng) for row, rng in drawn]
        queries = [group.query for group in made for _ in group.passages]
        passages = [text for group in made for text in group.passages]
        pairs = iter(encode_pairs(tokenizer, queries, passages, settings.max_length))
        encoded = [[next(pairs) for _ in group.passages] for group in made]
        order = sorted(range(len(made)), key=lambda i: max(len(pair["input_ids"]) for pair in encoded[i]))
        size = settings.rows_per_step
        parts = [order[at : at + size] for at in range(0, len(order), size)]
        return [pad([made[i] for i in part], [encoded[i] for i in part], tokenizer) for part in parts]

    return collate


def pad(
    made: Sequence[groups.Group], encoded: Sequence[list[dict[str, list[int]]]], tokenizer: PreTrainedTokenizerBase
) -> PairBatch:
    inputs = padded(tokenizer, [pair for group in encoded for pair in group])
    widest = max(len(group.passages) for group in made)
    targets, order = torch.zeros(len(made), widest), torch.zeros(len(made), widest)
    mask = torch.zeros(len(made), widest, dtype=torch.bool)
    for i, group in enumerate(made):
        n = len(group.targets)
        targets[i, :n] = torch.tensor(group.targets)
        order[i, :n] = wanted_order(group)
        mask[i, :n] = True
    return PairBatch(inputs, targets, torch.tensor([group.taught for group in made]), mask, order)


def wanted_order(group: groups.Group) -> Tensor:
    """(passages,), the logits whose softmax is learned.

    Of a taught group the teacher's; of a labelled one without a teacher, all mass on the relevant passages. Labels
    outrank a teacher: the relevant passage ends `LABEL_GAIN` above where the teacher has it and at least one above any
    other; what was written to mislead ends one below all others.
    """
    targets = torch.tensor(group.targets)
    if group.taught:
        return targets
    relevant = targets > 0
    if not group.scores:
        return torch.where(relevant, 0.0, NEVER)
    wanted = torch.tensor(group.scores)
    written = wanted.isnan()
    wanted[written] = wanted[~written].min() - 1
    wanted[relevant] = torch.maximum(wanted[relevant] + LABEL_GAIN, wanted[~relevant].max() + 1)
    return wanted


def flat_logits(model: PreTrainedModel, inputs: dict[str, Tensor], step_tokens: int) -> Tensor:
    """(pairs,), float32.

    Args:
        step_tokens: what is kept for the way back is that of so many tokens at most; a batch of more is read in parts,
            and each once more on the way back. 0 sets no bound.
    """
    n, length = inputs["input_ids"].shape
    size = max(1, step_tokens // length) if step_tokens else n

    def read(part: dict[str, Tensor]) -> Tensor:
        logits: Tensor = model(**part).logits
        return logits.view(-1).float()

    if size >= n:
        return read(inputs)
    parts = [{key: value[at : at + size] for key, value in inputs.items()} for at in range(0, n, size)]
    return torch.cat([checkpoint(read, part, use_reentrant=False) for part in parts])


def pair_loss(model: PreTrainedModel, batch: PairBatch, settings: TrainingSettings, step_tokens: int = 0) -> Tensor:
    """A scalar; `step_tokens` as `flat_logits`, whatever it is the same but for rounding."""
    flat = flat_logits(model, batch.inputs, step_tokens)
    logits = torch.zeros_like(batch.targets).masked_scatter(batch.mask, flat)
    group = (logits, batch.targets, batch.taught, batch.mask)
    loss = losses.listwise(logits, batch.order, batch.mask)
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


def run(settings: TrainingSettings, say: Callable[[str], None] = print) -> Path:
    """Trains and writes a model folder that plain transformers loads; returns it.

    Raises:
        InvalidInput: rows, base or settings that cannot be used; a full disk.
    """
    n_train = len(settings.train)
    rows = read_rows(settings.train, settings.take[:n_train], settings.seed)
    if settings.taught:
        taught = read_rows(settings.taught, settings.take[n_train:], settings.seed)
        if not all(row.pos_scores for row in taught):
            raise InvalidInput("Rows given with --taught need a teacher's scores. Let `score` write them.")
        rows += [replace(row, labelled=False) for row in taught]
    dev = read_rows([settings.dev])[: settings.dev_rows]
    device = settle_device(settings.device)
    torch.manual_seed(settings.seed)
    model, tokenizer = load(settings.base, settings.layers)
    model.to(torch.device(device))  # type: ignore[arg-type]  # transformers' wrapper hides the overload
    unlabelled = sum(not row.labelled for row in rows)
    say(f"{len(rows)} rows ({unlabelled} of them taught alone), {len(dev)} dev rows, on {device}")
    state = train(
        model,
        rows,
        settings,
        n_layers=model.config.num_hidden_layers,
        collate=collator(tokenizer, rows, settings),
        loss_of=lambda batch: pair_loss(model, batch, settings),
        evaluate=lambda: figures_of(dev, score_rows(model, tokenizer, dev, settings.max_length)),
        say=say,
    )
    finish(model, tokenizer, settings, state)
    return settings.out
