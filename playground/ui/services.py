"""What lives as long as the process: built once at the start, passed to every handler."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from playground.assembly import engine_of, history_of
from playground.core.errors import SignInNeeded
from playground.core.types import DeviceName, ModelChoice, PrecisionName
from playground.corpus.corpora import Corpora
from playground.engine import trainable
from playground.engine.budget import idle_mib
from playground.engine.engine import Engine
from playground.engine.trained import TrainedModels
from playground.history.store import HistoryStore
from playground.models import catalog, devices
from playground.models.named import parse_choice
from playground.models.room import Room
from playground.settings import HUGGING_FACE, Settings
from playground.ui.page_turns import LruCache, Turns
from playground.ui.scoring_jobs import ScoringJobs
from playground.ui.training_jobs import TrainingJobs
from playground.ui.wiring import Caller
from playground.visitors import Visitors


def indexing_session(session: str) -> str:
    """Under which the indexing of a page is stopped: it goes on beside the page's runs."""
    return f"{session} indexing"


class StopFlags:
    """One flag per open page, which its run looks at between batches."""

    def __init__(self) -> None:
        self._flags: dict[str, threading.Event] = {}
        self._going: list[tuple[str, threading.Event]] = []
        self._changed = threading.Condition()

    def start(self, session: str, owner: str = "") -> threading.Event:
        """A fresh flag for a new run of this page; a run that is still going is asked to end."""
        fresh = threading.Event()
        with self._changed:
            before = self._flags.get(session)
            self._flags[session] = fresh
            self._going.append((owner, fresh))
        if before is not None:
            before.set()
        return fresh

    def stop(self, session: str) -> None:
        """Ask the run of this page to end; nothing happens where none is going."""
        with self._changed:
            flag = self._flags.get(session)
        if flag is not None:
            flag.set()

    def stop_all(self, owner: str, seconds: float) -> bool:
        """Ask all runs of a visitor to end, on whatever page; whether they did within this time."""
        with self._changed:
            for flag in self._of(owner):
                flag.set()
            return self._changed.wait_for(lambda: not self._of(owner), seconds)

    def end(self, session: str, flag: threading.Event) -> None:
        """Forget the flag of a run that is over."""
        with self._changed:
            self._going = [each for each in self._going if each[1] is not flag]
            if self._flags.get(session) is flag:
                del self._flags[session]
            self._changed.notify_all()

    def _of(self, owner: str) -> list[threading.Event]:
        return [flag for whose, flag in self._going if owner and whose == owner]


@dataclass(frozen=True)
class Services:
    """The engine, the history and what the user chose at the start.

    Attributes:
        stops: of the runs on open pages.
        sets_in_view: the labelled sets that were looked at last, with their scores.
        visitors: the runs of each.
        turns: what each page asked the Threshold view to show last.
        jobs: sets that are being scored behind the pages.
        corpora: what visitors search, with its indexes.
        trained, trainings: the models that were trained here, and what is being trained.
    """

    settings: Settings
    engine: Engine
    history: HistoryStore
    stops: StopFlags = field(default_factory=StopFlags)
    sets_in_view: LruCache[Any] = field(default_factory=LruCache)
    turns: Turns = field(default_factory=Turns)
    jobs: ScoringJobs = field(init=False)
    corpora: Corpora = field(init=False)
    trained: TrainedModels = field(init=False)
    trainings: TrainingJobs = field(init=False)
    visitors: Visitors = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "jobs", ScoringJobs(self.engine, self.history))
        object.__setattr__(self, "corpora", Corpora(self.history.corpora, self.engine.limits))
        settings = self.settings
        find_base = partial(trainable.find, offline=settings.offline, free=self.engine.free_mib)
        object.__setattr__(self, "trained", TrainedModels(settings.trained))
        object.__setattr__(self, "trainings", TrainingJobs(self.engine, self.history, self.trained, find_base))
        object.__setattr__(self, "visitors", Visitors(settings.most_runs_per_minute, settings.most_runs_at_once))

    @classmethod
    def from_settings(cls, settings: Settings) -> Services:
        """The services of a real start. Opens no model and no database yet."""
        return cls(settings, engine_of(settings), history_of(settings))

    def outward(self, text: str) -> str:
        """A text as it may leave the page: on a public one without the folders of trained models, whose names are the
        keys to them and tell of this machine."""
        return self.trained.unnamed(text) if self.settings.public else text

    @contextmanager
    def run(self, caller: Caller) -> Iterator[threading.Event]:
        """Counts a run of this visitor, and gives the flag that Stop on its page sets.

        Raises:
            Busy: one run more than a visitor may have.
            SignInNeeded: as `admit`.
        """
        self.admit(caller)
        with self.visitors.run(caller.owner, caller.address):
            stop = self.stops.start(caller.session, caller.owner)
            try:
                yield stop
            finally:
                self.stops.end(caller.session, stop)

    def admit(self, caller: Caller) -> None:
        """Raises SignInNeeded: only who has signed in may run models here, and this visitor has not."""
        if self.settings.auth == HUGGING_FACE and not caller.user:
            raise SignInNeeded("Sign in with Hugging Face first: the button is at the top of the page.")

    @property
    def first_model(self) -> str:
        """What the model box holds when the page opens."""
        return self.settings.models[0] if self.settings.models else catalog.BUILT_IN_RERANKER

    def first_choice(self) -> ModelChoice:
        """The model that is loaded in the background once the page is up."""
        model_id, revision = parse_choice(self.first_model)
        return ModelChoice(model_id, revision, device=self.settings.device, precision=self.settings.precision)

    def room(self, device: DeviceName, precision: PrecisionName) -> Room | None:
        """What there is for one more model, with what nobody uses made free; None where only torch would know the
        device and it is not loaded yet."""
        runs = devices.foreseen(device, precision)
        if runs is None:
            return None
        return Room(*runs, self.engine.free_mib(runs[0]) + idle_mib(self.engine.loaded(), runs[0]))

    def close(self) -> None:
        """End the scoring and training behind the pages, and let go of the models."""
        self.trainings.close()
        self.jobs.close()
        self.engine.close()
