"""One run of BM25. Its scores depend on the other passages, so none is kept for another request."""

from __future__ import annotations

from collections.abc import Iterator

from playground.core.scales import BM25
from playground.core.types import EncodedPair, Phase, Progress, RerankRequest, RerankResult
from playground.engine.batches import chunks
from playground.engine.ranking import float32, ranked
from playground.engine.run import Stopwatch
from playground.engine.warnings import INSTRUCTION_LEFT_OUT, about_equal_scores
from playground.models import bm25


class KeywordRun:
    """The passages of one request by the words they share with the query."""

    def __init__(self, request: RerankRequest, notes: tuple[str, ...]) -> None:
        self.request = request
        self.watch = Stopwatch()
        self._notes = notes + ((INSTRUCTION_LEFT_OUT,) if request.instruction else ())
        self._words: list[list[str]] = []
        self._scores: dict[int, float] = {}

    def encode(self) -> Iterator[Progress]:
        """Splits all passages into words, a chunk at a time."""
        texts = [passage.text for passage in self.request.passages]
        for start, end in chunks(texts):
            self._words += [bm25.words(text) for text in texts[start:end]]
            yield self._progress("encode", end)

    def score(self) -> Iterator[Progress]:
        """Scores all passages in one step: the collection is known only once all of them are."""
        scores = bm25.scores(bm25.words(self.request.query), self._words)
        self._scores = {index: float32(score) for index, score in enumerate(scores)}
        yield self._progress("score", len(self._scores), self.result())

    def result(self) -> RerankResult:
        """The passages best first; none where the run was stopped before they were scored."""
        pairs = [
            EncodedPair((), None, n_tokens=len(words), n_cut=0, n_chars_read=len(passage.text))
            for passage, words in zip(self.request.passages, self._words, strict=False)
        ]
        scored = ranked(self.request.passages, pairs, self._scores, BM25)
        return RerankResult(
            request=self.request,
            spec=bm25.spec(),
            scale=BM25,
            scored=scored,
            missing=tuple(index for index in range(len(self.request.passages)) if index not in self._scores),
            seconds=self.watch.seconds,
            n_tokens=sum(map(len, self._words)),
            n_cached=0,
            warnings=self._notes + about_equal_scores(len(self.request.passages), scored),
        )

    def _progress(self, phase: Phase, done: int, result: RerankResult | None = None) -> Progress:
        return Progress(phase, done, len(self.request.passages), result)
