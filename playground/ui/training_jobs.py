"""Trainings that go on behind the page: one at a time, in a process of its own, found again after a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, cast

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.labels import Label, LabelledQuery, LabelledSet, SetScores
from playground.core.training import RECIPES, Adapters, TrainingAsk, TrainingData, TrainingPoint, TrainingRow
from playground.core.types import DeviceName, ModelChoice, Passage
from playground.engine.engine import Engine
from playground.engine.trainable import Base, read_alike
from playground.engine.trained import Trained, TrainedModels
from playground.engine.training_process import Start, TrainingProcess
from playground.engine.turns import Stopped
from playground.history.store import HistoryStore
from playground.models.named import parse_choice
from playground.models.resolve import OnProgress

State = Literal["running", "stopped", "failed", "done"]
Phase = Literal["resolve", "start", "train", "measure"]

MOST_POINTS = 400
# What the process of a training may take to end after its last word.
END_SECONDS = 60.0

log = logging.getLogger("playground.ui")


@dataclass(frozen=True)
class TrainingJob:
    """One training, as it stands now.

    Attributes:
        step, total: of training; 0 before they are known.
        points: the live curves; the first is NDCG@10 before the first step.
        error: why it failed.
        warning: English; what is to be said of it, as of memory, then what the finished model must be told with.
    """

    ask: TrainingAsk
    state: State = "running"
    phase: Phase = "resolve"
    step: int = 0
    total: int = 0
    seconds_left: float | None = None
    stopping: bool = False
    points: tuple[TrainingPoint, ...] = ()
    error: Exception | None = None
    warning: str = ""


class FindBase(Protocol):
    """Finds the base of an ask, as `trainable.find`; may download it, and ends with what `on_progress` raises."""

    def __call__(self, ask: TrainingAsk, *, on_progress: OnProgress, trains: bool) -> Base: ...


class TrainingJobs:
    """Trainings of all visitors. Safe from any thread; every method returns at once, but for `wait`.

    Args:
        models: where they are kept; what lies unfinished there can be gone on with.
    """

    def __init__(
        self,
        engine: Engine,
        history: HistoryStore,
        models: TrainedModels,
        find_base: FindBase,
        start: Start = TrainingProcess,
    ) -> None:
        self._engine, self._history, self._models = engine, history, models
        self._find_base, self._start = find_base, start
        self._changed = threading.Condition()
        self._jobs: dict[str, TrainingJob] | None = None
        self._process: TrainingProcess | None = None
        self._flag = threading.Event()
        self._closed = False

    def start(self, ask: TrainingAsk, data: TrainingData) -> None:
        """Begin a training.

        Raises:
            InvalidInput: another one is under way, or the disk cannot be written.
        """
        with self._changed, self._only_one():
            self._models.begin(ask, data.train, data.dev)
            self._begin(ask)

    def resume(self, owner: str, id: str) -> None:
        """Go on with one that was stopped, failed or was cut off.

        Raises:
            InvalidInput: another one is under way, or it is gone.
        """
        with self._changed:
            job = self._known().get(id)
            if job is None or job.ask.owner != owner:
                raise InvalidInput("This training is gone. Start a new one.")
            with self._only_one():
                self._begin(job.ask)

    def stop(self, owner: str) -> None:
        """Ask the training of this visitor to end after the step under way, with a checkpoint."""
        with self._changed:
            for job in self._known().values():
                if job.ask.owner == owner and job.state == "running":
                    self._flag.set()
                    self._put(replace(job, stopping=True))
                    if self._process is not None:
                        self._process.stop()

    def forget(self, owner: str, id: str) -> None:
        """Drop one that is not under way, with its checkpoints.

        Raises:
            InvalidInput: another page over the same folder runs it.
        """
        with self._changed:
            job = self._known().get(id)
            if job is not None and job.ask.owner == owner and job.state != "running":
                if job.state != "done":
                    self._models.drop(id)
                del self._known()[id]

    def of(self, owner: str) -> tuple[TrainingJob, ...]:
        """The trainings of one visitor that are not finished, or were since the start; oldest first."""
        with self._changed:
            return tuple(job for job in self._known().values() if job.ask.owner == owner)

    def wait(self, timeout: float) -> bool:
        """Whether nothing is under way, at the latest after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running(), timeout)

    def close(self) -> None:
        """Ask what is under way to end, and take no other."""
        with self._changed:
            self._closed = True
            for job in self._running():
                self.stop(job.ask.owner)
        self.wait(10.0)

    def _known(self) -> dict[str, TrainingJob]:
        if self._jobs is None:
            self._models.sweep()
            self._jobs = {ask.id: TrainingJob(ask, "stopped", "train") for ask in self._models.unfinished()}
        return self._jobs

    def _running(self) -> list[TrainingJob]:
        return [job for job in self._known().values() if job.state == "running"]

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Holds the place of the one training of this folder, of all pages over it; what is begun inside keeps it."""
        if self._closed or self._running() or not self._models.take_place():
            raise InvalidInput("Another training is under way here. Wait until it is over, or stop it first.")
        try:
            yield
        except BaseException:
            self._models.leave_place()
            raise

    def _begin(self, ask: TrainingAsk) -> None:
        self._flag = threading.Event()
        self._put(TrainingJob(ask))
        threading.Thread(target=self._work, args=(ask, self._flag), name="training", daemon=True).start()

    def _work(self, ask: TrainingAsk, flag: threading.Event) -> None:
        over: dict[str, Any] = {"state": "done", "stopping": False, "seconds_left": None}
        try:
            if self._trained(ask, flag) is None:
                over["state"] = "stopped"
        except Exception as error:
            if not isinstance(error, PlaygroundError):
                log.error("training %s failed", ask.name, exc_info=error)
            error.__traceback__ = error.__cause__ = error.__context__ = None
            over |= {"state": "failed", "error": error}
        with self._changed:
            self._models.leave_place()
            self._note(ask.id, **over)

    def _trained(self, ask: TrainingAsk, flag: threading.Event) -> Trained | None:
        """The finished model, before and after measured; None where it was stopped."""
        # One that was cut off while it was measured is a model already, and is only run.
        trained = next((each for each in self._models.list(ask.owner) if each.ask.id == ask.id), None)
        base = self._found(trained.ask if trained else ask, flag, trains=trained is None)
        if base is None:
            return None
        if trained is None:
            adapters: Adapters = "yes" if base.adapters else "no"
            revision = base.revision or ask.revision
            ask = replace(ask, base_kind=base.kind, base_folder=base.folder, adapters=adapters, revision=revision)
            self._models.rewrite(ask)
            self._note(ask.id, warning=base.warning)
            warning = self._run(ask, base.step_tokens, flag)
            if warning is None:
                return None
            trained = self._models.place(ask, warning)
        self._note(ask.id, ask=trained.ask, phase="measure", seconds_left=None, warning=trained.warning)
        # Its process held the lock until it ended; now nobody drops or deletes what is measured.
        with self._models.alone(ask.id, seconds=END_SECONDS):
            return self._measured(trained, base, flag)

    def _found(self, ask: TrainingAsk, flag: threading.Event, *, trains: bool) -> Base | None:
        """None where it was stopped, in the midst of a download, too."""

        def note(*_: object) -> None:
            if flag.is_set():
                raise Stopped

        try:
            base = self._find_base(ask, on_progress=note, trains=trains)
        except Stopped:
            return None
        return None if flag.is_set() else base

    def _run(self, ask: TrainingAsk, step_tokens: int, flag: threading.Event) -> str | None:
        """The warning that goes with the finished weights, perhaps empty; None where it was stopped."""
        recipe = RECIPES[ask.preset]
        options = {
            "work": self._models.work(ask.id),
            "base": ask.base_folder,
            "epochs": ask.epochs,
            "lr": recipe.lr,
            "max-length": recipe.max_length,
            "group-size": recipe.group_size,
            "seed": ask.seed,
            "step-tokens": step_tokens,
            "device": ask.device if ask.device in ("cpu", "cuda") else "auto",
        }
        arguments = ["labels", *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        process = self._start([*arguments, *(["--adapters"] if ask.adapters == "yes" else [])])
        with self._changed:
            self._process = process
        self._note(ask.id, ask=ask, phase="start")
        if flag.is_set():
            process.stop()
        try:
            for event in process.events():
                if event["event"] == "finished":
                    return str(event.get("warning") or "")
                self._hear(ask.id, event)
        finally:
            with self._changed:
                self._process = None
            # After the last word as well as after an error here: it ends, with a checkpoint.
            process.stop()
        return None

    def _hear(self, id: str, event: Any) -> None:
        kind = event["event"]
        if kind == "began":
            first = TrainingPoint(0, None, float(event["ndcg"]))
            self._note(id, phase="train", total=int(event["total"]), points=(first,))
        elif kind in ("step", "dev"):
            with self._changed:
                job = self._known()[id]
                ndcg = float(event["ndcg"]) if kind == "dev" else None
                points = thinned((*job.points, TrainingPoint(int(event["step"]), float(event["loss"]), ndcg)))
                left = event.get("seconds_left", job.seconds_left)
            self._note(id, step=int(event["step"]), points=points, seconds_left=left)

    def _measured(self, trained: Trained, base: Base, flag: threading.Event) -> Trained | None:
        """With before and after kept: read alike, in fp32, on the device asked for. None where it was stopped."""
        from playground.analysis.before_after import before_after, suggested

        ask = trained.ask
        labelled = dev_set(ask, self._models.dev_rows(ask.id))
        both: list[SetScores] = []
        model_id, revision = parse_choice(ask.base)
        before = ModelChoice(
            model_id,
            ask.revision or revision,
            ask.base_kind,
            device=cast(DeviceName, ask.device),
            precision="fp32",
            max_length=read_alike(base, trained.path),
        )
        after = replace(before, model_id=str(trained.path), revision=None, kind="reranker")
        for choice in (before, after):
            scores = self._scores(ask.owner, labelled, choice, flag)
            if scores is None:
                return None
            both.append(scores)
        measured = replace(trained, result=before_after(labelled, *both))
        self._models.measured(measured, suggested(labelled, both[1], ask.name))
        return measured

    def _scores(
        self, owner: str, labelled: LabelledSet, choice: ModelChoice, flag: threading.Event
    ) -> SetScores | None:
        """As the page runs the model; kept in the history as any other."""
        sets = self._history.sets
        key = ""
        for step in self._engine.score_set(labelled, choice, known=_nothing_known, stop=flag):
            if step.scored and step.spec is not None and step.scale is not None:
                sets.put_scores(owner, step.spec, step.scale, step.instruction, step.scored)
                key = sets.scorer_key(step.spec, step.scale, step.instruction)
        return None if flag.is_set() else sets.scores(owner, labelled, key)

    def _note(self, id: str, **changes: Any) -> None:
        with self._changed:
            self._put(replace(self._known()[id], **changes))

    def _put(self, job: TrainingJob) -> None:
        self._known()[job.ask.id] = job
        self._changed.notify_all()


def thinned(points: tuple[TrainingPoint, ...]) -> tuple[TrainingPoint, ...]:
    """At most about `MOST_POINTS` of the loss, evenly; every point of the dev queries stays."""
    if len(points) <= MOST_POINTS:
        return points
    return tuple(point for place, point in enumerate(points) if place % 2 == 0 or point.ndcg is not None)


def dev_set(ask: TrainingAsk, rows: Sequence[TrainingRow]) -> LabelledSet:
    """The dev rows as a set: relevant passages first, all else not relevant."""
    at = datetime.now(UTC)
    return LabelledSet("dev", ask.set_name, tuple(_queries(rows, at)))


def _queries(rows: Sequence[TrainingRow], at: datetime) -> Iterator[LabelledQuery]:
    for number, row in enumerate(rows, 1):
        texts = (*row.pos, *row.neg)
        labels = tuple(Label(int(place < len(row.pos)), "imported", at) for place in range(len(texts)))
        yield LabelledQuery(
            f"q{number}", row.query, tuple(Passage(str(place), text) for place, text in enumerate(texts, 1)), labels
        )


def _nothing_known(*_: object) -> None:
    """Both models are run anew, so that both are read in the same way."""
