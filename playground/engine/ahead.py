"""Passages become ids beside the forward pass: while some are scored, the next are tokenised in another thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from playground.core.types import EncodedPair
from playground.engine.batches import chunks
from playground.engine.windows import Pieces, Reader, Reading

S = TypeVar("S")
T = TypeVar("T")

# Of a list, what is tokenised and sorted into batches together: enough of each length for little padding, and ids that
# take a few megabytes, however many requests wait.
PART_TEXTS = 256
PART_CHARS = 1_000_000
# Where more goes through the model at once, a part holds more: a passage has about so many tokens.
TOKENS_OF_A_TEXT = 64


class ReadAhead:
    """The passages of one request on their way to the model.

    A list in windows is tokenised whole before the first score, so that one that cannot be is refused at once.

    Args:
        budget: tokens that go through the model together.
    """

    def __init__(self, texts: Sequence[str], reader: Reader, pieces: Pieces, budget: int) -> None:
        size = max(PART_TEXTS, budget // TOKENS_OF_A_TEXT)
        parts = [(0, len(texts))] if reader.in_windows else chunks(texts, size, PART_CHARS)
        self._first, *self._rest = [texts[start:end] for start, end in parts]
        self._reader = reader
        self._pieces = pieces
        self._budget = budget

    def first(self) -> Iterator[int]:
        """Tokenises what is scored first, which is all of a short list; yields how many passages are ready."""
        for start, end in chunks(self._first):
            self._pieces.add(start, self._reader.read(self._first[start:end]))
            yield end

    def groups(self) -> Iterator[dict[int, EncodedPair]]:
        """What is sorted into batches together, by key; the next part is tokenised while the caller has one."""
        n = len(self._first)
        none: list[Reading] = []
        for readings in ahead(none, self._reader.read, self._rest):
            self._pieces.add(n, readings)
            n += len(readings)
            yield from self._pieces.groups(self._budget)


def ahead(first: T, work: Callable[[S], T], inputs: Sequence[S]) -> Iterator[T]:
    """`first`, then what the work makes of each input, in order: it is begun before the result before it is yielded."""
    worker = ThreadPoolExecutor(1, "ahead")
    try:
        for each in inputs:
            following = worker.submit(work, each)
            yield first
            first = following.result()
        yield first
    finally:
        # Whoever stops does not wait for what is under way.
        worker.shutdown(wait=False, cancel_futures=True)
