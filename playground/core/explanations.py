"""Why two texts that were read apart got their score, as values: what was compared, and what each part of it adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from playground.core.scales import Scale
from playground.core.types import ModelSpec

Mode = Literal["dense", "sparse", "colbert"]


class Match(NamedTuple):
    """A token of the query with the nearest token of the passage; places count the tokens that are compared, or in a
    `Part` all that were fed."""

    query_place: int
    passage_place: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Part:
    """One way in which the texts were compared.

    Attributes:
        share: by how much `score` is multiplied before it is added to the score of the model; the shares sum to 1.
        score: cosine of a dense part, dot product of a sparse one, MaxSim of a ColBERT one.
        query, passage: of a sparse part, the weight of each token id that has one.
        matches: of a ColBERT part, one for each token of the query that is compared, in its order.
        averaged: whether a ColBERT part is the mean of its cosines rather than their sum.
    """

    mode: Mode
    share: float
    score: float
    query: Mapping[int, float] = field(default_factory=dict)
    passage: Mapping[int, float] = field(default_factory=dict)
    matches: tuple[Match, ...] = ()
    averaged: bool = False

    @property
    def adds(self) -> float:
        """What this part adds to the score of the model."""
        return self.share * self.score


@dataclass(frozen=True, slots=True)
class Token:
    """One token as the model was fed it.

    Attributes:
        name: as the vocabulary calls it, without the signs for the middle of a word.
        start, end: its characters in `ReadText.text`; equal where it has none: a special token, a mark or a filler.
    """

    id: int
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ReadText:
    """One text as it was read.

    Attributes:
        text: behind its instruction, without the end that was cut.
        n_instruction: characters of the instruction.
        tokens: all that were fed, special ones included.
        n_cut: tokens that were cut.
    """

    text: str
    n_instruction: int
    tokens: tuple[Token, ...]
    n_cut: int


@dataclass(frozen=True, slots=True)
class Term:
    """One entry of the vocabulary in a sparse part.

    Attributes:
        query, passage: its weight in each text; 0 where it has none.
        in_query, in_passage: whether the text itself holds it; one that only has a weight is stood for by other words.
    """

    id: int
    name: str
    query: float
    passage: float
    in_query: bool
    in_passage: bool

    @property
    def product(self) -> float:
        """What it adds to the part; above 0 where both texts have it."""
        return self.query * self.passage


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score with all that made it.

    Attributes:
        names: of token ids that have a weight and are in neither text.
    """

    spec: ModelSpec
    scale: Scale
    query: ReadText
    passage: ReadText
    parts: tuple[Part, ...]
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The sum of what the parts add."""
        return sum(part.adds for part in self.parts)

    def terms(self, part: Part) -> list[Term]:
        """What has a weight in either text: what adds most first, then by weight."""
        asked = {token.id: token.name for token in self.query.tokens}
        read = {token.id: token.name for token in self.passage.tokens}
        names = {**self.names, **read, **asked}
        found = [
            Term(id, names[id], part.query.get(id, 0.0), part.passage.get(id, 0.0), id in asked, id in read)
            for id in {**part.query, **part.passage}
        ]
        return sorted(found, key=lambda term: (-term.product, -max(term.query, term.passage), term.id))
