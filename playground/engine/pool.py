"""Loaded models: each loaded once, shared by all visitors, the least recently used out first."""

from __future__ import annotations

import copy
import gc
import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from playground.core.errors import OutOfMemory, PlaygroundError
from playground.core.protocols import Embedder, Scorer
from playground.core.scales import COSINE, Scale
from playground.core.types import Check, EncodedPair, ModelChoice, ModelSpec, Phase
from playground.engine import gpu_worker
from playground.engine.budget import Budgets
from playground.engine.warnings import of_checks
from playground.models.memory import memory_mib

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The rest is for activations, the page, the system and whatever else runs here.
SHARE_OF_MEMORY = 0.5

# How soon a waiting visitor hears of the load's progress or is let go by Stop.
POLL_SECONDS = 0.05

OnProgress = Callable[[Phase, int, int], None]
Model = Scorer | Embedder
S = TypeVar("S")
M = TypeVar("M", covariant=True)

log = logging.getLogger(__name__)


class Load(Protocol[M]):
    """How a choice becomes a loaded model: `playground.models.loading`."""

    def __call__(self, choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> M: ...


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """One line of the Models view.

    Attributes:
        last_used: seconds since the epoch.
    """

    spec: ModelSpec
    scale: Scale
    checks: tuple[Check, ...]
    memory_mib: float
    in_use: bool
    last_used: float


@dataclass(eq=False)
class _Entry:
    """A loaded model. The counters belong to the pool's lock; `busy` is held during a forward pass."""

    model: Model
    worker_key: str
    busy: threading.Lock = field(default_factory=threading.Lock)
    n_users: int = 0
    unload_asked: bool = False
    last_used: float = field(default_factory=time.time)
    # monotonic order of use: the clock may stand still between two uses
    turn: int = 0


class Lease:
    """A model in use: it stays loaded until `release`. Use it as a context manager."""

    def __init__(self, pool: ModelPool, entry: _Entry, choice: ModelChoice, replaced: tuple[str, ...]) -> None:
        self._pool = pool
        self._entry: _Entry | None = entry
        self.choice = choice
        self.budgets = pool.budgets
        try:
            self.model = _limited(entry.model, choice)
        except BaseException:
            self.release()
            raise
        self.spec = replace(self.model.spec, replaced=(*replaced, *of_checks(entry.model.checks)))
        self.scale = _scale(entry.model)
        self.memory_mib = entry.model.memory_mib

    def encode(self, query: str, passages: Sequence[str], instruction: str | None) -> list[EncodedPair]:
        """As `Scorer.encode`; the model is a reranker."""
        return cast(Scorer, self.model).encode(query, passages, instruction)

    def encode_texts(self, texts: Sequence[str], instruction: str) -> list[EncodedPair]:
        """As `Embedder.encode`; the model is an embedder."""
        return cast(Embedder, self.model).encode(texts, instruction)

    @property
    def query_instruction(self) -> str:
        """As `Scorer.query_instruction` and `Embedder.query_instruction`."""
        return self.model.query_instruction

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """One forward pass of a reranker, alone on this model."""
        return cast("list[float]", self.forward(pairs))

    def vectors(self, texts: Sequence[EncodedPair]) -> NDArray[np.float32]:
        """One forward pass of an embedder, alone on this model: (len(texts), dim)."""
        return cast("NDArray[np.float32]", self.forward(texts))

    def forward(self, encoded: Sequence[EncodedPair], task: gpu_worker.Task = "scored") -> object:
        entry = self._entry
        if entry is None:
            raise RuntimeError("this lease was released")
        with entry.busy:
            return gpu_worker.forward(entry.worker_key, _weights(self.choice), self._pool.offline, encoded, task)

    def make_room(self) -> None:
        """Drops every model that nobody uses."""
        self._pool.unload_idle()

    def release(self) -> None:
        entry, self._entry = self._entry, None
        if entry is not None:
            self._pool._release(entry)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *raised: object) -> None:
        self.release()


@dataclass(eq=False)
class Loading:
    """One load under way, or over. Everyone who waits for it gets the model or the same error.

    Attributes:
        kept: goes on when nobody waits for it any more.
    """

    choice: ModelChoice
    kept: bool = False
    progress: tuple[Phase, int, int] = ("resolve", 0, 0)
    over: threading.Event = field(default_factory=threading.Event)
    n_waiting: int = 0
    entry: _Entry | None = None
    replaced: tuple[str, ...] = ()
    error: BaseException | None = None


