"""Scoring that goes on behind the page: one queue per visitor, every query on the disk before the next begins."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.labels import LabelledSet, SetScores
from playground.core.scales import Scale
from playground.core.types import ModelChoice, ModelSpec, Phase
from playground.engine.engine import Engine
from playground.engine.set_scoring import SetStep
from playground.history.store import HistoryStore
from playground.remote.connect import NO_KEYS, Keys

State = Literal["waiting", "running", "done", "stopped", "failed"]

AT_WORK = 2
MAX_WAITING = 64
MAX_REMEMBERED = 200

log = logging.getLogger("playground.ui")


@dataclass(frozen=True)
class Job:
    """One set through one model, as it stands now.

    Attributes:
        number: in the order of asking.
        set_id, set_name: of the labelled set.
        instruction: what the visitor wrote; None takes the model's own.
        phase: of the step under way; meaningful while running.
        done, total: bytes while downloading, pairs otherwise.
        seconds_left: None before it is known.
        stopping: it was asked to end and is at its last batch.
        key: of the scores that it makes; empty before the model is loaded.
        warnings: lasting warnings on the model, in plain sentences.
        error: why it failed.
        keys: of servers; dropped once it is over.
    """

    number: int
    owner: str
    set_id: str
    set_name: str
    choice: ModelChoice
    instruction: str | None
    state: State = "waiting"
    phase: Phase = "resolve"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    stopping: bool = False
    key: str = ""
    warnings: tuple[str, ...] = ()
    error: Exception | None = None
    keys: Keys = field(default_factory=lambda: NO_KEYS, repr=False)

    @property
    def active(self) -> bool:
        return self.state in ("waiting", "running")

    def same_work(self, other: Job) -> bool:
        """Whether the other would compute the same."""
        return (self.owner, self.set_id, self.choice, self.instruction) == (
            other.owner,
            other.set_id,
            other.choice,
            other.instruction,
        )


class ScoringJobs:
    """Jobs of all visitors. Every method is safe from any thread and returns at once, but for `wait`.

    A job belongs to the process, not to a page: it goes on when the tab is closed. What a killed process had scored is
    in the history, and asking again computes only the rest.

    Args:
        at_work: jobs that may run at the same time, whoever asked for them.
    """

    def __init__(self, engine: Engine, history: HistoryStore, *, at_work: int = AT_WORK) -> None:
        self._engine = engine
        self._history = history
        self._room = threading.Semaphore(at_work)
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._sets: dict[int, LabelledSet] = {}
        self._flags: dict[int, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False

    def start(
        self,
        owner: str,
        labelled: LabelledSet,
        choices: Sequence[ModelChoice],
        instruction: str | None = None,
        keys: Keys = NO_KEYS,
    ) -> tuple[Job, ...]:
        """Queue one job for each model; one that is under way already is not queued twice. Returns the new jobs.

        Raises:
            InvalidInput: the set holds no pair, no model was chosen, or too much waits already.
        """
        limit = self._engine.limits.pairs
        if not labelled.n_pairs:
            raise InvalidInput("This set holds no pairs. Add queries with passages first.")
        if labelled.n_pairs > limit:
            raise InvalidInput(
                "This set has {n:,} pairs; the limit is {limit:,}. Choose a smaller one.",
                n=labelled.n_pairs,
                limit=limit,
            )
        if not choices:
            raise InvalidInput("No model is chosen. Choose at least one to score the set with.")
        with self._changed:
            wanted = [
                replace(self._job(owner, labelled, choice, instruction), keys=keys) for choice in dict.fromkeys(choices)
            ]
            active = [job for job in self._jobs.values() if job.active]
            fresh = [job for job in wanted if not any(job.same_work(other) for other in active)]
            self._check_room(owner, active, len(fresh))
            # A newer attempt says what became of an older one.
            for job in fresh:
                for number in [old.number for old in self._jobs.values() if not old.active and job.same_work(old)]:
                    del self._jobs[number]
                self._jobs[job.number] = job
                self._sets[job.number] = labelled
                self._flags[job.number] = threading.Event()
            self._wake(owner)
        return tuple(fresh)

    def of(self, owner: str) -> tuple[Job, ...]:
        """The jobs of one visitor, those that are over included, in the order of asking."""
        with self._changed:
            return tuple(job for job in self._jobs.values() if job.owner == owner)

    def stop(self, owner: str) -> None:
        """Ask all jobs of one visitor to end; what was scored stays."""
        with self._changed:
            for job in [job for job in self._jobs.values() if job.owner == owner and job.active]:
                self._flags[job.number].set()
                if job.state == "waiting":
                    self._end(replace(job, state="stopped"))
                else:
                    self._put(replace(job, stopping=True))

    def forget(self, owner: str) -> None:
        """Drop the jobs of one visitor that are over."""
        with self._changed:
            for job in [job for job in self._jobs.values() if job.owner == owner and not job.active]:
                del self._jobs[job.number]

    def wait(self, owner: str, timeout: float) -> bool:
        """Whether all jobs of one visitor are over, at the latest after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not any(job.owner == owner and job.active for job in self._jobs.values()), timeout
            )

    def close(self) -> None:
        """Ask every job to end, and take no other."""
        with self._changed:
            self._closed = True
            for owner in {job.owner for job in self._jobs.values()}:
                self.stop(owner)

    def _job(self, owner: str, labelled: LabelledSet, choice: ModelChoice, instruction: str | None) -> Job:
        return Job(next(self._numbers), owner, labelled.id, labelled.name, choice, instruction, total=labelled.n_pairs)

    def _check_room(self, owner: str, active: Sequence[Job], n_fresh: int) -> None:
        limit = self._engine.limits.models
        if sum(job.owner == owner for job in active) + n_fresh > limit:
            raise InvalidInput("At most {limit} models can wait for their turn. Let some finish first.", limit=limit)
        if self._closed or len(active) + n_fresh > MAX_WAITING:
            raise InvalidInput("Too many sets are waiting to be scored here. Try again in a few minutes.")

    def _wake(self, owner: str) -> None:
        if owner not in self._threads and any(job.owner == owner and job.active for job in self._jobs.values()):
            thread = threading.Thread(target=self._work, args=(owner,), name="scoring", daemon=True)
            self._threads[owner] = thread
            thread.start()

    def _work(self, owner: str) -> None:
        while True:
            with self._room:
                with self._changed:
                    job = next((job for job in self._jobs.values() if job.owner == owner and job.active), None)
                    if job is None:
                        del self._threads[owner]
                        return
                    job = self._put(replace(job, state="running"))
                    labelled, flag = self._sets[job.number], self._flags[job.number]
                self._run(job, labelled, flag)

    def _run(self, job: Job, labelled: LabelledSet, flag: threading.Event) -> None:
        now = replace(job, state="stopped")
        try:
            for step in self._steps(job, labelled, flag):
                self._keep(job.owner, step)
                now = replace(_at(now, step), key=now.key or self._key(step))
                if now.active:
                    with self._changed:
                        self._put(replace(now, stopping=flag.is_set()))
        except Exception as error:
            if not isinstance(error, PlaygroundError):
                log.error("scoring %s failed", job.choice.model_id, exc_info=error)
            now = replace(now, state="failed", error=_bare(error))
        with self._changed:
            self._end(now)

    def _steps(self, job: Job, labelled: LabelledSet, flag: threading.Event) -> Iterator[SetStep]:
        def known(spec: ModelSpec, scale: Scale, instruction: str) -> SetScores | None:
            return self._history.sets.find_scores(job.owner, labelled, spec, scale, instruction)

        return self._engine.score_set(
            labelled, job.choice, instruction=job.instruction, known=known, stop=flag, keys=job.keys
        )

    def _key(self, step: SetStep) -> str:
        if step.spec is None or step.scale is None:
            return ""
        return self._history.sets.scorer_key(step.spec, step.scale, step.instruction)

    def _keep(self, owner: str, step: SetStep) -> None:
        if step.scored:
            assert step.spec is not None
            assert step.scale is not None
            self._history.sets.put_scores(owner, step.spec, step.scale, step.instruction, step.scored)

    def _put(self, job: Job) -> Job:
        self._jobs[job.number] = job
        return job

    def _end(self, job: Job) -> None:
        """The job is over; its texts and keys are let go."""
        self._put(replace(job, keys=NO_KEYS))
        with suppress(KeyError):
            del self._sets[job.number], self._flags[job.number]
        over = [number for number, each in self._jobs.items() if not each.active]
        for number in over[:-MAX_REMEMBERED]:
            del self._jobs[number]
        self._changed.notify_all()


def _at(job: Job, step: SetStep) -> Job:
    state: State = "done" if step.phase == "done" else "stopped" if step.phase == "stopped" else "running"
    return replace(
        job,
        state=state,
        phase=step.phase,
        done=step.done,
        total=step.total,
        seconds_left=step.seconds_left,
        warnings=step.warnings,
    )


def _bare(error: Exception) -> Exception:
    """The error without the frames it came through: they hold the whole set and the model."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
