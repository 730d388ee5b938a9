"""What a training run is asked to do; written whole into `training.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Defaults suit a 2-core CPU.

    Attributes:
        train, dev: JSONL files (see `rows`); dev rows choose the weights and are never trained on.
        take: rows drawn at random of each file, in step with `train` and then `taught`; empty takes all.
        taught: JSONL files whose labels are not read, only a teacher's scores (cross-encoder).
        base: folder or Hub id of the encoder to start from.
        layers: which of the base's layers to keep (from 0); None keeps all.
        epochs: passes over all rows; the learning rate falls linearly to zero at their end.
        layer_decay: each layer below the top learns this much slower than the one above it.
        max_length: tokens of a pair (cross-encoder) or text (bi-encoder), special tokens included.
        group_size: passages per query and step.
        rows_per_step: queries per step.
        binary_weight, margin_weight: weights of the binary term and of a teacher's margins beside the listwise term
            (cross-encoder).
        freeze_embeddings: keep the word embeddings as they are; most of a small model's weights sit there.
        freeze_layers: how many of the lowest layers stay as they are; each saves a ninth of a step.
        evaluate_every: steps between evaluations on dev; 0 evaluates at the end of each epoch.
        patience: evaluations without a better dev NDCG@10 before the run stops; 0 never stops early.
        checkpoint_every: steps between checkpoints.
    """

    train: tuple[Path, ...]
    dev: Path
    base: str
    out: Path
    take: tuple[int, ...] = ()
    taught: tuple[Path, ...] = ()
    layers: tuple[int, ...] | None = None
    epochs: int = 1
    lr: float = 1.5e-4
    layer_decay: float = 0.9
    weight_decay: float = 0.01
    warmup: float = 0.06
    max_length: int = 256
    group_size: int = 6
    rows_per_step: int = 8
    binary_weight: float = 1.0
    margin_weight: float = 0.5
    freeze_embeddings: bool = True
    freeze_layers: int = 0
    dev_rows: int = 100
    evaluate_every: int = 0
    patience: int = 0
    checkpoint_every: int = 200
    seed: int = 0
    precision: Precision = "auto"
    device: str = "auto"
