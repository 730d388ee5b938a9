"""The loop both trainers share: schedule, progress, checkpoints, resuming, early stop."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import get_linear_schedule_with_warmup

from playground.core.errors import InvalidInput
from playground.training.rows import Row
from playground.training.settings import TrainingSettings

CHUNK_STEPS = 40  # steps whose groups are sorted by length together, so that a batch holds little padding
CHECKPOINT = "checkpoint.pt"
SAY_EVERY = 50  # steps

WORKERS = 12  # processes that make batches for a GPU; on a CPU they would take the cores that train
MANY_ROWS = 20_000  # fewer are made into batches before the processes are up


class Movable(Protocol):
    def to(self, device: str) -> Self: ...


Batch = TypeVar("Batch", bound=Movable)


class LossNotFiniteError(InvalidInput):
    """A step would have spoilt the weights."""


@dataclass(slots=True)
class State:
    """Where a run stands; everything that a resumed run needs beside weights and optimizer."""

    step: int = 0
    best: float = -math.inf
    stale: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)


# Told the state, the steps in all and the smoothed loss; answers whether to go on.
Watch = Callable[[State, int, float], bool]


def settle_device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidInput("There is no CUDA device here. Use --device cpu.")
    return name


def settle_precision(name: str, device: str) -> str:
    """bf16 autocast where the hardware computes it natively, else fp32; weights and optimizer stay fp32."""
    if name != "auto":
        return name
    native = torch.cuda.is_bf16_supported() if device == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return "bf16" if native else "fp32"


def parameter_groups(model: nn.Module, settings: TrainingSettings, n_layers: int) -> list[dict[str, Any]]:
    """Layer-wise learning rates: the head learns at `lr`, each layer below by `layer_decay` slower."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        depth = n_layers
        if "embeddings" in name:
            depth = 0
        elif ".layer." in name:
            depth = int(name.split(".layer.")[1].split(".")[0]) + 1
        words = settings.freeze_embeddings and "word_embeddings" in name
        # Below a frozen layer nothing is learned, or its gradients would still have to pass.
        if words or (settings.freeze_layers and depth <= settings.freeze_layers):
            parameter.requires_grad_(False)
            continue
        rate = settings.lr * settings.layer_decay ** (n_layers - depth)
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def n_steps(rows: Sequence[Row], settings: TrainingSettings) -> int:
    return settings.epochs * math.ceil(len(rows) / settings.rows_per_step)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that are made into batches together: `order[start:end]` of an epoch."""

    epoch: int
    start: int
    rows: list[Row]
    skip: int


class Chunks(Dataset[list[Batch]], Generic[Batch]):
    """Batches of all epochs by chunk, the first `skip` left out.

    Every draw depends on (seed, epoch, chunk) alone, so a resumed run sees what an unbroken one would have seen.

    Args:
        collate: makes a chunk of rows into batches of `rows_per_step`, near in length.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        settings: TrainingSettings,
        collate: Callable[[list[tuple[Row, random.Random]]], list[Batch]],
        skip: int,
    ) -> None:
        self.seed, self.collate, self.chunks = settings.seed, collate, []
        at, size = 0, CHUNK_STEPS * settings.rows_per_step
        for epoch in range(settings.epochs):
            order = list(rows)
            random.Random(f"{settings.seed}-{epoch}").shuffle(order)
            for start in range(0, len(order), size):
                part = order[start : start + size]
                steps = math.ceil(len(part) / settings.rows_per_step)
                if at + steps > skip:
                    self.chunks.append(Chunk(epoch, start, part, max(skip - at, 0)))
                at += steps

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, place: int) -> list[Batch]:
        chunk = self.chunks[place]
        rng = random.Random(f"{self.seed}-{chunk.epoch}-{chunk.start}")
        made = self.collate([(row, random.Random(rng.random())) for row in chunk.rows])
        rng.shuffle(made)
        return made[chunk.skip :]


def batches(
    rows: Sequence[Row],
    settings: TrainingSettings,
    collate: Callable[[list[tuple[Row, random.Random]]], list[Batch]],
    skip: int,
    device: str,
) -> Iterator[Batch]:
    """Batches of all epochs on the device, the first `skip` left out (see `Chunks`)."""
    n = n_workers(len(rows), device)
    loader = DataLoader(
        Chunks(rows, settings, collate, skip),
        batch_size=None,
        num_workers=n,
        # The collator is a closure over the rows, which only a fork takes along.
        multiprocessing_context="fork" if n else None,
    )
    for made in loader:
        for batch in made:
            yield batch.to(device)


def n_workers(n_rows: int, device: str) -> int:
    """Processes that make batches; 0 where this one makes them itself."""
    if device != "cuda" or n_rows <= MANY_ROWS or "fork" not in multiprocessing.get_all_start_methods():
        return 0
    return max(0, min(WORKERS, (os.cpu_count() or 1) - 2))


