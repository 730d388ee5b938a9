"""From a corpus to the top few: what a retriever brought, and what one reranker after another made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from playground.core.errors import PlaygroundError
from playground.core.thresholds import Threshold
from playground.core.types import ModelChoice, ModelRun, Passage, Progress, RerankResult

Retrieval = Literal["bm25", "vectors", "both"]


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that the retriever brought.

    Attributes:
        rank: from 1.
        score: on the retriever's own scale.
    """

    passage: Passage
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class FirstStage:
    """The first stage.

    Attributes:
        scale: the word for its scores: bm25, cosine, or fused where two lists were joined by ranks.
        found: best first.
        n_corpus: passages that were searched.
        fingerprint: of the index: other passages or another embedder have another one.
        embedder: whose vectors were searched; empty where none were.
    """

    kind: Retrieval
    scale: str
    found: tuple[Found, ...]
    seconds: float
    n_corpus: int
    fingerprint: str
    embedder: str = ""


@dataclass(frozen=True, slots=True)
class FunnelRequest:
    """One query through a retriever and up to two rerankers.

    Attributes:
        corpus_id, corpus_name: of what is searched.
        k: passages that the retriever brings.
        rerankers: in their order; none leaves the retriever's own order.
        keep: for each reranker how many of its best go on; those of the last are the answer.
        threshold: of the last reranker: an answer is at or over it.
        weights: of words and vectors where both are searched; None counts them the same.
    """

    query: str
    corpus_id: str
    corpus_name: str
    kind: Retrieval
    k: int
    rerankers: tuple[ModelChoice, ...]
    keep: tuple[int, ...]
    instruction: str | None = None
    threshold: Threshold | None = None
    weights: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """What became of one query.

    Attributes:
        retrieved: None until the retriever has answered.
        stages: in step with the rerankers; the result of a later one holds what the one before it let through.
        refused: why the threshold says nothing of these scores; then it was not applied.
    """

    request: FunnelRequest
    retrieved: FirstStage | None
    stages: tuple[ModelRun, ...]
    refused: PlaygroundError | None = None

    @property
    def found(self) -> tuple[Found, ...]:
        return () if self.retrieved is None else self.retrieved.found

    @property
    def scored(self) -> tuple[RerankResult, ...]:
        """The rerankers' results, up to the first that did not score all it was given: what comes behind has none."""
        results: list[RerankResult] = []
        for run in self.stages:
            if run.error is not None or run.result is None:
                break
            results.append(run.result)
            if not run.result.complete:
                break
        return tuple(results)

    @property
    def top_n(self) -> int:
        return self.request.keep[-1] if self.request.keep else self.request.k

    def ranking_at(self, depth: int) -> tuple[str, ...]:
        """All that the retriever had brought at this depth: first what the last stage was given, in its order, then
        what the stage before held back, and so on."""
        ids: dict[str, None] = {}
        for order in reversed(self._ordered(depth)):
            ids |= dict.fromkeys(order)
        return tuple(ids)

    def order_at(self, depth: int) -> tuple[tuple[str, ...], ...]:
        """The ids after each stage where the retriever had brought `depth` passages only, best first: its own, then
        those that each reranker let through. A passage that a stopped run did not reach goes no further."""
        return tuple(
            order[:keep] for order, keep in zip(self._ordered(depth), (depth, *self.request.keep), strict=False)
        )

    def _ordered(self, depth: int) -> list[tuple[str, ...]]:
        """All that each stage was given, in its order."""
        orders, keep = [tuple(one.passage.id for one in self.found[:depth])], depth
        for result, let_through in zip(self.scored, self.request.keep, strict=False):
            there, keep = set(orders[-1][:keep]), let_through
            orders.append(tuple(one.passage.id for one in result.scored if one.passage.id in there))
        return orders

    @property
    def answer(self) -> tuple[str, ...]:
        """The ids of the final list, best first; the retriever's first where no reranker scored anything."""
        ids = self.order_at(self.request.k)[-1][: self.top_n]
        threshold, results = self.request.threshold, self.scored
        if threshold is None or self.refused is not None or len(results) < len(self.stages) or not results:
            return ids
        over = {one.passage.id for one in results[-1].scored if one.logit >= threshold.value}
        return tuple(id for id in ids if id in over)

    @property
    def rescued(self) -> frozenset[str]:
        """In the answer, though not among the retriever's first `top_n`."""
        return frozenset(self.answer) - self._first()

    @property
    def lost(self) -> frozenset[str]:
        """Among the retriever's first `top_n`, but not in the answer. Nothing is lost to a stage that did not end."""
        if len(self.scored) < len(self.stages) or not all(result.complete for result in self.scored):
            return frozenset()
        return self._first() - frozenset(self.answer)

    def _first(self) -> frozenset[str]:
        return frozenset(one.passage.id for one in self.found[: self.top_n])


@dataclass(frozen=True, slots=True)
class FunnelProgress:
    """Where a query stands.

    Attributes:
        stage: 0 while the retriever searches, then that of the reranker, from 1; one more once all are over.
        step: of that stage; once over, `done` or `stopped`.
        result: everything so far.
    """

    stage: int
    step: Progress
    result: FunnelResult


@dataclass(frozen=True, slots=True)
class FunnelQuery:
    """One of many queries.

    Attributes:
        grades: of passages that somebody judged, by id; None where nobody judged any.
    """

    id: str
    text: str
    grades: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class FunnelSet:
    """Queries to be run through one funnel.

    Attributes:
        unknown: judgements of passages that the corpus does not have. They still count among what is to be found.
    """

    name: str
    queries: tuple[FunnelQuery, ...]
    unknown: int = 0

    @property
    def labelled(self) -> bool:
        return any(query.grades for query in self.queries)


@dataclass(frozen=True, slots=True)
class ManyProgress:
    """Where many queries stand.

    Attributes:
        place: index of the query under way; their number once all are over.
        step: of that query's stage; once over, `done` or `stopped`.
        results: of the queries that are over, in their order.
    """

    place: int
    step: Progress
    results: tuple[FunnelResult, ...]


def union_at(result: FunnelResult, depths: Sequence[int]) -> tuple[str, ...]:
    """The ids that the last stage lets through at any of these depths, in the retriever's order."""
    through = {id for depth in depths for id in result.order_at(depth)[-1]}
    return tuple(one.passage.id for one in result.found if one.passage.id in through)


def passages_of(result: FunnelResult, ids: Sequence[str]) -> Iterator[Passage]:
    by_id = {one.passage.id: one.passage for one in result.found}
    return (by_id[id] for id in ids)
