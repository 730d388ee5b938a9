"""What scores a pair by comparing two readings, of the query alone and of the passage alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import torch

from playground.core.explanations import Explanation, Match, Part
from playground.core.scales import Scale
from playground.core.types import EncodedPair
from playground.models import pretrained
from playground.models.encoding import UNMARKED, Encoder, Marks
from playground.models.local import LocalModel

Reading = TypeVar("Reading")
Ids = tuple[int, ...]


class ReadsApart(LocalModel[Encoder], ABC, Generic[Reading]):
    """A reranker that reads the query once and each passage once. Keeps the `Scorer` protocol.

    Its maximum length is that of each text, not of both together.
    """

    query_instruction: str = ""
    scale: Scale
    marks: Marks = UNMARKED
    # The query that was read last: the batches of one request share it. A forward pass is under the model's lock.
    _query: tuple[Ids, Any] | None = None

    def encode(self, query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
        """The ids of both texts, one after the other; see `Encoder.apart`. An instruction goes before the query."""
        asked = self.query_instruction if instruction is None else instruction
        return self._encoder.apart(query, passages, self.marks, asked)

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """The scores, in the order given: one forward pass over the passages, and one over each query not yet read.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        return [self._score(*reading) for reading in self.readings(pairs)]

    def readings(self, pairs: Sequence[EncodedPair]) -> list[tuple[Reading, Reading]]:
        """What is compared, for whoever explains a score: (reading of the query, reading of the passage) of each pair.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        if not pairs:
            return []
        with pretrained.out_of_memory_named(len(pairs)), torch.inference_mode():
            split = [_split(pair) for pair in pairs]
            self.n_read = sum(len(passage) for _, passage in split)
            passages = self._read([passage for _, passage in split], is_query=False)
            return [(self._asked(query), passage) for (query, _), passage in zip(split, passages, strict=True)]

    def compared(self, pairs: Sequence[EncodedPair]) -> list[tuple[Part, ...]]:
        """As `Explains.compared`.

        Raises:
            OutOfMemory: this batch does not fit.
        """
        return [self._parts(*_split(pair), *reading) for pair, reading in zip(pairs, self.readings(pairs), strict=True)]

    def explained(
        self, query: str, passage: str, instruction: str | None, pair: EncodedPair, parts: tuple[Part, ...]
    ) -> Explanation:
        """As `Explains.explained`."""
        before = self.query_instruction if instruction is None else instruction
        query_ids, passage_ids = _split(pair)
        encoder, marks = self._encoder, self.marks
        asked = encoder.located(before + query, query_ids, marks.query, pair.n_query_cut, len(before))
        read = encoder.located(passage, passage_ids, marks.passage, pair.n_cut)
        weighed = {id for part in parts for id in (*part.query, *part.passage)}
        names = {id: encoder.name(id) for id in weighed - {*query_ids, *passage_ids}}
        return Explanation(self.spec, self.scale, asked, read, parts, names)

    def explain(self, query: str, passage: str, instruction: str | None = None) -> Explanation:
        """Why this passage gets its score; the parts are made by one forward pass over each text."""
        pair = self.encode(query, [passage], instruction)[0]
        return self.explained(query, passage, instruction, pair, self.compared([pair])[0])

    def _asked(self, query: Ids) -> Reading:
        if self._query is None or self._query[0] != query:
            self._query = (query, self._read([query], is_query=True)[0])
            self.n_read = (self.n_read or 0) + len(query)
        reading: Reading = self._query[1]
        return reading

    @abstractmethod
    def _read(self, rows: Sequence[Ids], *, is_query: bool) -> list[Reading]:
        """One forward pass over texts that are all queries or all passages."""

    @abstractmethod
    def _score(self, query: Reading, passage: Reading) -> float: ...

    @abstractmethod
    def _parts(self, query_ids: Ids, passage_ids: Ids, query: Reading, passage: Reading) -> tuple[Part, ...]:
        """What `_score` is made of."""

    def _padded(self, rows: Sequence[Ids]) -> dict[str, torch.Tensor]:
        return self._inputs([EncodedPair(row, None, len(row), 0, 0) for row in rows])


def maxsim(query: torch.Tensor, passage: torch.Tensor) -> torch.Tensor:
    """(tokens of the query,): the largest cosine of each with any token of the passage.

    Args:
        query, passage: (tokens, dim), each row of length 1.
    """
    return (query @ passage.T).amax(dim=1)


def matches(query: torch.Tensor, passage: torch.Tensor) -> list[Match]:
    """`maxsim`, with the token of the passage that gave it."""
    cosines, places = (query @ passage.T).max(dim=1)
    return [
        Match(place, there, cosine)
        for place, (there, cosine) in enumerate(zip(places.tolist(), cosines.tolist(), strict=True))
    ]


def placed(found: Sequence[Match], query: Sequence[int], passage: Sequence[int]) -> tuple[Match, ...]:
    """The matches with places among all tokens that were fed.

    Args:
        query, passage: for each token that is compared, its place among all.
    """
    return tuple(Match(query[one], passage[other], cosine) for one, other, cosine in found)


def _split(pair: EncodedPair) -> tuple[Ids, Ids]:
    """(ids of the query, ids of the passage)."""
    n_query = (pair.token_type_ids or ()).count(0)
    return pair.input_ids[:n_query], pair.input_ids[n_query:]
