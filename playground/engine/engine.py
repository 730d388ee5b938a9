"""A request becomes results."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

# First of all, because it imports `spaces`, which must come before torch.
from playground.engine import gpu_worker  # isort: skip
from playground.core.labels import LabelledSet
from playground.core.limits import LOCAL, Limits, clean, validate
from playground.core.protocols import Embedder, Scorer
from playground.core.scales import BM25
from playground.core.speeds import Speeds
from playground.core.types import (
    CompareProgress,
    EmbeddingResult,
    Kind,
    ModelChoice,
    Progress,
    RerankRequest,
    Step,
    TokenCount,
)
from playground.engine import comparison_run, counting, remote, set_scoring, speed
from playground.engine.background import MeasuringBackgrounds, Store
from playground.engine.cache import ScoreCache, VectorCache
from playground.engine.embedding import EmbedRun
from playground.engine.explain import Explaining
from playground.engine.keyword import KeywordRun
from playground.engine.lease import Lease
from playground.engine.loaded import Load, LoadedModel
from playground.engine.pool import ModelPool
from playground.engine.run import Run, scoring, steps_of
from playground.engine.set_runs import EmbeddedPairs, KeywordPairs, RerankedPairs, SetRun
from playground.engine.set_scoring import Known, Ready, SetStep
from playground.engine.texts import EmbeddingTexts, refuse_vectors_of_bm25
from playground.engine.warnings import WINDOWS_LEFT_OUT, about_request
from playground.engine.worker import Workers
from playground.models import bm25, memory
from playground.models.named import refuse_folder
from playground.models.room import Free
from playground.remote.address import is_remote
from playground.remote.connect import NO_KEYS, Keys, Remotes

AnyRun = Run | EmbedRun


class Engine(Explaining, EmbeddingTexts, MeasuringBackgrounds):
    """Loaded models, known scores and vectors, and the runs over them. One per process; safe from any thread.

    Args:
        offline: never asks the network for a model.
        memory_limit_mib: for the models of each device; None takes half of the device's memory.
        load_scorer, load_embedder: how a choice of that kind becomes a model; None loads from the Hub, a folder or the
            built-ins.
        max_cached_scores: about 250 bytes each.
        max_cached_vectors_mib: a vector of 384 numbers is 1.5 KiB, one of 1024 is 4 KiB.
        limits: the most that one request may hold.
        cache_folder: where backgrounds are kept; None takes the user's cache folder.
        free_mib: memory of a device that models may take now.
        folders: whether a model may be a folder of this machine.
        remotes: models on other machines; None allows all, and none while offline.
        worker: runs models in a process of their own; never where a ZeroGPU lends the device to this one.
    """

    def __init__(
        self,
        *,
        offline: bool = False,
        memory_limit_mib: float | None = None,
        load_scorer: Load[Scorer] | None = None,
        load_embedder: Load[Embedder] | None = None,
        max_cached_scores: int = 200_000,
        max_cached_vectors_mib: float = 128,
        limits: Limits = LOCAL,
        cache_folder: Path | None = None,
        free_mib: Free = memory.free_mib,
        folders: bool | Path = True,
        remotes: Remotes | None = None,
        worker: bool = False,
    ) -> None:
        self.limits = limits
        self._offline = offline
        self.free_mib = free_mib
        self.workers = Workers() if worker and gpu_worker.runs_here("cuda") else None
        load: Any = partial(gpu_worker.load, free=free_mib) if self.workers is None else self.workers.load
        self._pool = ModelPool(
            load_scorer or load,
            load_embedder or load,
            offline=offline,
            memory_limit_mib=memory_limit_mib,
            folders=folders,
        )
        self._scores = ScoreCache(max_cached_scores)
        self._vectors = VectorCache(max_cached_vectors_mib)
        self._backgrounds = Store(cache_folder)
        self._remotes = remotes or Remotes(offline=offline)

    def rerank(
        self,
        request: RerankRequest,
        choice: ModelChoice,
        *,
        stop: threading.Event | None = None,
        keys: Keys = NO_KEYS,
    ) -> Iterator[Progress]:
        """Loads the model if need be, then scores; the best so far after every batch.

        A choice of kind embedder ranks by cosine; then an instruction of None takes the model's own and an empty one
        takes none. The model id `bm25` ranks by keywords; one such as `tei://host` asks a server.

        Args:
            keys: of servers, by kind, before those of the environment. They stand in no result.

        The last Progress has the phase `done`, or `stopped` with what was scored until then (no result where the
        model was not loaded yet). `stop` takes effect within one batch, and while loading at once.

        Raises:
            InvalidInput: at the call, before anything is loaded.
            PlaygroundError: while iterating, where the model cannot be found, loaded or run.
        """
        self._check(choice)
        checked = validate(request, self.limits)
        return self._rank(checked.request, checked.notes, choice, stop or threading.Event(), keys)

    def embed(
        self,
        request: RerankRequest,
        choice: ModelChoice,
        *,
        instruction: str | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Step[EmbeddingResult]]:
        """Loads the embedder if need be, then embeds the query and the passages; only what is not known yet.

        Args:
            choice: its kind is taken as embedder.
            instruction: what goes before the query, never before a passage: None takes the model's own, an empty text
                none. It stands in for the request's.

        The last Step has the phase `done`, or `stopped` without a result; the vectors made until then stay known.

        Raises:
            InvalidInput, PlaygroundError: as `rerank`.
        """
        # One vector per passage: an average of windows would be another model's.
        choice = replace(choice, kind="embedder", windows=None)
        refuse_vectors_of_bm25(choice)
        checked = validate(replace(request, instruction=instruction), self.limits)
        return self._embed(checked.request, checked.notes, choice, stop or threading.Event())

    def compare(
        self,
        request: RerankRequest,
        choices: Sequence[ModelChoice],
        *,
        stop: threading.Event | None = None,
        keys: Keys = NO_KEYS,
    ) -> Iterator[CompareProgress]:
        """The request through one model after another. A model that fails keeps its error in its column.

        `stop` ends the run under way and starts no other; what was scored until then stays. `keys` are as in `rerank`.

        Raises:
            InvalidInput: at the call: bad input, no model, too many, or one twice with the same settings.
        """
        comparison_run.check(choices, self.limits)
        checked = validate(request, self.limits)
        return comparison_run.steps(
            partial(self.rerank, keys=keys), self.loaded, checked.request, choices, stop or threading.Event()
        )

    def score_set(
        self,
        labelled: LabelledSet,
        choice: ModelChoice,
        *,
        instruction: str | None = None,
        known: Known | None = None,
        stop: threading.Event | None = None,
        keys: Keys = NO_KEYS,
    ) -> Iterator[SetStep]:
        """Loads the model if need be, then scores the set; the new scores after every batch.

        Args:
            instruction: what goes before the queries; None takes the model's own.
            known: asked once, when it is known what runs: scores of the set that need not be made again. BM25 takes
                none: its scores depend on all passages of the query.
            keys: as in `rerank`.

        `stop` takes effect within one batch, and while loading at once; what was scored until then is in the last step.

        Raises:
            InvalidInput: at the call: the set is empty, or one of its queries cannot be run; the sentence names it.
            PlaygroundError: while iterating; steps before hold what was scored.
        """
        self._check(choice)
        parts = set_scoring.parts(labelled, instruction, self.limits)
        return self._score_set(parts, choice, instruction, known, stop or threading.Event(), keys)

    def speed(
        self,
        requests: Sequence[RerankRequest],
        choices: Sequence[ModelChoice],
        *,
        rounds: int = speed.ROUNDS,
        seconds: float | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Step[Speeds]]:
        """Times the models on the first passages of each request, in alternation and past the caches. One that cannot
        be loaded or run keeps its error in its place.

        Args:
            seconds: about what it may take, beside loading: then as many passages are read as go into three rounds,
                and if all do, up to `rounds` of them. None takes 32 passages at most, and `rounds`.

        The last Step has the phase `done`, or `stopped` without a result.

        Raises:
            InvalidInput: at the call: bad input, or BM25, which has no precision to compare.
        """
        speed.check(choices, rounds)
        checked = [validate(request, self.limits).request for request in requests]
        whole = [replace(choice, windows=None) for choice in choices]
        return speed.steps(checked, whole, rounds, seconds, self._pool, stop or threading.Event())

    def count(self, query: str, passages: Sequence[str], choice: ModelChoice) -> TokenCount | None:
        """Tokens of the passages and how many will be cut, or read in windows; None while no such model is loaded.

        Loads nothing.

        Raises:
            InvalidInput: a maximum length that the model does not allow, or windows that cannot be.
        """
        return counting.count(self._pool, query, passages, choice)

    def preload(self, choice: ModelChoice) -> None:
        """Loads in the background while the user types. An error shows at the first run."""
        if choice.model_id != bm25.MODEL_ID and not is_remote(choice.model_id):
            self._pool.preload(choice)

    def kind_of(self, model_id: str, revision: str | None = None) -> Kind:
        """Whether a model is a reranker or an embedder, before it is loaded; BM25 counts as a reranker, as what runs
        elsewhere does.

        Raises:
            PlaygroundError: it cannot be found or read, or is neither.
        """
        from playground.models import resolve

        refuse_folder(model_id, self._pool.folders)
        if model_id == bm25.MODEL_ID or is_remote(model_id):
            return "reranker"
        return resolve.kind_of(model_id, revision, offline=self._offline)

    def loaded(self) -> tuple[LoadedModel, ...]:
        """What is in memory, last used first."""
        return self._pool.loaded()

    def unload(self, fingerprint: str) -> None:
        """Drops the models with these weights; one in use goes as soon as its runs are over."""
        self._pool.unload(fingerprint)

    def close(self) -> None:
        """Drops all models that are not in use, and all known scores and vectors."""
        self._pool.unload_idle()
        self._scores.clear()
        self._vectors.clear()
        if self.workers is not None:
            self.workers.close()

    def _check(self, choice: ModelChoice) -> None:
        refuse_vectors_of_bm25(choice)
        if is_remote(choice.model_id):
            self._remotes.check(choice.model_id)

    def _rank(
        self, request: RerankRequest, notes: tuple[str, ...], choice: ModelChoice, stop: threading.Event, keys: Keys
    ) -> Iterator[Progress]:
        if choice.model_id == bm25.MODEL_ID:
            notes += (WINDOWS_LEFT_OUT,) if choice.windows else ()
            yield (yield from scoring(KeywordRun(request, notes), stop))
            return
        if is_remote(choice.model_id):
            yield from remote.rank(self._remotes, self._scores, request, choice, notes, keys, stop)
            return
        lease = yield from self._pool.lease(choice, stop, Progress)
        if lease is None:
            yield Progress("stopped", 0, len(request.passages))
            return
        with lease:
            last = yield from scoring(self._run(request, lease, notes), stop)
        yield last

    def _embed(
        self, request: RerankRequest, notes: tuple[str, ...], choice: ModelChoice, stop: threading.Event
    ) -> Iterator[Step[EmbeddingResult]]:
        n = len(request.passages)
        lease = yield from self._pool.lease(choice, stop, Step)
        if lease is None:
            yield Step("stopped", 0, n)
            return
        with lease:
            run = EmbedRun(request, lease, self._vectors, _known_of(request, lease, notes))
            for progress in steps_of(run, run.embed(), stop):
                yield Step(progress.phase, progress.done, progress.total)
            result = run.embedding()
        yield Step("stopped", 0, n) if result is None else Step("done", n, n, result)

    def _score_set(
        self,
        parts: Sequence[set_scoring.Part],
        choice: ModelChoice,
        instruction: str | None,
        known: Known | None,
        stop: threading.Event,
        keys: Keys,
    ) -> Iterator[SetStep]:
        if choice.model_id == bm25.MODEL_ID:
            said = (WINDOWS_LEFT_OUT,) if choice.windows else ()
            ready = Ready(set_scoring.keyword_spec(parts), BM25, "", KeywordPairs, whole=True, warnings=said)
            yield (yield from set_scoring.steps(parts, ready, None, stop))
            return
        if is_remote(choice.model_id):
            yield from remote.score_set(self._remotes, self._scores, parts, choice, instruction, known, keys, stop)
            return
        lease = yield from self._pool.lease(choice, stop, SetStep)
        if lease is None:
            yield SetStep("stopped", 0, sum(len(part.request.passages) for part in parts))
            return
        with lease:
            ready = self._ready(choice, instruction, lease)
            found = None if known is None else known(ready.spec, ready.scale, ready.instruction)
            last = yield from set_scoring.steps(parts, ready, found, stop)
        yield last

    def _ready(self, choice: ModelChoice, instruction: str | None, lease: Lease) -> Ready:
        def run(requests: Sequence[RerankRequest]) -> SetRun:
            if choice.kind == "embedder":
                return EmbeddedPairs(requests, lease, self._vectors)
            return RerankedPairs(requests, lease, self._scores)

        used = lease.query_instruction if instruction is None else clean(instruction)
        return Ready(lease.spec, lease.scale, used, run, warnings=lease.spec.replaced)

    def _run(self, request: RerankRequest, lease: Lease, notes: tuple[str, ...]) -> AnyRun:
        warnings = _known_of(request, lease, notes)
        if lease.choice.kind == "embedder":
            return EmbedRun(request, lease, self._vectors, warnings)
        return Run(request, lease, self._scores, warnings)


def _known_of(request: RerankRequest, lease: Lease, notes: tuple[str, ...]) -> tuple[str, ...]:
    """What is known before the first score."""
    return (*notes, *lease.spec.replaced, *about_request(request, lease.choice.model_id))
