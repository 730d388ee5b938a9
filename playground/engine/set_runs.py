"""Pairs of many queries through one model, in batches that do not end with a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from playground.core.types import EncodedPair, RerankRequest, cosines
from playground.core.windows import Windows
from playground.engine.batches import at_once, chunks
from playground.engine.cache import ScoreCache, VectorCache
from playground.engine.embedding import Vectors
from playground.engine.keyword import KeywordRun
from playground.engine.lease import Lease
from playground.engine.logits import Logits
from playground.engine.windows import Pieces, Reader
from playground.remote.backend import Read


class SetRun(Protocol):
    """The pairs of some requests; a place counts them over all requests, from 0.

    Attributes:
        n_ran: pairs that went through the model, and did not come from the cache.
        failed_at: the request that an error is about; None where it is about no single one.
    """

    n_ran: int
    failed_at: int | None

    def encode(self) -> Iterator[None]:
        """Tokenises, a chunk at a time."""

    def score(self) -> Iterator[Mapping[int, float]]:
        """The raw outputs that are new, by place: of the cache, then of each batch."""

    def read(self, place: int) -> Read:
        """How much of the passage at a place was read; known once it is encoded."""


class _Places:
    """Which request and passage a place is."""

    def __init__(self, requests: Sequence[RerankRequest], windows: Windows | None) -> None:
        self.requests = requests
        self.n_ran = 0
        self.failed_at: int | None = None
        self._pieces = Pieces(sum(len(each.passages) for each in requests), windows)
        self._of = [(number, index) for number, each in enumerate(requests) for index in range(len(each.passages))]

    def read(self, place: int) -> Read:
        report = self._pieces.reports[place]
        return Read(report.n_tokens, report.n_cut)

    def _id(self, key: int) -> str | None:
        """The id of the passage; None for a query, which has a negative key. Asked by errors only."""
        if key < 0:
            self.failed_at = -1 - key
            return None
        self.failed_at, index = self._of[self._pieces.place_of(key)]
        return self.requests[self.failed_at].passages[index].id

    def _chunks(self) -> Iterator[tuple[RerankRequest, int, list[str]]]:
        """Each request with the place of its next texts, and these."""
        first = 0
        for number, request in enumerate(self.requests):
            self.failed_at = number
            texts = [passage.text for passage in request.passages]
            for start, end in chunks(texts):
                yield request, first + start, texts[start:end]
            first += len(texts)
        self.failed_at = None


class RerankedPairs(_Places):
    """Pairs that a reranker reads together."""

    def __init__(self, requests: Sequence[RerankRequest], lease: Lease, cache: ScoreCache) -> None:
        super().__init__(requests, lease.spec.windows)
        self._lease = lease
        self._logits = Logits(lease, cache)

    def encode(self) -> Iterator[None]:
        for request, first, texts in self._chunks():
            encode = partial(self._lease.encode, request.query, instruction=request.instruction)
            self._pieces.add(first, Reader(self._lease, encode).read(texts))
            yield

    def score(self) -> Iterator[Mapping[int, float]]:
        n_seen = 0
        for group in self._pieces.groups(at_once(self._lease)):
            for _ in self._logits.make(group, self._id):
                known = self._pieces.scored(self._logits.known)
                fresh = dict(list(known.items())[n_seen:])
                n_seen = len(known)
                self.n_ran = n_seen - len(self._pieces.cached(self._logits.cached))
                yield fresh


class EmbeddedPairs(_Places):
    """Pairs by the cosine of their vectors; an instruction of None takes the model's own."""

    def __init__(self, requests: Sequence[RerankRequest], lease: Lease, cache: VectorCache) -> None:
        super().__init__(requests, lease.spec.windows)
        self._lease = lease
        self._vectors = Vectors(lease, cache)
        self._queries: dict[int, EncodedPair] = {}

    def encode(self) -> Iterator[None]:
        for start, end in chunks([each.query for each in self.requests]):
            for number, each in enumerate(self.requests[start:end], start):
                instruction = self._lease.query_instruction if each.instruction is None else each.instruction
                (self._queries[-1 - number],) = self._lease.encode_texts([each.query], instruction)
            yield
        reader = Reader(
            self._lease, partial(self._lease.encode_texts, instruction=self._lease.spec.passage_instruction)
        )
        for _, first, texts in self._chunks():
            self._pieces.add(first, reader.read(texts))
            yield

    def score(self) -> Iterator[Mapping[int, float]]:
        for _ in self._vectors.make(self._queries, self._id):
            yield {}
        if self._queries.keys() - self._vectors.known.keys():
            # Stopped while it waited for its turn.
            return
        cosine_of: dict[int, float] = {}
        n_seen = 0
        for group in self._pieces.groups(at_once(self._lease)):
            for _ in self._vectors.make(group, self._id):
                cosine_of |= self._cosines(
                    sorted(key for key in self._vectors.known.keys() - cosine_of.keys() if key >= 0)
                )
                known = self._pieces.scored(cosine_of)
                fresh = dict(list(known.items())[n_seen:])
                n_seen = len(known)
                self.n_ran = len(known.keys() - self._pieces.cached(self._vectors.cached))
                yield fresh

    def _cosines(self, keys: Sequence[int]) -> dict[int, float]:
        import numpy as np

        by_request: dict[int, list[int]] = {}
        for key in keys:
            by_request.setdefault(self._of[self._pieces.place_of(key)][0], []).append(key)
        found: dict[int, float] = {}
        for number, own in by_request.items():
            vectors = np.stack([self._vectors.known[place] for place in own])
            found.update(zip(own, map(float, cosines(vectors, self._vectors.known[-1 - number])), strict=True))
        return found


class KeywordPairs:
    """The pairs of one request by BM25: its scores depend on all of these passages, and on no others."""

    def __init__(self, requests: Sequence[RerankRequest]) -> None:
        (request,) = requests
        self.n_ran = 0
        self.failed_at: int | None = 0
        self._run = KeywordRun(request, ())
        self._read: dict[int, Read] = {}

    def encode(self) -> Iterator[None]:
        for _ in self._run.encode():
            yield

    def score(self) -> Iterator[Mapping[int, float]]:
        for _ in self._run.score():
            scored = self._run.result().scored
            self._read = {one.index: Read(one.n_tokens, one.n_cut) for one in scored}
            self.n_ran = len(scored)
            yield {one.index: one.logit for one in scored}

    def read(self, place: int) -> Read:
        return self._read[place]
