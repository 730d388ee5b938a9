"""What a figure of quality counts: as gain, at a tie, and of passages that nobody judged or scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from playground.core.errors import InvalidInput

Counting = Literal["expected", "trec_eval", "mteb-v1", "mteb-v2"]
MeasureName = Literal["map", "mrr", "ndcg", "p", "r", "hit"]
Gain = Literal["binary", "linear"]
Ties = Literal["expected", "id-descending", "shared-threshold", "positive-first", "positive-last"]
Unjudged = Literal["not-relevant", "left-out"]
Unscored = Literal["query-left-out", "not-found"]

COUNTINGS: tuple[Counting, ...] = ("expected", "trec_eval", "mteb-v1", "mteb-v2")
PRESETS: tuple[Counting, ...] = ("mteb-v1", "mteb-v2")
PRESET_K = 10
MOST_K = 1000

_WHAT: dict[MeasureName, str] = {
    "map": "Mean average precision: the precision at the place of each relevant passage, averaged over all of them",
    "mrr": "Mean reciprocal rank: 1 over the place of the first relevant passage",
    "ndcg": "Discounted gain over log2(1 + place), divided by that of the best possible order",
    "p": "Precision: the share of relevant passages in the first places, divided by {k} even where there are fewer",
    "r": "Recall: how many of all relevant passages stand in the first places",
    "hit": "Hit: 1 where at least one relevant passage stands in the first places",
}
_TIES: dict[Ties, str] = {
    "expected": "Tied passages stand in random order, and the value is the exact mean over all of these orders.",
    "id-descending": "Tied passages are ordered by id, descending, as trec_eval does.",
    "shared-threshold": "Tied passages share one threshold, as in scikit-learn's average precision.",
    "positive-first": "Of tied passages the relevant one comes first, as MTEB listed them.",
    "positive-last": "Of tied passages the relevant one comes last, as MTEB names them.",
}


@dataclass(frozen=True, slots=True)
class Definition:
    """How one figure is counted.

    Attributes:
        key: "map", "mrr@10"...
        cutoff: places that count; None where all do.
        gain: `linear` counts grade 3 three times grade 1, `binary` asks only whether a passage is relevant.
        relevant_from: the lowest grade that is relevant, where the gain is binary.
    """

    key: str
    measure: MeasureName
    cutoff: int | None
    gain: Gain
    ties: Ties
    unjudged: Unjudged
    unscored: Unscored
    relevant_from: int

    @property
    def text(self) -> str:
        """All of it in English."""
        depth = "" if self.cutoff is None else f", first {self.cutoff} places only"
        gain = (
            "The gain is the grade itself (linear)."
            if self.gain == "linear"
            else f"A passage is relevant from grade {self.relevant_from} on."
        )
        unjudged = (
            "What nobody judged counts as not relevant."
            if self.unjudged == "not-relevant"
            else "What nobody judged is taken out of the list."
        )
        return f"{_WHAT[self.measure].format(k=self.cutoff)}{depth}. {gain} {_TIES[self.ties]} {unjudged}"


def defined(
    counting: Counting = "expected",
    k: int = 10,
    relevant_from: int = 1,
    judged_only: bool = False,
    unscored: Unscored = "query-left-out",
) -> tuple[Definition, ...]:
    """The figures of a way of counting, in the order in which they are shown.

    Raises:
        InvalidInput: no such way of counting, or a depth or grade that cannot be.
    """
    if counting not in COUNTINGS:
        raise InvalidInput(
            "There is no way of counting called {name!r}. Choose one of: {names}.",
            name=counting,
            names=", ".join(COUNTINGS),
        )
    if not 1 <= k <= MOST_K:
        raise InvalidInput("The depth k is a whole number from 1 to {most}, not {k}.", most=MOST_K, k=k)
    if relevant_from not in (1, 2, 3):
        raise InvalidInput("What counts as relevant begins at grade 1, 2 or 3, not {grade}.", grade=relevant_from)
    unjudged: Unjudged = "left-out" if judged_only or counting in PRESETS else "not-relevant"

    def one(name: MeasureName, cutoff: int | None, ties: Ties) -> Definition:
        gain: Gain = "linear" if name == "ndcg" and counting not in PRESETS else "binary"
        key = name if cutoff is None else f"{name}@{cutoff}"
        return Definition(key, name, cutoff, gain, ties, unjudged, unscored, relevant_from)

    if counting == "mteb-v1":
        return one("map", None, "shared-threshold"), one("mrr", PRESET_K, "positive-first")
    rest: tuple[MeasureName, ...] = ("mrr", "ndcg", "p", "r", "hit")
    if counting == "mteb-v2":
        return one("map", 1000, "positive-last"), *(one(name, PRESET_K, "positive-last") for name in rest)
    ties: Ties = "expected" if counting == "expected" else "id-descending"
    return one("map", None, ties), *(one(name, k, ties) for name in rest)
