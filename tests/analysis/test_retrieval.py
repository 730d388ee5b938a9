"""Runs against qrels: the figures of ir-measures, of hand-made lists, and what counts where something is missing."""

from __future__ import annotations

import math
import random

import ir_measures
import pytest
from ir_measures import AP, RR, R, nDCG

from playground.analysis.paired import compare
from playground.analysis.retrieval import cut, measure, ordered
from playground.core.errors import InvalidInput
from tests.analysis.test_trec import qrels, run

QRELS = {"a": {"1": 2, "2": 1, "3": 0}, "b": {"4": 1, "5": 1}}
RUN = {"a": {"3": 3.0, "1": 2.0, "9": 1.0}, "b": {"4": 0.9, "6": 0.5}}


def drawn(n_queries: int = 40, seed: int = 3) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """Graded qrels and a run that misses some of what is relevant and answers not every query."""
    rng = random.Random(seed)
    judged = {f"q{n}": {f"d{rng.randrange(200)}": rng.choice([0, 1, 1, 2]) for _ in range(9)} for n in range(n_queries)}
    for row in judged.values():
        row["d0"] = 1
    found = {q: {f"d{rng.randrange(200)}": rng.gauss(0, 1) for _ in range(60)} for q in [*judged][:-3]}
    return judged, found


def test_figures_of_a_small_run_are_those_computed_by_hand() -> None:
    found = measure(QRELS, RUN, recall_at=(1, 100))
    a, b = (query.values for query in found.queries)
    assert a["map"] == pytest.approx(1 / 2 / 2)
    assert a["mrr@10"] == 0.5
    assert a["ndcg@10"] == pytest.approx((2 / math.log2(3)) / (2 + 1 / math.log2(3)))
    assert (a["r@10"], a["r@1"], a["r@100"]) == (0.5, 0.0, 0.5)
    assert (b["map"], b["mrr@10"], b["r@1"]) == (0.5, 1.0, 0.5)
    assert found.mean("map") == pytest.approx(0.375)


def test_every_figure_is_that_of_ir_measures_on_a_large_run() -> None:
    judged, found = drawn()
    ours = measure(judged, found, recall_at=(5, 50))
    names = {AP: "map", RR @ 10: "mrr@10", nDCG @ 10: "ndcg@10", R @ 10: "r@10", R @ 5: "r@5", R @ 50: "r@50"}
    values = {id: query.values for id, query in zip(judged, ours.queries, strict=True)}
    for metric in ir_measures.iter_calc([*names], judged, found):
        assert values[metric.query_id][names[metric.measure]] == pytest.approx(metric.value, abs=1e-9)
    # It too takes a judged query without an answer for 0.
    for metric, value in ir_measures.calc_aggregate([*names], judged, found).items():
        assert ours.mean(names[metric]) == pytest.approx(value, abs=1e-9)
    assert ours.n_unanswered == 3


def test_tied_scores_fall_as_trec_eval_lets_them_fall_or_in_expectation() -> None:
    judged, tied = {"q": {"a": 1, "b": 0}}, {"q": {"a": 1.0, "b": 1.0}}
    assert measure(judged, tied).mean("mrr@10") == 0.5
    assert measure(judged, tied, "expected").mean("mrr@10") == 0.75
    assert measure(judged, tied, "mteb-v1").mean("mrr@10") == 1.0
    assert ordered(tied["q"]) == ["b", "a"]


def test_a_query_without_relevant_passages_is_left_out_and_unknown_queries_are_counted() -> None:
    found = measure({"a": {"1": 1}, "none": {"1": 0}, "unsure": {"1": -1}}, {"a": {"1": 1.0}, "other": {"1": 1.0}})
    assert found.counted == (0,)
    assert found.left_out == {"no-relevant": 1, "unlabelled": 1}
    assert (found.n_unanswered, found.n_unknown) == (2, 1)
    assert [query.id for query in found.queries] == ["a", "none", "unsure"]


def test_a_cut_run_is_what_trec_eval_would_keep_and_bounds_recall() -> None:
    judged, found = qrels(), run()
    deep = measure(judged, found, k=1000, recall_at=(20,))
    short = measure(judged, cut(found, 20), k=1000, recall_at=(20,))
    assert {len(scores) for scores in cut(found, 20).values()} == {20}
    assert short.values("r@1000").tolist() == deep.values("r@20").tolist() == short.values("r@20").tolist()


def test_runs_are_compared_on_the_same_queries_with_intervals() -> None:
    judged, found = drawn()
    better = {id: {**scores, "d0": 9.0} for id, scores in found.items()}
    contest = compare([measure(judged, found), measure(judged, better)])
    difference = contest.differences[1, 0, "mrr@10"]
    assert difference.verdict == "better"
    assert difference.estimate.low > 0
    assert contest.estimates[1]["mrr@10"].low < contest.estimates[1]["mrr@10"].mean
    assert len(contest.queries) == 40


def test_a_score_that_is_no_number_is_refused_with_its_passage() -> None:
    with pytest.raises(InvalidInput, match="score of passage 7 for the query 'q' is nan"):
        measure({"q": {"1": 1}}, {"q": {"7": math.nan}})
    with pytest.raises(InvalidInput, match="depth of 1 or more, not 0"):
        measure(QRELS, RUN, recall_at=(0,))
