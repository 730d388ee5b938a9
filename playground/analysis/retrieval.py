"""How well runs answer judged queries: MAP, MRR, NDCG, precision, hits, and recall at any depth.

A run is what came back, by query and passage id, so it may lack what is relevant: that is missed, and lowers recall,
MAP and NDCG. A judged query that a run does not answer counts 0, as in `trec_eval -c`. A query without a relevant
passage has no figure, and is left out and counted. `paired.compare` lays several runs side by side, on the same
queries, with intervals of resampled queries.

How ties fall is the way of counting's (`definitions.Counting`): by id, descending, as in trec_eval, or the exact mean
over all orders of what is tied. All but the latter is counted by ir-measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from playground.analysis.counting import UNJUDGED, Candidates, Counted, measure_lists
from playground.analysis.definitions import Counting, Definition, defined
from playground.analysis.trec import Qrels, Run
from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE


@dataclass(frozen=True, slots=True)
class Retrieved(Counted):
    """What one run reaches, in the order of the judged queries.

    Attributes:
        n_unanswered: judged queries of which the run returns nothing.
        n_unknown: queries of the run that nobody judged.
    """

    n_unanswered: int
    n_unknown: int


def definitions_of(
    counting: Counting = "trec_eval",
    k: int = 10,
    recall_at: Sequence[int] = (100,),
    relevant_from: int = 1,
    map_at: int | None = None,
) -> tuple[Definition, ...]:
    """The figures of `measure`: those of `defined`, and recall at further depths ("r@100").

    Raises:
        InvalidInput: as `defined`.
    """
    first = defined(counting, k, relevant_from, unscored="not-found")
    if map_at is not None:
        first = (replace(first[0], key=f"map@{map_at}", cutoff=map_at), *first[1:])
    recall = next((each for each in first if each.measure == "r"), None)
    if recall is None:
        return first
    more = [depth for depth in dict.fromkeys(recall_at) if depth != recall.cutoff]
    if any(depth < 1 for depth in more):
        raise InvalidInput("Recall is counted at a depth of 1 or more, not {depth}.", depth=min(more))
    return (*first, *(replace(recall, key=f"r@{depth}", cutoff=depth) for depth in more))


def measure(
    qrels: Qrels,
    run: Run,
    counting: Counting = "trec_eval",
    *,
    k: int = 10,
    recall_at: Sequence[int] = (100,),
    relevant_from: int = 1,
    map_at: int | None = None,
) -> Retrieved:
    """The figures of one run.

    Args:
        qrels: grades; -1 is unsure and counts as not judged, below it (TREC's junk) is not relevant.
        k: places that count, for all but MAP.
        map_at: places that count for MAP; None takes all that came back.
        recall_at: depths of recall beside `k`.
    Raises:
        InvalidInput: a score is not finite, or a setting that cannot be.
    """
    definitions = definitions_of(counting, k, recall_at, relevant_from, map_at)
    lists = [_candidates(id, judged, run.get(id, {})) for id, judged in qrels.items()]
    rows = measure_lists(lists, definitions, counting)
    return Retrieved(
        counting,
        definitions,
        tuple(replace(row, id=id) for id, row in zip(qrels, rows, strict=True)),
        n_unanswered=sum(not run.get(id) for id in qrels),
        n_unknown=len(run.keys() - qrels.keys()),
    )


def cut(run: Run, depth: int) -> dict[str, dict[str, float]]:
    """The first `depth` passages of each query, ties by id descending, as trec_eval orders them."""
    return {id: {passage: scores[passage] for passage in ordered(scores)[:depth]} for id, scores in run.items()}


def ordered(scores: Mapping[str, float]) -> list[str]:
    """Passage ids best first, ties in single precision by id descending: see `analysis.trec`."""
    rounded = dict(zip(scores, np.array([*scores.values()], dtype=np.float32).tolist(), strict=True))
    return sorted(scores, key=lambda id: (rounded[id], id.encode("utf-8", "surrogatepass")), reverse=True)


def _candidates(query_id: str, judged: Mapping[str, int], scores: Mapping[str, float]) -> Candidates:
    """What came back, and then what is judged and did not."""
    ids = (*scores, *(id for id in judged if id not in scores))
    numbers = np.array([scores.get(id, np.nan) for id in ids], dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers[: len(scores)]))
    if len(bad):
        raise InvalidInput(
            "The score of passage {id} for the query {query!r} is {logit}, which cannot be compared. "
            "Score the set again with precision fp32.",
            id=ids[bad[0]],
            query=query_id,
            logit=float(numbers[bad[0]]),
        )
    grades = [_grade(judged.get(id)) for id in ids]
    return Candidates(ids, np.array(grades, dtype=np.int64), numbers)


def _grade(said: int | None) -> int:
    return UNJUDGED if said is None or said == UNSURE else max(said, 0)
