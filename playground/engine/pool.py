"""Loaded models: each loaded once, shared by all visitors and by all ways to read it, least recently used out first."""

from __future__ import annotations

import copy
import gc
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from playground.core.errors import NoRoom, OutOfMemory, PlaygroundError
from playground.core.protocols import Embedder, Scorer
from playground.core.types import ModelChoice, Phase
from playground.engine import gpu_worker
from playground.engine.budget import Budgets, idle_mib
from playground.engine.lease import Lease
from playground.engine.loaded import (
    Entry,
    Load,
    LoadedModel,
    Loading,
    Model,
    OnProgress,
    View,
    as_read,
    is_twin,
    line_of,
    scale_of,
    weights_of,
)
from playground.engine.turns import Ticket, Turns
from playground.models.devices import devices
from playground.models.memory import memory_mib
from playground.models.named import refuse_folder
from playground.remote.address import refuse_remote

# The rest is for activations, the page, the system and whatever else runs here.
SHARE_OF_MEMORY = 0.5

# How soon a waiting visitor hears of the load's progress or is let go by Stop.
POLL_SECONDS = 0.05

S = TypeVar("S")

log = logging.getLogger(__name__)


class ModelPool:
    """Models by choice. Every method is safe from any thread; none but the load itself takes long.

    Args:
        load_scorer, load_embedder: make a model of a choice of that kind; run in a thread of their own.
        memory_limit_mib: for the models of each device; None takes half of the device's memory.
        folders: as in `refuse_folder`: also a run that was saved elsewhere may name one.
    """

    def __init__(
        self,
        load_scorer: Load[Scorer],
        load_embedder: Load[Embedder],
        *,
        offline: bool = False,
        memory_limit_mib: float | None = None,
        folders: bool | Path = True,
    ) -> None:
        self.folders = folders
        self.offline = offline
        self.budgets = Budgets()
        self._load_scorer = load_scorer
        self._load_embedder = load_embedder
        self._limit_mib = memory_limit_mib
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._found: dict[ModelChoice, View] = {}
        self._loading: dict[ModelChoice, Loading] = {}
        self._turns: defaultdict[str, Turns] = defaultdict(Turns)
        self._turn = 0

    def lease(
        self, choice: ModelChoice, stop: threading.Event, step: Callable[[Phase, int, int], S]
    ) -> Generator[S, None, Lease | None]:
        """The model, loaded if need be; None where the user stopped first.

        A load that is under way is joined. A download that nobody waits for any more ends; a load goes on, and its
        model stays in the pool.

        Args:
            step: what the progress of the load becomes.

        Raises:
            PlaygroundError: why it could not be loaded, or not with this length limit.
        """
        refuse_folder(choice.model_id, self.folders)
        refuse_remote(choice.model_id)
        if stop.is_set():
            return None
        with self._lock:
            job = self._joined(self._job(choice))
        said = None
        taken = False
        try:
            while not job.over.wait(POLL_SECONDS if said else 0):
                if job.progress != said:
                    said = job.progress
                    yield step(*said)
                if stop.is_set():
                    return None
            taken = True
        finally:
            # Also where the caller drops the generator while it waits.
            if not taken:
                self._abandon(job)
        if job.error is not None:
            # Each waiter raises its own copy: a traceback belongs to one thread.
            error = copy.copy(job.error) if isinstance(job.error, PlaygroundError) else job.error
            raise error from job.error.__cause__
        assert job.view is not None
        with self._lock:
            self._mark_used(job.view.entry, job.view)
        return Lease(self, job.view, choice, stop)

    def preload(self, choice: ModelChoice) -> None:
        """Loads in the background. An error shows when the model is used."""
        with self._lock:
            self._job(choice).kept = True

    def peek(self, choice: ModelChoice) -> Lease | None:
        """The model if its weights are loaded, else None. Loads and checks nothing.

        Raises:
            InvalidInput: an option or a maximum length that the model does not allow.
        """
        with self._lock:
            same = (self._found[other] for other in self._found if weights_of(other) == weights_of(choice))
            view = self._found.get(as_read(choice)) or next(same, None)
            if view is None:
                return None
            view.entry.n_users += 1
        return Lease(self, view, choice)

    def loaded(self) -> tuple[LoadedModel, ...]:
        """What is in memory, last used first."""
        with self._lock:
            entries = sorted(self._entries, key=lambda entry: -entry.turn)
            return tuple(line_of([view for view in self._found.values() if view.entry is entry]) for entry in entries)

    def unload(self, fingerprint: str) -> None:
        """Drops the weights that were read so; those in use go as soon as their users are done."""
        with self._lock:
            for entry in {view.entry for view in self._found.values() if view.spec.fingerprint == fingerprint}:
                entry.unload_asked = True
                if entry.n_users == 0:
                    self._drop(entry)
        gc.collect()

    def unload_idle(self) -> None:
        """Drops every model that nobody uses."""
        with self._lock:
            idle = [entry for entry in self._entries if entry.n_users == 0]
            for entry in idle:
                self._drop(entry)
        if idle:
            del entry, idle
            gc.collect()

    def _job(self, choice: ModelChoice) -> Loading:
        choice = as_read(choice)
        if choice in self._found:
            return self._over(choice)
        if choice not in self._loading:
            job = self._loading[choice] = Loading(choice, behind=self._behind(choice))
            threading.Thread(target=self._run, args=(job,), name=f"load {choice.model_id}", daemon=True).start()
        return self._loading[choice]

    def _over(self, choice: ModelChoice) -> Loading:
        job = Loading(choice, view=self._found[choice])
        job.over.set()
        return job

    def _behind(self, choice: ModelChoice) -> Loading | None:
        """What brings these weights, or has brought them."""
        same = [other for other in (*self._found, *reversed(self._loading)) if weights_of(other) == weights_of(choice)]
        if not same:
            return None
        return self._joined(self._over(same[0]) if same[0] in self._found else self._loading[same[0]])

    def _joined(self, job: Loading) -> Loading:
        job.n_waiting += 1
        if job.view is not None:
            job.view.entry.n_users += 1
        return job

    def _run(self, job: Loading) -> None:
        try:
            entry = self._await_weights(job)
            with ExitStack() as turn:
                weights = {} if entry is None else {"weights_of": entry.model}
                model = self._load(job.choice, partial(self._note, job, turn), **weights)
            self._keep(job, model, entry)
        except BaseException as error:
            if not isinstance(error, PlaygroundError | _NobodyWaitsError):
                log.exception("loading %s failed", job.choice.model_id)
            job.error = error
        finally:
            with self._lock:
                self._forget(job)
            job.over.set()
            if job.behind is not None:
                self._abandon(job.behind)

    def _note(self, job: Loading, turn: ExitStack, phase: Phase, done: int, total: int) -> None:
        """Args: turn: holds the device during the check at load, which is a few forward passes, and then only."""
        turn.close()
        job.progress = (phase, done, total)
        if phase == "download" and self._nobody_waits(job):
            raise _NobodyWaitsError
        if phase == "check":
            device = job.choice.device
            turn.enter_context(self._turns[devices()[0] if device == "auto" else device].turn(Ticket()))

    def _await_weights(self, job: Loading) -> Entry | None:
        """The weights, where another load brings them; None where that failed, for a reason that may be its own."""
        before = job.behind
        while before is not None and not before.over.wait(POLL_SECONDS):
            job.progress = before.progress
            if self._nobody_waits(job):
                raise _NobodyWaitsError
        return None if before is None or before.view is None else before.view.entry

    def _abandon(self, job: Loading) -> None:
        with self._lock:
            job.n_waiting -= 1
            view = job.view
        if view is not None:
            self.release(view.entry)

    def _nobody_waits(self, job: Loading) -> bool:
        with self._lock:
            if job.n_waiting or job.kept:
                return False
            # Whoever asks from now on starts anew instead of joining a load that is about to end.
            self._forget(job)
            return True

    def _forget(self, job: Loading) -> None:
        if self._loading.get(job.choice) is job:
            del self._loading[job.choice]

    def _load(self, choice: ModelChoice, note: OnProgress, **weights: Model) -> Model:
        load: Callable[..., Model] = self._load_embedder if choice.kind == "embedder" else self._load_scorer
        try:
            return load(choice, offline=self.offline, on_progress=note, **weights)
        except OutOfMemory as error:
            if isinstance(error, NoRoom) and error.missing_mib > idle_mib(self.loaded(), error.on):
                raise
            self.unload_idle()
            return load(choice, offline=self.offline, on_progress=note, **weights)

    def _keep(self, job: Loading, model: Model, entry: Entry | None) -> None:
        """Args: entry: whose weights the model shares."""
        spec = model.spec
        limit_mib = memory_mib(spec.device) * SHARE_OF_MEMORY if self._limit_mib is None else self._limit_mib
        with self._lock:
            entry = entry or next((entry for entry in self._entries if is_twin(entry.model, model, job.choice)), None)
            if entry is None:
                entry = Entry(model, gpu_worker.register(model, job.choice), self._turns[spec.device])
                self._entries.append(entry)
            entry.n_users += job.n_waiting
            entry.unload_asked = False
            job.view = self._found[job.choice] = View(entry, spec, scale_of(model), model.checks)
            self._mark_used(entry, job.view)
            self._evict(spec.device, limit_mib, keep=entry)

    def _evict(self, device: str, limit_mib: float, keep: Entry) -> None:
        here = [entry for entry in self._entries if entry.model.spec.device == device]
        total = sum(entry.model.memory_mib for entry in here)
        for entry in sorted(here, key=lambda entry: entry.turn):
            if total <= limit_mib:
                break
            if entry is not keep and entry.n_users == 0:
                total -= entry.model.memory_mib
                self._drop(entry)

    def _drop(self, entry: Entry) -> None:
        self._entries.remove(entry)
        self._found = {choice: view for choice, view in self._found.items() if view.entry is not entry}
        gpu_worker.unregister(entry.worker_key)

    def release(self, entry: Entry) -> None:
        with self._lock:
            entry.n_users -= 1
            self._mark_used(entry, None)
            if entry.unload_asked and entry.n_users == 0 and entry in self._entries:
                self._drop(entry)

    def _mark_used(self, entry: Entry, view: View | None) -> None:
        self._turn += 1
        entry.turn, entry.last_used = self._turn, time.time()
        if view is not None:
            view.turn = self._turn


class _NobodyWaitsError(Exception):
    """Ends a download from inside its progress callback."""
