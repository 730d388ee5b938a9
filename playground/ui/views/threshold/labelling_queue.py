"""Which pairs the labelling flow shows, in which order, and what was answered so far."""

from __future__ import annotations

import math
import random
import secrets
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from playground.core.errors import InvalidInput
from playground.core.labels import Label, LabelledSet, SetScores

Place = tuple[int, int]


@dataclass(frozen=True)
class Answer:
    """One answer: to which pair of the order, and the stored label that stood there before."""

    n: int
    before: Label | None


@dataclass(frozen=True)
class LabellingQueue:
    """A walk through a set.

    Attributes:
        id: names it to the page; empty before the first.
        labelled: the set as it stood at the start, with the labels of then.
        order: places of the pairs, by query and passage, in the order in which they are shown.
        answers: that stand, oldest first.
    """

    id: str = ""
    labelled: LabelledSet = field(default_factory=lambda: LabelledSet("", "", ()))
    order: tuple[Place, ...] = ()
    answers: tuple[Answer, ...] = ()

    def pair(self, n: int) -> tuple[str, str]:
        """Query and passage of one pair of the order."""
        query, passage = self.order[n]
        found = self.labelled.queries[query]
        return found.query, found.passages[passage].text

    def label(self, n: int) -> Label | None:
        """What was said of it when the walk began."""
        query, passage = self.order[n]
        return self.labelled.queries[query].labels[passage]


def shuffled(labelled: LabelledSet, seed: str, *, only_left: bool) -> LabellingQueue:
    """The pairs in an order that depends on the seed and on nothing that was said or computed of them.

    Args:
        seed: of the visit: who comes back in the same visit meets the same order.
        only_left: the pairs without a label.
    """
    return LabellingQueue(secrets.token_hex(6), labelled, tuple(_shuffled(labelled, seed, only_left)))


def borderline(
    labelled: LabelledSet, scores: SetScores | None, threshold: float | None, seed: str, *, only_left: bool
) -> LabellingQueue:
    """The pairs nearest the threshold first, whichever side they are on; those without a score last.

    Args:
        threshold: None takes the middle of the scores.

    Raises:
        InvalidInput: no pair has a score.
    """
    logits = [] if scores is None else [each for row in scores.logits for each in row if each is not None]
    if scores is None or not logits:
        raise InvalidInput("No pair of this set has a score yet. Score it with a model, or take the shuffled order.")
    middle = statistics.median(logits) if threshold is None else threshold
    rows = scores.logits

    def distance(place: Place) -> float:
        logit = rows[place[0]][place[1]]
        return math.inf if logit is None else abs(logit - middle)

    # Of two equally near, chance decides: the order of the set often has the relevant ones first.
    order = sorted(_shuffled(labelled, seed, only_left), key=distance)
    return LabellingQueue(secrets.token_hex(6), labelled, tuple(order))


def _shuffled(labelled: LabelledSet, seed: str, only_left: bool) -> Sequence[Place]:
    places: dict[tuple[str, str], Place] = {}
    for number, query in enumerate(labelled.queries):
        for at, passage in enumerate(query.passages):
            places.setdefault((query.query, passage.text), (number, at))
    order = list(places.values())
    # All are shuffled, and then some left out: so the order of those that are left stays as it was.
    random.Random(f"{seed} {labelled.id}").shuffle(order)
    return [place for place in order if not only_left or labelled.queries[place[0]].labels[place[1]] is None]
