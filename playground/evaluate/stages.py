"""The stages of an evaluation: candidates of a first stage, and what a model makes of them."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from playground.analysis.retrieval import ordered
from playground.core.errors import InvalidInput
from playground.core.evaluation import EvaluationTask, Run
from playground.core.labels import LabelledQuery, LabelledSet, SetScores
from playground.core.scales import Scale
from playground.core.types import ModelChoice, ModelSpec, Passage
from playground.corpus import indexing
from playground.corpus.search import KeywordRetriever, VectorRetriever
from playground.corpus.types import CorpusPassage, Embed
from playground.engine.engine import Engine
from playground.engine.set_scoring import SetStep
from playground.history.sets import SetStore
from playground.remote.connect import NO_KEYS, Keys

Candidates = Mapping[str, Sequence[str]]

OWNER = "evaluation"
BLOCK = 1_000
# Queries between two steps of a search.
EVERY = 16


@dataclass(frozen=True, slots=True)
class Scored:
    """What one model gave to the candidates.

    Attributes:
        seconds: of this run, without loading; n_ran pairs were scored in it, and the others were known.
        n_cut: passages of these that were cut.
    """

    spec: ModelSpec
    scale: Scale
    instruction: str
    run: Run
    seconds: float
    n_pairs: int
    n_ran: int
    n_cut: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reranking:
    """Where a model stands; `scored` comes with the last step, and not where it was stopped."""

    step: SetStep
    scored: Scored | None = None


@dataclass(frozen=True, slots=True)
class Retrieving:
    """Where a first stage stands: its index ("read", "embed"...), then "search"; `run` comes with the last step, and
    not where it was stopped."""

    phase: str
    done: int
    total: int
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """The passages of a task as an index is made of them."""

    task: EvaluationTask

    @property
    def n_passages(self) -> int:
        return len(self.task.passages)

    def blocks(self, first: int = 0) -> Iterator[list[CorpusPassage]]:
        rest = islice(self.task.passages.items(), first, None)
        while block := list(islice(rest, BLOCK)):
            yield [CorpusPassage(id, text, "", id, 0, len(text)) for id, text in block]


def retrieve(
    task: EvaluationTask,
    depth: int,
    folder: Path,
    embed: Embed | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Retrieving]:
    """The best passages of each query by BM25, or by an embedder's cosines.

    Args:
        folder: where indexes are kept. One of the same passages that is there already is taken, or gone on with.
    Raises:
        PlaygroundError: the index cannot be written, or the embedder cannot be run.
    """
    source, home = _Source(task), folder / _digest(task)
    making = (
        indexing.build_bm25(source, home, stop) if embed is None else indexing.build_vectors(source, home, embed, stop)
    )
    for step in making:
        if step.phase == "stopped":
            return
        if step.phase != "done":
            yield Retrieving(step.phase, step.done, step.total)
    ids = list(task.passages)

    def ids_at(rows: Sequence[int]) -> list[str]:
        return [ids[row] for row in rows]

    retriever = KeywordRetriever(home, ids_at) if embed is None else VectorRetriever(home, ids_at, embed)
    n = len(task.queries)
    run: dict[str, Mapping[str, float]] = {}
    yield Retrieving("search", 0, n)
    for query, one in zip(task.queries, retriever.find(list(task.queries.values()), depth), strict=False):
        if stop is not None and stop.is_set():
            return
        run[query] = dict(zip(ids_at(one.rows.tolist()), one.scores.tolist(), strict=True))
        if len(run) % EVERY == 0:
            yield Retrieving("search", len(run), n)
    if len(run) == n:
        yield Retrieving("search", n, n, run)


def of_task(task: EvaluationTask, run: Run, depth: int | None = None) -> tuple[dict[str, dict[str, float]], int]:
    """The part of a run that is of this task, cut to a depth; and how many of its lines are of no query or passage.

    Raises:
        InvalidInput: none is of it.
    """
    kept = {
        id: {passage: run[id][passage] for passage in ordered(run[id]) if passage in task.passages}
        for id in task.queries
        if id in run
    }
    n_lines = sum(map(len, run.values()))
    n_kept = sum(map(len, kept.values()))
    if not n_kept:
        raise InvalidInput(
            "The run names no passage of {task}: its ids are others, such as {query} and {passage}.",
            task=task.name,
            query=next(iter(run), "-"),
            passage=next((id for scores in run.values() for id in scores), "-"),
        )
    return {id: dict(islice(scores.items(), depth)) for id, scores in kept.items()}, n_lines - n_kept


def rerank(
    task: EvaluationTask,
    candidates: Candidates,
    engine: Engine,
    choice: ModelChoice,
    *,
    instruction: str | None = None,
    store: SetStore | None = None,
    owner: str = OWNER,
    stop: threading.Event | None = None,
    keys: Keys = NO_KEYS,
) -> Iterator[Reranking]:
    """Every candidate through one model. Scores that the store has of this very model are not made again, and new ones
    are on the disk before the next batch begins.

    Args:
        keys: as in `Engine.rerank`.
    Raises:
        PlaygroundError: the model failed; the sentence names the query where one is to blame.
    """
    labelled = to_score(task, candidates)
    found: dict[tuple[str, str], float] = {}

    def known(spec: ModelSpec, scale: Scale, used: str) -> SetScores | None:
        scores = None if store is None else store.find_scores(owner, labelled, spec, scale, used)
        if scores is not None:
            for query, row in zip(labelled.queries, scores.logits, strict=True):
                pairs = zip(query.passages, row, strict=True)
                found.update({(query.query, one.text): logit for one, logit in pairs if logit is not None})
        return scores

    step, began, n_ran, n_cut = None, time.perf_counter(), 0, 0
    for step in engine.score_set(labelled, choice, instruction=instruction, known=known, stop=stop, keys=keys):
        if step.spec is None or step.scale is None:
            began = time.perf_counter()
        elif step.scored:
            if store is not None:
                store.put_scores(owner, step.spec, step.scale, step.instruction, step.scored)
            found.update({(query, text): logit for query, text, logit in step.scored})
            n_ran += len(step.scored)
            n_cut += sum(bool(read.n_cut) for read in step.read)
        if step.phase != "done":
            yield Reranking(step)
    if step is None or step.spec is None or step.scale is None or step.phase != "done":
        return
    run = {
        query.id: {one.id: found[query.query, one.text] for one in query.passages if (query.query, one.text) in found}
        for query in labelled.queries
    }
    seconds = time.perf_counter() - began
    facts = (seconds, labelled.n_pairs, n_ran, n_cut, step.warnings)
    yield Reranking(step, Scored(step.spec, step.scale, step.instruction, run, *facts))


def to_score(task: EvaluationTask, candidates: Candidates) -> LabelledSet:
    """The pairs, without what anybody said of them."""
    queries = []
    for id, text in task.queries.items():
        passages = tuple(Passage(passage, task.passages[passage]) for passage in candidates.get(id, ()))
        queries.append(LabelledQuery(id, text, passages, (None,) * len(passages)))
    return LabelledSet(task.name, task.name, tuple(queries))


def _digest(task: EvaluationTask) -> str:
    """Of all passages in order."""
    digest = hashlib.sha256()
    for id, text in task.passages.items():
        digest.update(f"{id}\0{text}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]
