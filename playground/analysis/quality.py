"""How well a model orders labelled passages: MAP, MRR, NDCG, precision, recall and hits, and how each is counted.

A figure is never without its rules: `Definition` says what counts as gain, who wins a tie, and what becomes of passages
that nobody judged. A query whose list has a hole is left out and counted; it is never zero.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from playground.analysis import expected, trec
from playground.analysis.judged import judged
from playground.core.errors import InvalidInput
from playground.core.labels import LabelledQuery, LabelledSet, SetScores
from playground.core.scales import Scale
from playground.core.types import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Counting = Literal["expected", "trec_eval", "mteb-v1", "mteb-v2"]
MeasureName = Literal["map", "mrr", "ndcg", "p", "r", "hit"]
Gain = Literal["binary", "linear"]
Ties = Literal["expected", "id-descending", "shared-threshold", "positive-first", "positive-last"]
Unjudged = Literal["not-relevant", "left-out"]
Unscored = Literal["query-left-out", "not-found"]
LeftOut = Literal["unlabelled", "no-relevant", "no-other", "incomplete"]

COUNTINGS: tuple[Counting, ...] = ("expected", "trec_eval", "mteb-v1", "mteb-v2")
PRESETS: tuple[Counting, ...] = ("mteb-v1", "mteb-v2")
PRESET_K = 10
MOST_K = 1000
MOST_PLACES = sys.maxsize
UNJUDGED = -1

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
class Quality:
    """What one model reaches on a labelled set.

    Attributes:
        queries: in step with the set.
        n_unjudged, n_unsure: pairs without a label, and those of which nobody was sure. Both count as not judged.
        n_unscored: pairs without a score, judged or not.
    """

    spec: ModelSpec
    scale: Scale
    counting: Counting
    definitions: tuple[Definition, ...]
    queries: tuple[QueryQuality, ...]
    n_pairs: int
    n_unjudged: int
    n_unsure: int
    n_unscored: int

    @property
    def counted(self) -> tuple[int, ...]:
        """Numbers of the queries that count, from 0."""
        return tuple(number for number, query in enumerate(self.queries) if query.left_out is None)

    @property
    def left_out(self) -> Counter[LeftOut]:
        """How many queries do not count, by the reason."""
        return Counter(query.left_out for query in self.queries if query.left_out is not None)

    @property
    def n_first(self) -> int:
        """Counted queries with a relevant passage in the first place, however ties fall."""
        return sum(query.first is not None and query.first[1] == 1 for query in self.queries)

    @property
    def n_tied_first(self) -> int:
        """Counted queries where a relevant passage shares the first place with one that is not."""
        return sum(query.first is not None and query.first[0] == 1 < query.first[1] for query in self.queries)

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


def measure(
    labelled: LabelledSet,
    scores: SetScores,
    counting: Counting = "expected",
    *,
    k: int = 10,
    relevant_from: int = 1,
    judged_only: bool = False,
    unscored: Unscored = "query-left-out",
) -> Quality:
    """The quality of one model on a set.

    Args:
        counting: `expected` is the exact mean over random orders of tied passages; `trec_eval` breaks ties by id;
            `mteb-v1` is C-MTEB's at the time of the bge-reranker cards (scikit-learn's MAP, MRR@10), `mteb-v2` that of
            MTEB 2 (MAP@1000 by pytrec_eval, ties cost the positive). Both drop queries without a relevant or without
            a not relevant passage, and know no unjudged ones.
        k: places that count, for all but MAP. MTEB's are fixed at 10.
        relevant_from: the lowest grade that counts as relevant.
        judged_only: take out of the lists what nobody judged, instead of counting it as not relevant.
        unscored: what a passage without a score does: leave its query out, or stand in no list but still be missed, as
            what a run does not return is for trec_eval.
    Raises:
        InvalidInput: scores of another set or not finite, or a setting that cannot be.
    """
    # For the errors, and the counts of pairs.
    counted = judged(labelled, scores, relevant_from)
    lists = [_candidates(query, row, counting) for query, row in zip(labelled.queries, scores.logits, strict=True)]
    definitions = defined(counting, k, relevant_from, judged_only, unscored)
    rows = measure_lists(lists, definitions, counting)
    queries = tuple(
        QueryQuality(query.id, row.values, row.left_out, row.first, row.decided_by_ties)
        for query, row in zip(labelled.queries, rows, strict=True)
    )
    return Quality(
        scores.spec,
        scores.scale,
        counting,
        definitions,
        queries,
        n_pairs=labelled.n_pairs,
        n_unjudged=counted.n_unjudged,
        n_unsure=counted.n_unsure,
        n_unscored=labelled.n_pairs - scores.n_scored,
    )


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


def _candidates(query: LabelledQuery, row: Sequence[float | None], counting: Counting) -> Candidates:
    grades = [UNJUDGED if grade is None else grade for grade in query.grades()]
    return Candidates(
        tuple(passage.id for passage in query.passages),
        np.array(grades, dtype=np.int64),
        np.array([np.nan if logit is None else logit for logit in row], dtype=np.float64),
    )


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
