"""Texts become vectors, each by itself: no query beside passages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from playground.core.errors import InvalidInput
from playground.core.limits import Limits, validate
from playground.core.types import EncodedPair, ModelChoice, ModelSpec, Passage, RerankRequest, Step, TextRead
from playground.engine.batches import chunks
from playground.engine.cache import VectorCache
from playground.engine.embedding import Vectors, read_of
from playground.engine.pool import ModelPool
from playground.engine.run import Stopwatch, until
from playground.models import bm25

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Role = Literal["query", "passage"]
# A request needs one to be checked; it goes nowhere.
NO_QUERY = "-"


@dataclass(frozen=True, slots=True, eq=False)
class TextVectors:
    """Vectors of texts, in input order.

    Attributes:
        instruction: what went before every text; empty where nothing did.
        vectors: (n_texts, dim), float32, each of length 1.
        read: one per text.
        n_tokens: that went through the model in this run; cached texts count 0.
        n_cached: how many texts came from the cache.
        seconds: wall time of encoding and embedding, without loading the model.
    """

    spec: ModelSpec
    instruction: str
    vectors: NDArray[np.float32]
    read: tuple[TextRead, ...]
    n_tokens: int
    n_cached: int
    seconds: float
    warnings: tuple[str, ...] = ()


class EmbeddingTexts:
    """The part of the engine that embeds texts one by one."""

    limits: Limits
    _pool: ModelPool
    _vectors: VectorCache

    def embed_texts(
        self,
        texts: Sequence[str],
        choice: ModelChoice,
        *,
        role: Role = "passage",
        stop: threading.Event | None = None,
    ) -> Iterator[Step[TextVectors]]:
        """Loads the embedder if need be, then embeds the texts; only what is not known yet.

        Args:
            choice: its kind is taken as embedder.
            role: which of the model's prompts goes before every text.

        The last Step has the phase `done`, or `stopped` without a result. `stop` takes effect within one batch.

        Raises:
            InvalidInput: at the call, before anything is loaded; texts are called passages there.
            PlaygroundError: while iterating, where the model cannot be found, loaded or run.
        """
        choice = replace(choice, kind="embedder", windows=None)
        refuse_vectors_of_bm25(choice)
        passages = tuple(Passage(str(place), text) for place, text in enumerate(texts, 1))
        request, notes = validate(RerankRequest(NO_QUERY, passages), self.limits)
        return self._embed_texts([each.text for each in request.passages], notes, choice, role, stop)

    def embedder(
        self, choice: ModelChoice, stop: threading.Event | None = None
    ) -> Callable[[Sequence[str], Role], TextVectors | None]:
        """`embed_texts` as one call, which raises what that does; None where it was stopped."""

        def embed(texts: Sequence[str], role: Role) -> TextVectors | None:
            result = None
            for step in self.embed_texts(texts, choice, role=role, stop=stop):
                result = step.result
            return result

        return embed

    def _embed_texts(
        self,
        texts: Sequence[str],
        notes: tuple[str, ...],
        choice: ModelChoice,
        role: Role,
        stop: threading.Event | None,
    ) -> Iterator[Step[TextVectors]]:
        n, stop = len(texts), stop or threading.Event()
        lease = yield from self._pool.lease(choice, stop, Step)
        if lease is None:
            yield Step("stopped", 0, n)
            return
        with lease:
            watch = Stopwatch()
            instruction = lease.query_instruction if role == "query" else lease.spec.passage_instruction
            encoded: dict[int, EncodedPair] = {}
            for start, end in until(stop, chunks(texts)):
                encoded.update(enumerate(lease.encode_texts(texts[start:end], instruction), start))
                watch.pause()
                yield Step("encode", end, n)
                watch.go_on()
            vectors = Vectors(lease, self._vectors)
            for _ in until(stop, vectors.make(encoded, lambda place: str(place + 1))):
                watch.pause()
                yield Step("score", len(vectors.known), n)
                watch.go_on()
            watch.pause()
        if len(vectors.known) < n:
            yield Step("stopped", len(vectors.known), n)
            return
        yield Step("done", n, n, _made(lease.spec, instruction, encoded, vectors, watch.seconds, notes))


def refuse_vectors_of_bm25(choice: ModelChoice) -> None:
    """Nothing, for any other model and wherever no vectors are asked for.

    Raises:
        InvalidInput: BM25 has none.
    """
    if choice.model_id == bm25.MODEL_ID and choice.kind == "embedder":
        raise InvalidInput("BM25 compares words and makes no vectors. Choose an embedding model.")


def _made(
    spec: ModelSpec,
    instruction: str,
    encoded: dict[int, EncodedPair],
    vectors: Vectors,
    seconds: float,
    notes: tuple[str, ...],
) -> TextVectors:
    import numpy as np

    places = sorted(encoded)
    return TextVectors(
        spec,
        instruction,
        np.stack([vectors.known[place] for place in places]),
        tuple(read_of(encoded[place]) for place in places),
        vectors.n_tokens,
        len(vectors.cached),
        seconds,
        (*notes, *spec.replaced),
    )
