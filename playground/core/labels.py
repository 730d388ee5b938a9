"""What people said of pairs: labels, sets of labelled queries, and the scores a model gave to such a set."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from playground.core.errors import InvalidInput
from playground.core.scales import Scale
from playground.core.types import ModelSpec, Passage

LabelSource = Literal["human", "imported"]

UNSURE = -1
RELEVANT = 1
GRADES = (0, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Label:
    """What is said of one (query, passage).

    Attributes:
        grade: 0 not relevant, 1 to 3 relevant (more is better), `UNSURE` where a person could not tell. A plain
            "relevant" is grade 1.
        source: `human` was given on the page, `imported` came with a file.
        at: when, aware, UTC.
    """

    grade: int
    source: LabelSource
    at: datetime

    def __post_init__(self) -> None:
        if self.grade != UNSURE and self.grade not in GRADES:
            raise InvalidInput("A label is a grade from 0 to 3, or unsure, not {grade}.", grade=self.grade)

    @property
    def judged(self) -> bool:
        """Whether it says anything: `unsure` does not."""
        return self.grade != UNSURE


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """One query with its candidate passages.

    Attributes:
        id: unique within its set.
        passages: ids unique within the query.
        labels: in step with `passages`; None where nobody said anything.
    """

    id: str
    query: str
    passages: tuple[Passage, ...]
    labels: tuple[Label | None, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.passages):
            raise ValueError(f"{len(self.labels)} labels for {len(self.passages)} passages")

    def grades(self) -> tuple[int | None, ...]:
        """The grade of each passage; None where it is unsure or nobody said anything."""
        return tuple(label.grade if label is not None and label.judged else None for label in self.labels)


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Queries with labelled candidates, under a name.

    Attributes:
        id: of the stored set, or the name of one that is made on the spot ("example", "labels", "page").
    """

    id: str
    name: str
    queries: tuple[LabelledQuery, ...]

    def __post_init__(self) -> None:
        twice = [id for id, n in Counter(query.id for query in self.queries).items() if n > 1]
        if twice:
            raise InvalidInput("Two queries have the id {id!r}. Give each query its own id.", id=twice[0])

    @property
    def n_pairs(self) -> int:
        return sum(len(query.passages) for query in self.queries)

    def counts(self) -> Counter[int | None]:
        """How many pairs have each grade; None counts those without a label, `UNSURE` those of which nobody is sure."""
        return Counter(None if label is None else label.grade for query in self.queries for label in query.labels)


@dataclass(frozen=True, slots=True)
class SetScores:
    """What one model gave to the pairs of a set.

    Attributes:
        instruction: what went before the queries; empty where nothing did.
        logits: raw outputs, in step with the set's queries and their passages; None where a pair has no score yet.
    """

    spec: ModelSpec
    scale: Scale
    instruction: str
    logits: tuple[tuple[float | None, ...], ...]

    @property
    def n_scored(self) -> int:
        return sum(logit is not None for row in self.logits for logit in row)