class ModelPool:
    """Models by choice. Every method is safe from any thread; none but the load itself takes long.

    Args:
        load_scorer, load_embedder: make a model of a choice of that kind; run in a thread of their own.
        memory_limit_mib: for the models of each device; None takes half of the device's memory.
    """

    def __init__(
        self,
        load_scorer: Load[Scorer],
        load_embedder: Load[Embedder],
        *,
        offline: bool = False,
        memory_limit_mib: float | None = None,
    ) -> None:
        self.offline = offline
        self.budgets = Budgets()
        self._load_scorer = load_scorer
        self._load_embedder = load_embedder
        self._limit_mib = memory_limit_mib
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._found: dict[ModelChoice, tuple[_Entry, tuple[str, ...]]] = {}
        self._loading: dict[ModelChoice, Loading] = {}
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
        if stop.is_set():
            return None
        with self._lock:
            job = self._job(choice)
            job.n_waiting += 1
            if job.entry is not None:
                job.entry.n_users += 1
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
        assert job.entry is not None
        with self._lock:
            self._mark_used(job.entry)
        return Lease(self, job.entry, choice, job.replaced)

    def preload(self, choice: ModelChoice) -> None:
        """Loads in the background. An error shows when the model is used."""
        with self._lock:
            self._job(choice).kept = True

    def peek(self, choice: ModelChoice) -> Lease | None:
        """The model if it is loaded, else None. Loads nothing.

        Raises:
            InvalidInput: a maximum length that the model does not allow.
        """
        with self._lock:
            found = self._found.get(_weights(choice))
            if found is None:
                return None
            found[0].n_users += 1
        return Lease(self, found[0], choice, found[1])

    def loaded(self) -> tuple[LoadedModel, ...]:
        """What is in memory, last used first."""
        with self._lock:
            entries = sorted(self._entries, key=lambda entry: -entry.turn)
            return tuple(
                LoadedModel(
                    spec=entry.model.spec,
                    scale=_scale(entry.model),
                    checks=entry.model.checks,
                    memory_mib=entry.model.memory_mib,
                    in_use=entry.n_users > 0,
                    last_used=entry.last_used,
                )
                for entry in entries
            )

    def unload(self, fingerprint: str) -> None:
        """Drops the models with these weights; one in use goes as soon as its users are done."""
        with self._lock:
            for entry in [entry for entry in self._entries if entry.model.spec.fingerprint == fingerprint]:
                entry.unload_asked = True
                if entry.n_users == 0:
                    self._drop(entry)
        gc.collect()

    def unload_idle(self) -> None:
        """Drops every model that nobody uses."""
        with self._lock:
            for entry in [entry for entry in self._entries if entry.n_users == 0]:
                self._drop(entry)
        gc.collect()

    def _job(self, choice: ModelChoice) -> Loading:
        choice = _weights(choice)
        found = self._found.get(choice)
        if found is not None:
            job = Loading(choice)
            job.entry, job.replaced = found
            job.over.set()
            return job
        if choice not in self._loading:
            job = self._loading[choice] = Loading(choice)
            threading.Thread(target=self._run, args=(job,), name=f"load {choice.model_id}", daemon=True).start()
        return self._loading[choice]

    def _run(self, job: Loading) -> None:
        def note(phase: Phase, done: int, total: int) -> None:
            job.progress = (phase, done, total)
            if phase == "download" and self._nobody_waits(job):
                raise _NobodyWaitsError

        try:
            model = self._load_with_room(job.choice, note)
            self._keep(job, model)
        except BaseException as error:
            if not isinstance(error, PlaygroundError | _NobodyWaitsError):
                log.exception("loading %s failed", job.choice.model_id)
            job.error = error
        finally:
            with self._lock:
                self._forget(job)
            job.over.set()

    def _abandon(self, job: Loading) -> None:
        with self._lock:
            job.n_waiting -= 1
            entry = job.entry
        if entry is not None:
            self._release(entry)

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

    def _load_with_room(self, choice: ModelChoice, note: OnProgress) -> Model:
        load: Callable[..., Model] = self._load_embedder if choice.kind == "embedder" else self._load_scorer
        try:
            return load(choice, offline=self.offline, on_progress=note)
        except OutOfMemory:
            self.unload_idle()
            return load(choice, offline=self.offline, on_progress=note)

    def _keep(self, job: Loading, model: Model) -> None:
        spec = model.spec
        limit_mib = memory_mib(spec.device) * SHARE_OF_MEMORY if self._limit_mib is None else self._limit_mib
        with self._lock:
            # `auto` and the device it settles on are two choices of one model.
            entry = next((entry for entry in self._entries if _same(entry.model.spec, spec)), None)
            if entry is None:
                entry = _Entry(model, gpu_worker.register(model))
                self._entries.append(entry)
            entry.n_users += job.n_waiting
            entry.unload_asked = False
            self._mark_used(entry)
            self._found[job.choice] = (entry, spec.replaced)
            job.entry, job.replaced = entry, spec.replaced
            self._evict(spec.device, limit_mib, keep=entry)

    def _evict(self, device: str, limit_mib: float, keep: _Entry) -> None:
        here = [entry for entry in self._entries if entry.model.spec.device == device]
        total = sum(entry.model.memory_mib for entry in here)
        for entry in sorted(here, key=lambda entry: entry.turn):
            if total <= limit_mib:
                break
            if entry is not keep and entry.n_users == 0:
                total -= entry.model.memory_mib
                self._drop(entry)

    def _drop(self, entry: _Entry) -> None:
        self._entries.remove(entry)
        self._found = {choice: found for choice, found in self._found.items() if found[0] is not entry}
        gpu_worker.unregister(entry.worker_key)

    def _release(self, entry: _Entry) -> None:
        with self._lock:
            entry.n_users -= 1
            self._mark_used(entry)
            if entry.unload_asked and entry.n_users == 0 and entry in self._entries:
                self._drop(entry)

    def _mark_used(self, entry: _Entry) -> None:
        self._turn += 1
        entry.turn, entry.last_used = self._turn, time.time()


class _NobodyWaitsError(Exception):
    """Ends a download from inside its progress callback."""


def _weights(choice: ModelChoice) -> ModelChoice:
    """The part of a choice that decides which weights are loaded, and how; the rest costs no load."""
    return replace(choice, max_length=None, truncation="only_second", batch_tokens=None)


def _limited(model: Model, choice: ModelChoice) -> Model:
    same_length = choice.max_length in (None, model.spec.max_length)
    if same_length and choice.truncation == model.spec.truncation:
        return model
    return model.limited(choice.max_length, choice.truncation)


def _scale(model: Model) -> Scale:
    return COSINE if model.spec.kind == "embedder" else cast(Scorer, model).scale


def _same(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether two specs run the same numbers, whatever was asked for."""
    return replace(one, replaced=()) == replace(other, replaced=())
