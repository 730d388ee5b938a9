"""A labelled set as rows to train on and to measure on: split by query, negatives mined where none were labelled."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from playground.core.errors import InvalidInput
from playground.core.labels import LabelledSet
from playground.core.training import FEW_QUERIES, LEAST_QUERIES, Negatives, TrainingData, TrainingRow
from playground.models import bm25

MINED = 8
_END = re.compile(r"[\s?.!。？！]+$")

ONLY_POSITIVES = (
    "{n} queries have no passage marked not relevant. For these, passages of other queries that share words with them "
    "stand in as negatives; nobody judged them, so some may be relevant after all."
)
FEW = (
    "{n} queries are few: under about {least}, what a training gains or loses is mostly chance. Label more for a "
    "result to trust."
)
SAME = (
    "{n} queries say the same as another one but for case, spaces or a sign at the end. They count as one query, so "
    "that none is trained on and measured on."
)
NO_POSITIVE = "{n} queries without a relevant passage are left out: nothing can be put first for them."


@dataclass
class _Query:
    text: str
    pos: dict[str, None] = field(default_factory=dict)
    neg: dict[str, None] = field(default_factory=dict)


def key_of(query: str) -> str:
    """What makes two queries the same: their words, whatever the case, width, spaces and sign at the end."""
    return _END.sub("", " ".join(unicodedata.normalize("NFKC", query).casefold().split()))


def rows_of(
    labelled: LabelledSet, dev_share: float, seed: int, negatives: Negatives, relevant_from: int = 1
) -> TrainingData:
    """The rows, the same for the same set, share and seed.

    Negatives of training rows are mined among the passages of training rows only.

    Raises:
        InvalidInput: nothing or everything is relevant and nothing can be mined, a pair has two labels, or too few
            queries have a relevant passage.
    """
    queries, n_same = _queries(labelled, relevant_from)
    usable = [query for query in queries if query.pos]
    if not usable:
        raise InvalidInput("No passage of this set is marked relevant, so there is nothing to learn. Label some first.")
    if len(usable) < LEAST_QUERIES:
        raise InvalidInput(
            "{n} queries have a relevant passage, and a training needs {least}: some to learn from, others to measure "
            "on. Label more queries.",
            n=len(usable),
            least=LEAST_QUERIES,
        )
    order = sorted(usable, key=lambda query: key_of(query.text))
    random.Random(seed).shuffle(order)
    n_dev = min(max(round(dev_share * len(order)), 2), len(order) - 2)
    train, dev = order[n_dev:], order[:n_dev]
    n_bare = sum(not query.neg for query in usable)
    data = TrainingData(_rows(train, train, negatives), _rows(dev, order, negatives))
    if not data.train or not data.dev or len(data.train) + len(data.dev) < LEAST_QUERIES:
        raise InvalidInput(
            "No passage of this set is marked not relevant, and none of another query can stand in for one. Label "
            "some passages as not relevant."
        )
    said: tuple[tuple[str, int, dict[str, int]], ...] = (
        (ONLY_POSITIVES, n_bare, {}),
        (FEW, len(usable) if len(usable) < FEW_QUERIES else 0, {"least": FEW_QUERIES}),
        (SAME, n_same, {}),
        (NO_POSITIVE, len(queries) - len(usable), {}),
    )
    return replace(data, warnings=tuple(text.format(n=n, **more) for text, n, more in said if n))


def _queries(labelled: LabelledSet, relevant_from: int) -> tuple[list[_Query], int]:
    """The queries, those that say the same as one, and how many of these there were."""
    found: dict[str, _Query] = {}
    texts: set[str] = set()
    for each in labelled.queries:
        texts.add(each.query)
        query = found.setdefault(key_of(each.query), _Query(each.query))
        for passage, grade in zip(each.passages, each.grades(), strict=True):
            if grade is not None and passage.text.strip():
                (query.pos if grade >= relevant_from else query.neg)[passage.text] = None
        if both := query.pos.keys() & query.neg.keys():
            raise InvalidInput(
                "{text!r} is both relevant and not relevant to {query!r}. Correct one of the two labels.",
                text=min(both)[:60],
                query=each.query[:60],
            )
    return list(found.values()), len(texts) - len(found)


def _rows(queries: Sequence[_Query], pool: Sequence[_Query], negatives: Negatives) -> tuple[TrainingRow, ...]:
    """Rows that have both a relevant passage and a negative."""
    passages = list(dict.fromkeys(text for query in pool for text in (*query.pos, *query.neg)))
    wanted = [query for query in queries if negatives == "mined" or not query.neg]
    mined = dict(zip((query.text for query in wanted), _mined(wanted, passages), strict=True))
    rows = [TrainingRow(query.text, tuple(query.pos), tuple(query.neg), mined.get(query.text, ())) for query in queries]
    return tuple(row for row in rows if row.neg or row.mined)


def _mined(queries: Sequence[_Query], passages: Sequence[str]) -> list[tuple[str, ...]]:
    """For each query the best passages by BM25 that it has no label for; never the text of a relevant one."""
    if not queries:
        return []
    import numpy as np

    index = bm25.index_of([bm25.words(text) for text in passages])
    found = []
    for query in queries:
        scores = np.zeros(len(passages)) if index is None else bm25.scores_in(index, bm25.words(query.text))
        own = {key_of(text) for text in (*query.pos, *query.neg)}
        order = (passages[place] for place in np.argsort(-scores, kind="stable"))
        best: list[str] = []
        for text in order:
            if key_of(text) not in own:
                best.append(text)
            if len(best) == MINED:
                break
        found.append(tuple(best))
    return found
