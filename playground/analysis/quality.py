"""How well a model orders labelled passages: MAP, MRR, NDCG, precision, recall and hits, and how each is counted.

A figure is never without its rules: `Definition` says what counts as gain, who wins a tie, and what becomes of passages
that nobody judged. A query whose list has a hole is left out and counted; it is never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from playground.analysis.counting import UNJUDGED, Candidates, Counted, QueryQuality, measure_lists
from playground.analysis.definitions import Counting, Unscored, defined
from playground.analysis.judged import judged
from playground.core.labels import LabelledQuery, LabelledSet, SetScores
from playground.core.scales import Scale
from playground.core.types import ModelSpec


@dataclass(frozen=True, slots=True)
class Quality(Counted):
    """What one model reaches on a labelled set; its queries are in step with the set.

    Attributes:
        n_unjudged, n_unsure: pairs without a label, and those of which nobody was sure. Both count as not judged.
        n_unscored: pairs without a score, judged or not.
    """

    spec: ModelSpec
    scale: Scale
    n_pairs: int
    n_unjudged: int
    n_unsure: int
    n_unscored: int

    @property
    def n_first(self) -> int:
        """Counted queries with a relevant passage in the first place, however ties fall."""
        return sum(query.first is not None and query.first[1] == 1 for query in self.queries)

    @property
    def n_tied_first(self) -> int:
        """Counted queries where a relevant passage shares the first place with one that is not."""
        return sum(query.first is not None and query.first[0] == 1 < query.first[1] for query in self.queries)


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
    lists = [_candidates(query, row) for query, row in zip(labelled.queries, scores.logits, strict=True)]
    definitions = defined(counting, k, relevant_from, judged_only, unscored)
    rows = measure_lists(lists, definitions, counting)
    queries = tuple(
        QueryQuality(query.id, row.values, row.left_out, row.first, row.decided_by_ties)
        for query, row in zip(labelled.queries, rows, strict=True)
    )
    return Quality(
        counting,
        definitions,
        queries,
        scores.spec,
        scores.scale,
        n_pairs=labelled.n_pairs,
        n_unjudged=counted.n_unjudged,
        n_unsure=counted.n_unsure,
        n_unscored=labelled.n_pairs - scores.n_scored,
    )


def _candidates(query: LabelledQuery, row: Sequence[float | None]) -> Candidates:
    grades = [UNJUDGED if grade is None else grade for grade in query.grades()]
    return Candidates(
        tuple(passage.id for passage in query.passages),
        np.array(grades, dtype=np.int64),
        np.array([np.nan if logit is None else logit for logit in row], dtype=np.float64),
    )
