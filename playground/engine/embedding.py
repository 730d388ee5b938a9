"""One run of an embedder: the query and the passages of one request become vectors, and an order by cosine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from playground.core.errors import ModelBroken
from playground.core.types import (
    EmbeddingResult,
    EncodedPair,
    Phase,
    Progress,
    RerankRequest,
    RerankResult,
    TextRead,
    cosines,
)
from playground.engine.ahead import ReadAhead
from playground.engine.batches import at_once, in_batches
from playground.engine.cache import VectorCache, score_key
from playground.engine.lease import Lease
from playground.engine.ranking import ranked
from playground.engine.run import Latest, Stopwatch
from playground.engine.warnings import about_equal_scores, about_query
from playground.engine.windows import Pieces, Reader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PassageId = Callable[[int], str | None]

# The key of the query among the texts; passages have their input index.
QUERY = -1


class Vectors:
    """Vectors by key, growing batch by batch; known ones come from the cache, copies share one forward pass."""

    def __init__(self, lease: Lease, cache: VectorCache) -> None:
        self.known: dict[int, NDArray[np.float32]] = {}
        self.cached: set[int] = set()
        self.n_tokens = 0
        self._made: dict[bytes, NDArray[np.float32]] = {}
        self._lease = lease
        self._cache = cache

    def make(self, encoded: dict[int, EncodedPair], passage_id: PassageId) -> Iterator[None]:
        """Makes the vectors of these texts; yields after the look into the cache and after every batch.

        Raises:
            ModelBroken: a vector is not finite.
            OutOfMemory: not even one text fits.
        """
        keys = {text: score_key(self._lease.spec, pair) for text, pair in encoded.items()}
        copies: dict[bytes, list[int]] = {}
        for text, key in keys.items():
            copies.setdefault(key, []).append(text)
        for texts, vector in zip(copies.values(), self._cache.get(list(copies)), strict=True):
            made = self._made.get(keys[texts[0]])
            if made is not None:
                self.known |= dict.fromkeys(texts, made)
            elif vector is not None:
                self.known |= dict.fromkeys(texts, vector)
                self.cached.update(texts)
        yield
        for batch, vectors in in_batches(
            {texts[0]: encoded[texts[0]] for texts in copies.values() if texts[0] not in self.known},
            lambda batch: self._forward(batch, encoded, passage_id),
            lease=self._lease,
            passage_id=passage_id,
            soon=not self.known.keys() - {QUERY},
        ):
            self._cache.put((keys[text], vector) for text, vector in zip(batch, vectors, strict=True))
            for text, vector in zip(batch, vectors, strict=True):
                self._made[keys[text]] = vector
                self.known |= dict.fromkeys(copies[keys[text]], vector)
                self.n_tokens += len(encoded[text].input_ids)
            yield

    def _forward(
        self, batch: Sequence[int], encoded: dict[int, EncodedPair], passage_id: PassageId
    ) -> NDArray[np.float32]:
        import numpy as np

        vectors = self._lease.vectors([encoded[text] for text in batch])
        finite_rows = np.isfinite(vectors.sum(axis=1))
        for text, finite in zip(batch, finite_rows, strict=True):
            if not finite:
                raise _not_finite(self._lease.spec.model_id, passage_id(text))
        return vectors


class EmbedRun:
    """The vectors of one request.

    Args:
        request: its instruction goes before the query: None takes the model's own, an empty text none.
        warnings: what is known before the first vector.
    """

    def __init__(
        self,
        request: RerankRequest,
        lease: Lease,
        cache: VectorCache,
        warnings: tuple[str, ...],
    ) -> None:
        self.request = request
        self.watch = Stopwatch()
        self.instruction = lease.query_instruction if request.instruction is None else request.instruction
        self._lease = lease
        self._vectors = Vectors(lease, cache)
        self._warnings = warnings
        self._query: EncodedPair | None = None
        self._reader = Reader(lease, partial(lease.encode_texts, instruction=lease.spec.passage_instruction))
        self._pieces = Pieces(len(request.passages), lease.spec.windows)
        texts = [passage.text for passage in request.passages]
        self._ahead = ReadAhead(texts, self._reader, self._pieces, at_once(lease))
        self._cosines: dict[int, float] = {}
        self._latest = Latest(self.result, self.watch, len(request.passages))

    def encode(self) -> Iterator[Progress]:
        """Tokenises the query and what is embedded first, a chunk at a time."""
        self._query = self._lease.encode_texts([self.request.query], self.instruction)[0]
        for n_ready in self._ahead.first():
            yield self._progress("encode", n_ready)

    def score(self) -> Iterator[Progress]:
        """Embeds every text once; the query goes first, so that there is an order after every batch.

        Raises:
            ModelBroken: a vector is not finite.
            OutOfMemory: not even one text fits.
        """
        for _ in self.embed():
            n_scored = len(self._scored())
            said = self._progress("score", n_scored, self._latest.get() if n_scored else None)
            yield replace(said, windows=self._pieces.progress(self._vectors.known))

    def embed(self) -> Iterator[Progress]:
        """As `score`, without an order after every batch."""
        assert self._query is not None
        for part in chain(({QUERY: self._query},), self._ahead.groups()):
            for _ in self._vectors.make(part, self._passage_id):
                yield self._progress("score", len(self._vectors.known.keys() - {QUERY}))
            if QUERY not in self._vectors.known:
                # Stopped while it waited for its turn.
                return

    def result(self) -> RerankResult:
        """The passages that have a vector, by their cosine with the query."""
        n, pieces, cosine_of = len(self.request.passages), self._pieces, self._scored()
        reports = [pieces.reports.get(index) for index in range(n)]
        cached = pieces.cached(self._vectors.cached - {QUERY})
        scored = ranked(self.request.passages, reports, cosine_of, self._lease.scale, cached, pieces.read_in)
        return RerankResult(
            request=self.request,
            spec=self._lease.spec,
            scale=self._lease.scale,
            scored=scored,
            missing=tuple(index for index in range(n) if index not in cosine_of),
            seconds=self.watch.seconds,
            n_tokens=self._vectors.n_tokens,
            n_cached=len(cached),
            warnings=(
                *self._warnings,
                *self._reader.warnings,
                *about_query(self._query),
                *about_equal_scores(n, scored),
            ),
            instruction=self.instruction,
        )

    def embedding(self) -> EmbeddingResult | None:
        """All vectors; None where one is still missing."""
        import numpy as np

        n = len(self.request.passages)
        query = self._query
        if query is None or len(self._vectors.known) < n + 1:
            return None
        read = [read_of(self._pieces.reports[index]) for index in range(n)]
        return EmbeddingResult(
            request=self.request,
            spec=self._lease.spec,
            instruction=self.instruction,
            query_vector=self._vectors.known[QUERY],
            passage_vectors=np.stack([self._vectors.known[index] for index in range(n)]),
            query_read=read_of(query),
            passages_read=tuple(read),
            seconds=self.watch.seconds,
            n_tokens=self._vectors.n_tokens,
            n_cached=len(self._vectors.cached),
            warnings=self._warnings + about_query(query),
        )

    def _scored(self) -> Mapping[int, float]:
        """Cosines of the passages that are whole."""
        import numpy as np

        known = self._vectors.known
        fresh = sorted(known.keys() - self._cosines.keys() - {QUERY})
        if QUERY in known and fresh:
            values = cosines(np.stack([known[index] for index in fresh]), known[QUERY])
            self._cosines.update(zip(fresh, map(float, values), strict=True))
        return self._pieces.scored(self._cosines)

    def _passage_id(self, key: int) -> str | None:
        return None if key == QUERY else self.request.passages[self._pieces.place_of(key)].id

    def _progress(self, phase: Phase, done: int, result: RerankResult | None = None) -> Progress:
        return Progress(phase, done, len(self.request.passages), result)


def _not_finite(model_id: str, id: str | None) -> ModelBroken:
    if id is None:
        return ModelBroken(
            "{model} gave no finite vector for the query. Try precision fp32; if that does not help, its weights are "
            "damaged.",
            model=model_id,
        )
    return ModelBroken(
        "{model} gave no finite vector for passage {id}. Try precision fp32; if that does not help, its weights are "
        "damaged.",
        model=model_id,
        id=id,
    )


def read_of(pair: EncodedPair) -> TextRead:
    """How much of a text the model reads."""
    return TextRead(pair.n_tokens, pair.n_cut, pair.n_chars_read)
