"""Hard negatives: what stands high in a run and is not labelled relevant.

Among the best ranks are passages that are relevant and that nobody labelled. Three things keep them out, as in the
miners of other libraries: the first ranks are passed over, a negative must score less than the positives by a margin,
and a draw from a wide range takes few of them.

Sources: FlagEmbedding, scripts/hn_mine.py (a range of ranks that counts positives too, a random draw from it; we add
nothing at random where the range gives too few); sentence-transformers, util/hard_negatives.py (margins under the
lowest-scored positive, the relative one as a part of its size, so that it also holds for scores below 0; the best of
what is left).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from playground.analysis.retrieval import ordered
from playground.analysis.trec import Qrels, Run
from playground.core.errors import InvalidInput
from playground.core.labels import RELEVANT, Label, LabelledQuery, LabelledSet
from playground.core.types import Passage

Sampling = Literal["top", "random"]
# Why a passage in the range of ranks is no negative.
Kept = Literal["relevant", "unsure", "margin", "unscored", "same-text"]


@dataclass(frozen=True, slots=True)
class Mining:
    """How negatives are chosen.

    Attributes:
        first, last: ranks in the run, from 1, both included; all passages count, relevant ones too.
        n_negatives: at most, of each query.
        sampling: the best of those that are left, or a draw that the seed and the query's id decide.
        absolute_margin: a negative scores at least this much less than the lowest-scored positive.
        relative_margin: ... at least this part of that positive's score less; 0.05 of a score of -2 is 0.1.
        most_score: a negative scores at most this.
        relevant_from: the lowest grade of a positive. Lower grades over 0 are neither.
    """

    first: int = 1
    last: int = 100
    n_negatives: int = 7
    sampling: Sampling = "top"
    absolute_margin: float | None = None
    relative_margin: float | None = None
    most_score: float | None = None
    relevant_from: int = RELEVANT
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Mined:
    """The negatives of one query, by id, best first.

    Attributes:
        lowest: the score of the lowest-scored positive; None where no positive has one.
    """

    query_id: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    lowest: float | None


@dataclass(frozen=True, slots=True)
class Negatives:
    """What was found.

    Attributes:
        queries: those with at least one positive and one negative.
        kept_out: passages in the range of ranks that are no negatives, by the reason.
        n_without_positive: queries without a relevant passage.
        n_unscored_positive: queries left out because a margin was asked for and no positive has a score.
        n_without_negative: queries of which nothing was left.
        n_short: queries with fewer negatives than were asked for.
    """

    queries: tuple[Mined, ...]
    kept_out: Counter[Kept]
    n_without_positive: int
    n_unscored_positive: int
    n_without_negative: int
    n_short: int


def mine(
    qrels: Qrels,
    run: Run,
    mining: Mining,
    *,
    scores: Run | None = None,
    texts: Mapping[str, str] | None = None,
) -> Negatives:
    """The hard negatives of every judged query.

    Args:
        run: says the ranks.
        scores: says the scores that margins are measured in, such as a reranker's; None takes the run's. What has none
            cannot be held to a margin, and is kept out where one is asked for.
        texts: of passages, by id; a passage with the text of a positive is then no negative.
    Raises:
        InvalidInput: a setting that cannot be.
    """
    _check(mining)
    kept_out: Counter[Kept] = Counter()
    left: Counter[str] = Counter()
    found = []
    for id, judged in qrels.items():
        positives = tuple(passage for passage, grade in judged.items() if grade >= mining.relevant_from)
        ranked = run.get(id, {})
        given = ranked if scores is None else scores.get(id, {})
        known = [given[passage] for passage in positives if passage in given]
        lowest = min(known) if known else None
        if not positives:
            left["positive"] += 1
            continue
        if lowest is None and (mining.absolute_margin is not None or mining.relative_margin is not None):
            left["unscored"] += 1
            continue
        most = _most(mining, lowest)
        taken = {texts[passage] for passage in positives if passage in texts} if texts is not None else set()
        candidates = []
        for passage in ordered(ranked)[mining.first - 1 : mining.last]:
            reason = _kept(judged.get(passage), given.get(passage), most)
            if reason is None and texts is not None and texts.get(passage) in taken:
                reason = "same-text"
            if reason is None:
                candidates.append(passage)
            else:
                kept_out[reason] += 1
        negatives = _chosen(candidates, mining, id)
        left["negative"] += not negatives
        left["short"] += 0 < len(negatives) < mining.n_negatives
        if negatives:
            found.append(Mined(id, positives, negatives, lowest))
    return Negatives(tuple(found), kept_out, left["positive"], left["unscored"], left["negative"], left["short"])


def labelled(
    negatives: Negatives,
    queries: Mapping[str, str],
    passages: Mapping[str, str],
    name: str,
    at: datetime | None = None,
) -> LabelledSet:
    """The positives and negatives as a labelled set: `labelled_sets.write(..., "flagembedding")` makes training rows of
    it, and the Threshold view takes it as it is. That the negatives are not relevant nobody said.

    Args:
        queries, passages: texts by id; a passage without text is left out.
    """
    at = at or datetime.now(UTC)
    relevant, other = Label(RELEVANT, "imported", at), Label(0, "imported", at)
    made = []
    for one in negatives.queries:
        pairs = [(id, relevant) for id in one.positives] + [(id, other) for id in one.negatives]
        known = [(Passage(id, passages[id], label.grade > 0), label) for id, label in pairs if id in passages]
        if known:
            made.append(
                LabelledQuery(
                    one.query_id,
                    queries[one.query_id],
                    tuple(passage for passage, _ in known),
                    tuple(label for _, label in known),
                )
            )
    return LabelledSet("mined", name, tuple(made))


def _check(mining: Mining) -> None:
    if not 1 <= mining.first <= mining.last:
        raise InvalidInput(
            "Negatives come from a range of ranks such as 10 to 200, not {first} to {last}.",
            first=mining.first,
            last=mining.last,
        )
    if mining.n_negatives < 1:
        raise InvalidInput("Ask for at least one negative for each query.")
    for margin in (mining.absolute_margin, mining.relative_margin):
        if margin is not None and not 0 <= margin < float("inf"):
            raise InvalidInput("A margin is a number from 0 up, not {margin}.", margin=margin)


def _most(mining: Mining, lowest: float | None) -> float | None:
    """The highest score of a negative; None where any will do."""
    bounds = [] if mining.most_score is None else [mining.most_score]
    if lowest is not None and mining.absolute_margin is not None:
        bounds.append(lowest - mining.absolute_margin)
    if lowest is not None and mining.relative_margin is not None:
        bounds.append(lowest - abs(lowest) * mining.relative_margin)
    return min(bounds, default=None)


def _kept(grade: int | None, score: float | None, most: float | None) -> Kept | None:
    """Why a passage is no negative; None where it may be one."""
    if grade is not None and grade > 0:
        return "relevant"
    if grade == -1:
        return "unsure"
    if most is None:
        return None
    if score is None:
        return "unscored"
    return "margin" if score > most else None


def _chosen(candidates: Sequence[str], mining: Mining, query_id: str) -> tuple[str, ...]:
    if mining.sampling == "top" or len(candidates) <= mining.n_negatives:
        return tuple(candidates[: mining.n_negatives])
    # By the query's own id: another query more or less changes no other draw.
    drawn = random.Random(f"{mining.seed}\n{query_id}").sample(range(len(candidates)), mining.n_negatives)
    return tuple(candidates[place] for place in sorted(drawn))