def train(
    model: nn.Module,
    rows: Sequence[Row],
    settings: TrainingSettings,
    *,
    n_layers: int,
    collate: Callable[[list[tuple[Row, random.Random]]], list[Batch]],
    loss_of: Callable[[Batch], Tensor],
    evaluate: Callable[[], dict[str, float]],
    say: Callable[[str], None] = print,
    watch: Watch | None = None,
    keep_best: bool = True,
) -> State:
    """Trains in place; the weights at the end are those with the best dev NDCG@10, or else the last.

    Args:
        loss_of: one batch to a scalar.
        evaluate: dev figures; must hold "ndcg@10".
        watch: told after every step; where it answers no, the run ends with a checkpoint.
    Raises:
        InvalidInput: a checkpoint of other settings lies in `out`, or the disk is full.
        LossNotFiniteError: the loss or a gradient is no number; the weights are those of the step before.
    """
    torch.manual_seed(settings.seed)
    device, total = next(model.parameters()).device.type, n_steps(rows, settings)
    optimizer = torch.optim.AdamW(parameter_groups(model, settings, n_layers), fused=True)
    schedule = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
        optimizer, int(settings.warmup * total), total
    )
    bf16 = settle_precision(settings.precision, device) == "bf16"

    def step(batch: Batch) -> float:
        model.train()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
            loss = loss_of(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise LossNotFiniteError(
                "The loss was no longer a number at step {step}. Take a smaller learning rate, or fp32.",
                step=state.step + 1,
            )
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    state, checkpoint = State(), Checkpoint(settings)
    checkpoint.load(model, state, optimizer, schedule)
    every = settings.evaluate_every or math.ceil(total / settings.epochs)
    began, first, smooth = time.monotonic(), state.step, math.nan
    for batch in batches(rows, settings, collate, state.step, device):
        loss = step(batch)
        state.step += 1
        smooth = loss if math.isnan(smooth) else 0.98 * smooth + 0.02 * loss
        if state.step % SAY_EVERY == 0:
            left = (time.monotonic() - began) / (state.step - first) * (total - state.step)
            say(f"step {state.step} of {total}, loss {smooth:.4f}, {left / 60:.0f} min left")
        if state.step % every == 0 or state.step == total:
            if note(state, evaluate(), smooth, say) and keep_best:
                checkpoint.save_best(model)
            if settings.patience and state.stale >= settings.patience:
                say(f"stopped early: no better dev NDCG@10 in {state.stale} evaluations")
                break
        goes_on = watch is None or watch(state, total, smooth)
        if state.step % settings.checkpoint_every == 0 or not goes_on:
            checkpoint.save(model, optimizer, schedule, state)
        if not goes_on:
            return state
    if keep_best:
        checkpoint.restore_best(model)
    return state


def note(state: State, figures: dict[str, float], loss: float, say: Callable[[str], None]) -> bool:
    """Keeps the figures of an evaluation; whether they are the best so far."""
    state.curve.append({"step": float(state.step), "loss": loss, **figures})
    say(f"step {state.step}: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    better = figures["ndcg@10"] > state.best
    state.stale = 0 if better else state.stale + 1
    state.best = max(state.best, figures["ndcg@10"])
    return better


class Checkpoint:
    """One file, replaced whole: a kill in mid-write leaves the one before."""

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self.folder = settings.out / "checkpoints"
        self.path, self.best = self.folder / CHECKPOINT, self.folder / "best.pt"

    def load(self, model: nn.Module, state: State, optimizer: Any = None, schedule: Any = None) -> bool:
        """Whether there was one; without an optimizer to look at what was kept, not to go on."""
        if not self.path.exists():
            return False
        saved = torch.load(self.path, weights_only=True)
        if saved["settings"] != described(self.settings):
            raise InvalidInput(
                "{folder} holds a checkpoint of other settings. Remove it, or choose another --out.", folder=self.folder
            )
        model.load_state_dict(saved["model"])
        if optimizer is not None:
            optimizer.load_state_dict(saved["optimizer"])
            schedule.load_state_dict(saved["schedule"])
            torch.set_rng_state(saved["rng"])
        state.step, state.best, state.stale, state.curve = (saved[k] for k in ("step", "best", "stale", "curve"))
        return True

    def save(self, model: nn.Module, optimizer: Any, schedule: Any, state: State) -> None:
        self._write(
            self.path,
            {
                "settings": described(self.settings),
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "rng": torch.get_rng_state(),
                "step": state.step,
                "best": state.best,
                "stale": state.stale,
                "curve": state.curve,
            },
        )

    def save_best(self, model: nn.Module) -> None:
        self._write(self.best, model.state_dict())

    def restore_best(self, model: nn.Module) -> None:
        if self.best.exists():
            model.load_state_dict(torch.load(self.best, weights_only=True))

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        draft = path.with_suffix(".draft")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            torch.save(content, draft)
            draft.replace(path)
        except (OSError, RuntimeError) as error:
            draft.unlink(missing_ok=True)
            raise unwritten(self.folder, error) from error


def unwritten(folder: Path, error: Exception) -> InvalidInput:
    return InvalidInput(
        "The checkpoint could not be written to {folder}: {reason}. Free some space and start again: the run resumes "
        "from its last checkpoint.",
        folder=folder,
        reason=error,
    )


def described(settings: TrainingSettings) -> str:
    """The settings that a checkpoint must share, as JSON (where the run writes does not count)."""
    record = asdict(settings)
    record.pop("out")
    return json.dumps(record, default=str, sort_keys=True)
