"""A request becomes results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Never, TypeVar, cast

# First of all, because it imports `spaces`, which must come before torch.
from playground.engine import gpu_worker  # noqa: F401  isort: skip
from playground.core.errors import InvalidInput
from playground.core.labels import LabelledSet
from playground.core.limits import LOCAL, Limits, clean, validate
from playground.core.protocols import Embedder, Scorer
from playground.core.scales import BM25
from playground.core.types import (
    Background,
    CompareProgress,
    EmbeddingResult,
    Kind,
    Language,
    ModelChoice,
    Phase,
    Progress,
    RerankRequest,
    SpeedRatio,
    Step,
    TokenCount,
)
from playground.engine import background, comparison_run, set_scoring, speed
from playground.engine.batches import chunks
from playground.engine.budget import Budgets
from playground.engine.cache import ScoreCache, VectorCache
from playground.engine.embedding import EmbedRun, Vectors
from playground.engine.keyword import KeywordRun
from playground.engine.pool import Lease, LoadedModel, LoadEmbedder, LoadScorer, ModelPool, OnProgress
from playground.engine.run import Run, until
from playground.engine.set_scoring import Known, Ready, SetStep
from playground.models import bm25, catalog

# How soon a waiting visitor hears of the load's progress or is let go by Stop.
POLL_SECONDS = 0.05

S = TypeVar("S")

AnyRun = Run | EmbedRun | KeywordRun


class Engine:
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
    """

    def __init__(
        self,
        *,
        offline: bool = False,
        memory_limit_mib: float | None = None,
        load_scorer: LoadScorer | None = None,
        load_embedder: LoadEmbedder | None = None,
        max_cached_scores: int = 200_000,
        max_cached_vectors_mib: float = 128,
        limits: Limits = LOCAL,
        cache_folder: Path | None = None,
    ) -> None:
        self.limits = limits
        self._offline = offline
        self._pool = ModelPool(
            load_scorer or _load_scorer,
            load_embedder or _load_embedder,
            offline=offline,
            memory_limit_mib=memory_limit_mib,
        )
        self._scores = ScoreCache(max_cached_scores)
        self._vectors = VectorCache(max_cached_vectors_mib)
        self._budgets = Budgets()
        self._backgrounds = background.Store(cache_folder)

    def rerank(
        self, request: RerankRequest, choice: ModelChoice, *, stop: threading.Event | None = None
    ) -> Iterator[Progress]:
        """Loads the model if need be, then scores; the best so far after every batch.

        A choice of kind embedder ranks by cosine; then an instruction of None takes the model's own and an empty one
        takes none. The model id `bm25` ranks by keywords.

        The last Progress has the phase `done`, or `stopped` with what was scored until then (no result where the
        model was not loaded yet). `stop` takes effect within one batch, and while loading at once.

        Raises:
            InvalidInput: at the call, before anything is loaded.
            PlaygroundError: while iterating, where the model cannot be found, loaded or run.
        """
        _refuse_vectors_of_bm25(choice)
        checked = validate(request, self.limits)
        return self._rank(checked.request, checked.notes, choice, stop or threading.Event())

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
        choice = replace(choice, kind="embedder")
        _refuse_vectors_of_bm25(choice)
        checked = validate(replace(request, instruction=instruction), self.limits)
        return self._embed(checked.request, checked.notes, choice, stop or threading.Event())

    def compare(
        self, request: RerankRequest, choices: Sequence[ModelChoice], *, stop: threading.Event | None = None
    ) -> Iterator[CompareProgress]:
        """The request through one model after another. A model that fails keeps its error in its column.

        `stop` ends the run under way and starts no other; what was scored until then stays.

        Raises:
            InvalidInput: at the call: bad input, no model, too many, or one twice with the same settings.
        """
        comparison_run.check(choices, self.limits)
        checked = validate(request, self.limits)
        return comparison_run.steps(self, checked.request, choices, stop or threading.Event())

    def score_set(
        self,
        labelled: LabelledSet,
        choice: ModelChoice,
        *,
        instruction: str | None = None,
        known: Known | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[SetStep]:
        """Loads the model if need be, then scores the set query by query; the new scores after every query.

        Args:
            instruction: what goes before the queries; None takes the model's own.
            known: asked once, when it is known what runs: scores of the set that need not be made again. BM25 takes
                none: its scores depend on all passages of the query.

        `stop` takes effect within one batch, and while loading at once; what was scored until then is in the last step.

        Raises:
            InvalidInput: at the call: the set is empty, or one of its queries cannot be run; the sentence names it.
            PlaygroundError: while iterating; steps before hold what was scored.
        """
        _refuse_vectors_of_bm25(choice)
        parts = set_scoring.parts(labelled, instruction, self.limits)
        return self._score_set(parts, choice, instruction, known, stop or threading.Event())

    def speed(
        self,
        request: RerankRequest,
        first: ModelChoice,
        second: ModelChoice,
        *,
        rounds: int = speed.ROUNDS,
        stop: threading.Event | None = None,
    ) -> Iterator[Step[SpeedRatio]]:
        """Times both models on the first passages of the request, in alternation and past the caches.

        The last Step has the phase `done`, or `stopped` without a result.

        Raises:
            InvalidInput: at the call: bad input, or BM25, which has no precision to compare.
            PlaygroundError: while iterating.
        """
        speed.check(first, second, rounds)
        checked = validate(request, self.limits)
        return self._speed(checked.request, (first, second), rounds, stop or threading.Event())

    def background(
        self,
        choice: ModelChoice,
        language: Language | None = None,
        *,
        instruction: str | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Step[Background]]:
        """Cosines of unrelated pairs under this embedder: measured once, then read from the cache folder.

        Args:
            language: of the pairs; None takes English, or Chinese for a model that reads only Chinese. See
                `background.language_of` for that of a request.
            instruction: as in `embed`, since it moves the query's vectors.

        The last Step has the phase `done`, or `stopped` without a result.

        Raises:
            PlaygroundError: while iterating, where the model cannot be found, loaded or run.
        """
        choice = replace(choice, kind="embedder")
        _refuse_vectors_of_bm25(choice)
        return self._background(choice, language, instruction, stop or threading.Event())

    def count(self, query: str, passages: Sequence[str], choice: ModelChoice) -> TokenCount | None:
        """Tokens of the passages and how many will be cut; None while no such model is loaded. Loads nothing.

        Raises:
            InvalidInput: a maximum length that the model does not allow.
        """
        if choice.model_id == bm25.MODEL_ID:
            return TokenCount(len(passages), sum(len(bm25.words(passage)) for passage in passages), 0)
        lease = self._pool.peek(choice)
        if lease is None:
            return None
        with lease:
            encoded = [
                pair
                for start, end in chunks(passages)
                for pair in (
                    lease.encode_texts(passages[start:end])
                    if choice.kind == "embedder"
                    else lease.encode(query, passages[start:end], None)
                )
            ]
        return TokenCount(
            n_passages=len(passages),
            n_tokens=sum(pair.n_tokens + pair.n_cut for pair in encoded),
            n_cut_passages=sum(pair.n_cut > 0 for pair in encoded),
        )

    def preload(self, choice: ModelChoice) -> None:
        """Loads in the background while the user types. An error shows at the first run."""
        if choice.model_id != bm25.MODEL_ID:
            self._pool.preload(choice)

    def kind_of(self, model_id: str, revision: str | None = None) -> Kind:
        """Whether a model is a reranker or an embedder, before it is loaded; BM25 ranks, so it counts as a reranker.

        Raises:
            PlaygroundError: it cannot be found or read, or is neither.
        """
        from playground.models import resolve

        return "reranker" if model_id == bm25.MODEL_ID else resolve.kind_of(model_id, revision, offline=self._offline)

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

    def _rank(
        self, request: RerankRequest, notes: tuple[str, ...], choice: ModelChoice, stop: threading.Event
    ) -> Iterator[Progress]:
        if choice.model_id == bm25.MODEL_ID:
            yield from _ranking(KeywordRun(request, notes), stop)
            return
        lease = yield from self._lease(choice, stop)
        if lease is None:
            yield Progress("stopped", 0, len(request.passages))
            return
        with lease:
            run: AnyRun
            if choice.kind == "embedder":
                run = self._embed_run(request, notes, choice, lease)
            else:
                languages = _languages(choice)
                run = Run(request, choice, lease, self._pool, self._scores, self._budgets, languages, notes)
            result = yield from _scoring(run, stop)
        yield result

    def _embed(
        self, request: RerankRequest, notes: tuple[str, ...], choice: ModelChoice, stop: threading.Event
    ) -> Iterator[Step[EmbeddingResult]]:
        n = len(request.passages)
        lease = yield from _as_steps(self._lease(choice, stop))
        if lease is None:
            yield Step("stopped", 0, n)
            return
        with lease:
            run = self._embed_run(request, notes, choice, lease)
            for steps in (run.encode(), run.embed()):
                for progress in until(stop, steps):
                    run.watch.pause()
                    yield Step(progress.phase, progress.done, progress.total)
                    run.watch.go_on()
            result = run.embedding()
        yield Step("stopped", 0, n) if result is None else Step("done", n, n, result)

    def _score_set(
        self,
        parts: Sequence[set_scoring.Part],
        choice: ModelChoice,
        instruction: str | None,
        known: Known | None,
        stop: threading.Event,
    ) -> Iterator[SetStep]:
        if choice.model_id == bm25.MODEL_ID:
            ready = Ready(
                set_scoring.keyword_spec(parts), BM25, "", lambda request: KeywordRun(request, ()), whole=True
            )
            yield (yield from set_scoring.steps(parts, ready, None, stop))
            return
        lease = yield from _as_set_steps(self._lease(choice, stop))
        if lease is None:
            yield SetStep("stopped", 0, sum(len(part.request.passages) for part in parts))
            return
        with lease:
            ready = self._ready(choice, instruction, lease)
            found = None if known is None else known(ready.spec, ready.scale, ready.instruction)
            last = yield from set_scoring.steps(parts, ready, found, stop)
        yield last

    def _ready(self, choice: ModelChoice, instruction: str | None, lease: Lease) -> Ready:
        def run(request: RerankRequest) -> AnyRun:
            if choice.kind == "embedder":
                return EmbedRun(request, choice, lease, self._pool, self._vectors, self._budgets, (), ())
            return Run(request, choice, lease, self._pool, self._scores, self._budgets, (), ())

        used = lease.query_instruction if instruction is None else clean(instruction)
        return Ready(lease.spec, lease.scale, used, run, warnings=lease.spec.replaced)

    def _speed(
        self, request: RerankRequest, choices: tuple[ModelChoice, ModelChoice], rounds: int, stop: threading.Event
    ) -> Iterator[Step[SpeedRatio]]:
        first = yield from _as_steps(self._lease(choices[0], stop))
        if first is None:
            yield Step("stopped", 0, rounds)
            return
        with first:
            second = yield from _as_steps(self._lease(choices[1], stop))
            if second is None:
                yield Step("stopped", 0, rounds)
                return
            with second:
                yield from speed.steps(request, choices, (first, second), self._pool, self._budgets, rounds, stop)

    def _background(
        self, choice: ModelChoice, language: Language | None, instruction: str | None, stop: threading.Event
    ) -> Iterator[Step[Background]]:
        entry = catalog.find(choice.model_id)
        language = language or ("zh" if entry is not None and entry.languages == ("zh",) else "en")
        lease = yield from _as_steps(self._lease(choice, stop))
        if lease is None:
            yield Step("stopped", 0, 0)
            return
        with lease:
            used = lease.query_instruction if instruction is None else instruction
            known = self._backgrounds.get(lease.spec, language, used)
            if known is None:
                # A cache of its own: the pool's texts are embedded once, and would push out the user's.
                vectors = Vectors(choice, lease, self._pool, VectorCache(0), self._budgets)
                known = yield from background.measured(lease, vectors, language, used, stop)
                if known is not None:
                    self._backgrounds.put(known)
        yield Step("stopped", 0, 0) if known is None else Step("done", 1, 1, known)

    def _embed_run(self, request: RerankRequest, notes: tuple[str, ...], choice: ModelChoice, lease: Lease) -> EmbedRun:
        return EmbedRun(request, choice, lease, self._pool, self._vectors, self._budgets, _languages(choice), notes)

    def _lease(self, choice: ModelChoice, stop: threading.Event) -> Generator[Progress, None, Lease | None]:
        """The model, with the progress of its load; None where the user stopped first."""
        if stop.is_set():
            return None
        job = self._pool.ask(choice)
        said = None
        taken = False
        try:
            while not job.over.wait(POLL_SECONDS if said else 0):
                if job.progress != said:
                    said = job.progress
                    yield Progress(*said)
                if stop.is_set():
                    return None
            taken = True
        finally:
            # Also where the caller drops the generator while it waits.
            if not taken:
                self._pool.abandon(job)
        return self._pool.take(job, choice)


def _ranking(run: AnyRun, stop: threading.Event) -> Iterator[Progress]:
    last = yield from _scoring(run, stop)
    yield last


def _scoring(run: AnyRun, stop: threading.Event) -> Generator[Progress, None, Progress]:
    """The steps of a run; returns the last one, to be said once the model is free."""
    for steps in (run.encode(), run.score()):
        for progress in until(stop, steps):
            run.watch.pause()
            yield progress
            run.watch.go_on()
    result = run.result()
    return Progress("done" if result.complete else "stopped", len(result), len(run.request.passages), result)


def _as_steps(leasing: Generator[Progress, None, Lease | None]) -> Generator[Step[Never], None, Lease | None]:
    """The same progress for work that ends in something else than a ranking."""
    return _said_as(Step, leasing)


def _as_set_steps(leasing: Generator[Progress, None, Lease | None]) -> Generator[SetStep, None, Lease | None]:
    """The same progress for the scoring of a set."""
    return _said_as(SetStep, leasing)


def _said_as(
    make: Callable[[Phase, int, int], S], leasing: Generator[Progress, None, Lease | None]
) -> Generator[S, None, Lease | None]:
    try:
        while True:
            progress = next(leasing)
            yield make(progress.phase, progress.done, progress.total)
    except StopIteration as end:
        return cast("Lease | None", end.value)
    finally:
        leasing.close()


def _load_scorer(choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> Scorer:
    # At the first load only: torch takes seconds to import, and the page is up before.
    from playground.models.loading import load_scorer

    return load_scorer(choice, offline=offline, on_progress=on_progress)


def _load_embedder(choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> Embedder:
    from playground.models.loading import load_embedder

    return load_embedder(choice, offline=offline, on_progress=on_progress)


def _languages(choice: ModelChoice) -> tuple[str, ...]:
    """What the catalogue says the model reads; empty for a model it does not know."""
    entry = catalog.find(choice.model_id)
    return () if entry is None else entry.languages


def _refuse_vectors_of_bm25(choice: ModelChoice) -> None:
    if choice.model_id == bm25.MODEL_ID and choice.kind == "embedder":
        raise InvalidInput("BM25 compares words and makes no vectors. Choose an embedding model.")
