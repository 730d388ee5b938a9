"""A training on the rows of one folder, told about in JSON lines: what the page starts as a process of its own.

The folder holds `train.jsonl`, `dev.jsonl` and, while it lasts, checkpoints; the finished model is in its `model`.
The last weights are taken, and not those that did best on dev: nothing is chosen on the dev rows, so that before and
after on them is a fair comparison.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import torch
from filelock import FileLock, Timeout
from transformers import PreTrainedModel

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.training import ADAPTER_RANK, ROWS_PER_STEP
from playground.training import cross_encoder, groups
from playground.training.evaluate import figures_of
from playground.training.loop import Checkpoint, LossNotFiniteError, State, n_steps, settle_device, train, unwritten
from playground.training.output import finish
from playground.training.rows import Row, read_rows
from playground.training.settings import TrainingSettings

TRAIN, DEV, MODEL, START = "train.jsonl", "dev.jsonl", "model", "start.json"
SAY_SECONDS = 0.4
NOT_FINITE = (
    "The loss was no longer a number at step {step}, so the training ended there. The model has the weights of the "
    "last checkpoint, after step {kept}."
)
CHECKPOINT_STEPS = 100
# Rows that the live curve is measured on; before and after are measured on all of them.
CURVE_ROWS = 100
# How much faster adapters learn than whole weights.
FASTER = 4.0

Tell = Callable[..., None]


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """What the command takes beside the folder."""

    work: Path
    base: str
    epochs: int = 2
    lr: float = 5e-5
    max_length: int = 128
    group_size: int = 4
    seed: int = 0
    device: str = "auto"
    adapters: bool = False
    step_tokens: int = 0

    def training(self, n_rows: int) -> TrainingSettings:
        """As the loop takes it."""
        every = math.ceil(n_rows / ROWS_PER_STEP)
        return TrainingSettings(
            train=(self.work / TRAIN,),
            dev=self.work / DEV,
            base=self.base,
            out=self.work / MODEL,
            epochs=self.epochs,
            lr=self.lr * (FASTER if self.adapters else 1.0),
            layer_decay=1.0 if self.adapters else 0.9,
            warmup=0.1,
            max_length=self.max_length,
            group_size=self.group_size,
            rows_per_step=ROWS_PER_STEP,
            dev_rows=CURVE_ROWS,
            evaluate_every=every,
            checkpoint_every=min(every, CHECKPOINT_STEPS),
            seed=self.seed,
            device=self.device,
        )


def plain_group(row: Row, size: int, others: Sequence[Row], rng: random.Random) -> groups.Group:
    """One relevant passage and negatives of its own, as they are labelled: nothing is made dirty or made up."""
    negatives = rng.sample(row.neg, min(size - 1, len(row.neg)))
    passages = (rng.choice(row.pos), *negatives)
    return groups.Group(row.query, passages, (1.0, *(0.0 for _ in negatives)), taught=False)


def with_adapters(model: PreTrainedModel) -> Any:
    """The model with low-rank adapters on every linear layer, which alone learn, with the head.

    Raises:
        InvalidInput: peft is not installed.
    """
    try:
        from peft import LoraConfig, TaskType, get_peft_model
    except ImportError as error:
        raise InvalidInput(
            "LoRA needs a library that is not installed. Try: pip install peft, or train all weights."
        ) from error
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=ADAPTER_RANK,
        lora_alpha=2 * ADAPTER_RANK,
        lora_dropout=0.0,
        target_modules="all-linear",
    )
    return get_peft_model(model, config)


def run(settings: LabelSettings, tell: Tell, stop: threading.Event) -> bool:
    """Trains, from the last checkpoint where there is one; whether the model is finished.

    Args:
        tell: is given the name of an event and what belongs to it.
        stop: ends the run with a checkpoint after the step under way.
    Raises:
        InvalidInput: rows or a base that cannot be used, a full disk, or another process at the same folder.
    """
    try:
        with FileLock(settings.work / "lock", timeout=0):
            return _run(settings, tell, stop)
    except Timeout as error:
        raise InvalidInput("This training goes on in another process already. Wait until it is over.") from error


def _run(settings: LabelSettings, tell: Tell, stop: threading.Event) -> bool:
    rows, dev = read_rows([settings.work / TRAIN]), read_rows([settings.work / DEV])[:CURVE_ROWS]
    how = settings.training(len(rows))
    device = settle_device(how.device)
    torch.manual_seed(how.seed)
    model, tokenizer = cross_encoder.load(how.base, None)
    n_layers = int(model.config.num_hidden_layers)
    learns: Any = with_adapters(model) if settings.adapters else model
    learns.to(torch.device(device))
    how = replace(how, max_length=min(how.max_length, tokenizer.model_max_length))

    def evaluate() -> dict[str, float]:
        return figures_of(dev, cross_encoder.score_rows(learns, tokenizer, dev, how.max_length))

    total = n_steps(rows, how)
    tell("began", total=total, device=device, ndcg=_before(settings.work / START, lambda: evaluate()["ndcg@10"]))
    warned, state = "", State()
    watch = Watcher(tell, stop)
    try:
        state = train(
            learns,
            rows,
            how,
            n_layers=n_layers,
            collate=cross_encoder.collator(tokenizer, rows, how, make=plain_group),
            loss_of=lambda batch: cross_encoder.pair_loss(learns, batch, how, settings.step_tokens),
            evaluate=evaluate,
            say=lambda _: None,
            watch=watch,
            keep_best=False,
        )
    except LossNotFiniteError as error:
        if not Checkpoint(how).load(learns, state):
            raise InvalidInput(
                "The loss was no longer a number at step {step}, before the first checkpoint, so there is no model. "
                "Try another base or seed.",
                **error.values,
            ) from error
        warned = NOT_FINITE.format(**error.values, kept=state.step)
    if stop.is_set() and state.step < total and not warned:
        tell("stopped", step=state.step)
        return False
    finish(learns.merge_and_unload() if settings.adapters else learns, tokenizer, how, state)
    tell("finished", step=state.step, warning=warned)
    return True


def _before(path: Path, measure: Callable[[], float]) -> float:
    """NDCG@10 before the first step: measured once, and kept for those who resume."""
    if not path.exists():
        found, draft = json.dumps(measure()), path.with_suffix(".draft")
        try:
            draft.write_text(found, encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise unwritten(path.parent, error) from error
    return float(json.loads(path.read_text(encoding="utf-8")))


class Watcher:
    """Tells every evaluation, and the step now and then."""

    def __init__(self, tell: Tell, stop: threading.Event) -> None:
        self._tell, self._stop = tell, stop
        self._began: tuple[float, int] | None = None
        self._said, self._n = 0.0, 0

    def __call__(self, state: State, total: int, loss: float) -> bool:
        now = time.monotonic()
        if self._began is None:
            self._began = (now, state.step)
        for point in state.curve[self._n :]:
            self._tell("dev", step=int(point["step"]), loss=point["loss"], ndcg=point["ndcg@10"])
        self._n = len(state.curve)
        began, first = self._began
        if now - self._said >= SAY_SECONDS:
            self._said = now
            done = state.step - first
            left = (now - began) / done * (total - state.step) if done else None
            self._tell("step", step=state.step, loss=loss, seconds_left=left)
        return not self._stop.is_set() or state.step == total


def main(settings: LabelSettings, *, follow_stdin: bool) -> int:
    """Tells on standard output; exit code 1 after an error, which is told, too.

    Args:
        follow_stdin: end, with a checkpoint, where a line comes in or the other end is closed.
    """
    stop = threading.Event()
    with _own_stdout() as out:

        def tell(event: str, **values: object) -> None:
            # Who listened may be gone; the run ends by standard input then.
            with contextlib.suppress(OSError):
                out.write(json.dumps({"event": event, **values}) + "\n")
                out.flush()

        if follow_stdin:
            # Ctrl+C in the terminal reaches every process of the group; the parent says when to end.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            _step_back()
            threading.Thread(target=_await_word, args=(stop,), daemon=True).start()
        try:
            run(settings, tell, stop)
        except PlaygroundError as error:
            _tell_error(tell, error)
            return 1
        except (MemoryError, torch.OutOfMemoryError):
            _tell_error(
                tell,
                InvalidInput(
                    "There is not enough memory to train this base. Take a smaller one, the quick preset, or LoRA."
                ),
            )
            return 1
    return 0


def _step_back() -> None:
    """The page goes first, for the processor as for the memory."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)
        Path("/proc/self/oom_score_adj").write_text("1000")


def _tell_error(tell: Tell, error: PlaygroundError) -> None:
    tell("error", template=error.template, values={name: str(value) for name, value in error.values.items()})


def _await_word(stop: threading.Event) -> None:
    # Not sys.stdin: its lock would be held when the process ends.
    os.read(0, 1)
    stop.set()


@contextlib.contextmanager
def _own_stdout() -> Iterator[TextIO]:
    """What only the events are written to; everything that libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        yield out
