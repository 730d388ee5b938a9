"""The ways of counting: labelled lists with scores become the figures of each query."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playground.analysis import expected, trec
from playground.analysis.definitions import PRESETS, Counting, Definition, MeasureName

LeftOut = Literal["unlabelled", "no-relevant", "no-other", "incomplete"]

MOST_PLACES = sys.maxsize
UNJUDGED = -1


@dataclass(frozen=True, slots=True)
class QueryQuality:
    """One query of the set.

    Attributes:
        values: by the key of the definition; empty where the query is left out.
        left_out: why it does not count; None where it does. `unlabelled` has no judged passage, `no-relevant` no
            relevant one, `no-other` nothing but relevant ones (MTEB drops these), `incomplete` a passage without score.
        first: place of the first relevant passage, if ties fall well and if they fall badly; the same twice where the
            way of counting decides ties. None where the query is left out or no relevant passage has a score.
        decided_by_ties: passages of different grades have the same score, so that the tie rule moves the figures.
    """

    id: str
    values: Mapping[str, float]
    left_out: LeftOut | None
    first: tuple[int, int] | None = None
    decided_by_ties: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """The figures of each query, and how they were counted."""

    counting: Counting
    definitions: tuple[Definition, ...]
    queries: tuple[QueryQuality, ...]

    @property
    def counted(self) -> tuple[int, ...]:
        """Numbers of the queries that count, from 0."""
        return tuple(number for number, query in enumerate(self.queries) if query.left_out is None)

    @property
    def left_out(self) -> Counter[LeftOut]:
        """How many queries do not count, by the reason."""
        return Counter(query.left_out for query in self.queries if query.left_out is not None)

    @property
    def n_decided_by_ties(self) -> int:
        return sum(query.decided_by_ties for query in self.queries)

    def values(self, key: str) -> NDArray[np.float64]:
        """(n_counted,), in the order of `counted`."""
        return np.array([self.queries[number].values[key] for number in self.counted], dtype=np.float64)

    def mean(self, key: str) -> float | None:
        """Over the queries that count; None where none does."""
        values = self.values(key)
        return float(values.mean()) if len(values) else None


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """One query's passages as numbers, all in step.

    Attributes:
        ids: break ties where the way of counting asks for it.
        grades: (n,) 0 to 3, `UNJUDGED` where nobody said anything sure.
        scores: (n,) NaN where there is none.
    """

    ids: tuple[str, ...]
    grades: NDArray[np.int64]
    scores: NDArray[np.float64]


def measure_lists(
    lists: Sequence[Candidates], definitions: Sequence[Definition], counting: Counting
) -> list[QueryQuality]:
    """As `measure`, for bare lists; the ids of the rows are their numbers."""
    first = definitions[0]
    cut = [_judged_part(one) if first.unjudged == "left-out" else one for one in lists]
    reasons = [_reason(one, first, counting) for one in cut]
    places = [number for number, reason in enumerate(reasons) if reason is None]
    values = _WAYS[counting]([cut[number] for number in places], definitions)
    rows = [QueryQuality(str(number), _NOTHING, reason) for number, reason in enumerate(reasons)]
    for number, found in zip(places, values, strict=True):
        one = cut[number]
        rows[number] = QueryQuality(
            str(number), MappingProxyType(found.values), None, found.first, _decided_by_ties(one)
        )
    return rows


_NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Found:
    values: dict[str, float]
    first: tuple[int, int] | None


def _judged_part(one: Candidates) -> Candidates:
    kept = one.grades != UNJUDGED
    return Candidates(
        tuple(id for id, keep in zip(one.ids, kept, strict=True) if keep), one.grades[kept], one.scores[kept]
    )


def _reason(one: Candidates, rules: Definition, counting: Counting) -> LeftOut | None:
    if not (one.grades != UNJUDGED).any():
        return "unlabelled"
    relevant = one.grades >= rules.relevant_from
    if not relevant.any():
        return "no-relevant"
    if counting in PRESETS and relevant.all():
        return "no-other"
    if rules.unscored == "query-left-out" and np.isnan(one.scores).any():
        return "incomplete"
    return None


def _decided_by_ties(one: Candidates) -> bool:
    """Whether two passages of different gain have the same score."""
    scored = ~np.isnan(one.scores)
    scores, gains = one.scores[scored], np.maximum(one.grades[scored], 0)
    order = np.lexsort((gains, scores))
    return bool(((np.diff(scores[order]) == 0) & (np.diff(gains[order]) != 0)).any())


def _by_expectation(lists: Sequence[Candidates], definitions: Sequence[Definition]) -> list[_Found]:
    tied = _tied(lists, definitions)
    columns = {each.key: _EXPECTED[each.measure](tied, each.cutoff or MOST_PLACES).tolist() for each in definitions}
    first = expected.first_groups(tied)
    best = tied.start[first] + 1
    worst = best + tied.size[first] - tied.n_relevant[first]
    places = dict(zip(tied.list[first].tolist(), zip(best.tolist(), worst.tolist(), strict=True), strict=True))
    return [
        _Found({key: column[number] for key, column in columns.items()}, places.get(number))
        for number in range(len(lists))
    ]


def _tied(lists: Sequence[Candidates], definitions: Sequence[Definition]) -> expected.TiedLists:
    if not lists:
        nothing = np.zeros(0)
        return expected.tied_lists(nothing.astype(np.int64), nothing, nothing, nothing > 0, 0)
    numbers = np.repeat(np.arange(len(lists)), [len(one.ids) for one in lists])
    grades = np.concatenate([one.grades for one in lists])
    scores = np.concatenate([one.scores for one in lists])
    gains = np.maximum(grades, 0).astype(np.float64)
    return expected.tied_lists(numbers, scores, gains, grades >= definitions[0].relevant_from, len(lists))


_EXPECTED: dict[MeasureName, Callable[[expected.TiedLists, int], NDArray[np.float64]]] = {
    "map": expected.average_precision,
    "mrr": expected.reciprocal_rank,
    "ndcg": expected.discounted_gain,
    "p": expected.precision,
    "r": expected.recall,
    "hit": expected.hit,
}


def _by_trec_eval(lists: Sequence[Candidates], definitions: Sequence[Definition]) -> list[_Found]:
    return _through_pytrec_eval(lists, [_descending(one.ids) for one in lists], definitions, binary=False)


def _by_mteb_v2(lists: Sequence[Candidates], definitions: Sequence[Definition]) -> list[_Found]:
    """MTEB's ids: ties go by id descending, which puts `negative_*` before `apositive_*`.

    Source: mteb, abstasks/text/reranking.py and _evaluators/retrieval_metrics.py.
    """
    relevant_from = definitions[0].relevant_from
    ids = [
        [f"{'apositive' if grade >= relevant_from else 'negative'}_{i:05}" for i, grade in enumerate(one.grades)]
        for one in lists
    ]
    return _through_pytrec_eval(lists, ids, definitions, binary=True)


def _through_pytrec_eval(
    lists: Sequence[Candidates], ids: Sequence[Sequence[str]], definitions: Sequence[Definition], *, binary: bool
) -> list[_Found]:
    from ir_measures import AP, RR, P, R, Success, nDCG

    relevant_from = definitions[0].relevant_from
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for number, (one, names) in enumerate(zip(lists, ids, strict=True)):
        grades = (one.grades >= relevant_from).astype(np.int64) if binary else one.grades
        judged_here = zip(names, grades.tolist(), one.grades.tolist(), strict=True)
        qrels[str(number)] = {name: grade for name, grade, said in judged_here if said != UNJUDGED}
        run[str(number)] = {
            name: score for name, score in zip(names, one.scores.tolist(), strict=True) if not np.isnan(score)
        }
    level = 1 if binary else relevant_from
    made = {"map": AP(rel=level), "ndcg": nDCG, "p": P(rel=level), "r": R(rel=level), "hit": Success(rel=level)}
    rank = RR(rel=level)
    asked = {
        each.key: made[each.measure] if each.cutoff is None else made[each.measure] @ each.cutoff
        for each in definitions
        if each.measure != "mrr"
    }
    found = trec.by_query(qrels, run, [*asked.values(), rank])
    results = []
    for number in range(len(lists)):
        # A query that nothing was returned for is unknown to pytrec_eval; all of its figures are 0.
        row = found.get(str(number), {})
        reciprocal = row.get(rank, 0.0)
        first = round(1 / reciprocal) if reciprocal else None
        values = {key: row.get(measure, 0.0) for key, measure in asked.items()}
        # pytrec_eval has no cut for the reciprocal rank.
        values |= {
            each.key: reciprocal if first and first <= (each.cutoff or first) else 0.0
            for each in definitions
            if each.measure == "mrr"
        }
        ordered = {each.key: values[each.key] for each in definitions}
        results.append(_Found(ordered, None if first is None else (first, first)))
    return results


def _descending(ids: Sequence[str]) -> list[str]:
    """Names that sort as the ids do for trec_eval (by bytes), whatever characters are in them."""
    order = sorted(range(len(ids)), key=lambda place: ids[place].encode("utf-8", "surrogatepass"))
    names = [""] * len(ids)
    for number, place in enumerate(order):
        names[place] = f"{number:09}"
    return names


def _by_mteb_v1(lists: Sequence[Candidates], definitions: Sequence[Definition]) -> list[_Found]:
    """Positives first, then scikit-learn's average precision and the first positive of a stable descending sort.

    Source: FlagEmbedding, C_MTEB/tasks/Reranking.py; mteb 1.20.0, evaluation/evaluators/RerankingEvaluator.py.
    """
    # What was not returned stands behind all others: MTEB knows no such passage.
    placed = [replace(one, scores=np.where(np.isnan(one.scores), -np.inf, one.scores)) for one in lists]
    tied = _tied(placed, definitions)
    precisions = expected.step_precision(tied).tolist()
    first = expected.first_groups(tied)
    results = []
    for number, best in zip(tied.list[first].tolist(), (tied.start[first] + 1).tolist(), strict=True):
        values = {
            each.key: precisions[number]
            if each.measure == "map"
            else (1.0 / best if best <= (each.cutoff or best) else 0.0)
            for each in definitions
        }
        results.append(_Found(values, (best, best)))
    return results


_WAYS: dict[Counting, Callable[[Sequence[Candidates], Sequence[Definition]], list[_Found]]] = {
    "expected": _by_expectation,
    "trec_eval": _by_trec_eval,
    "mteb-v1": _by_mteb_v1,
    "mteb-v2": _by_mteb_v2,
}
