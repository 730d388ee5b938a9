"""Depth sweeps and gains over planted runs: what comes out is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from playground.analysis.funnel import depths_up_to, gains, sweep
from playground.core.errors import InvalidInput
from playground.core.funnel import FirstStage, Found, FunnelQuery, FunnelRequest, FunnelResult, FunnelSet
from playground.core.scales import LOGIT
from playground.core.types import ModelChoice, ModelRun, ModelSpec, Passage, RerankRequest, RerankResult, ScoredPassage

CHOICE = ModelChoice("planted")
SPEC = ModelSpec("planted", None, "p", "reranker", "cross_encoder", "P", "cpu", "fp32", 512, "only_second", 1)


def planted(
    logits: Sequence[float], keep: int = 10, n_cached: int = 0, lengths: Sequence[int] | None = None
) -> FunnelResult:
    """The retriever brings p1, p2 ... in that order; the reranker gives them these logits, a second for each token."""
    passages = tuple(Passage(f"p{n}", f"text {n}") for n in range(1, len(logits) + 1))
    lengths = lengths or [1] * len(logits)
    order = sorted(range(len(logits)), key=lambda place: -logits[place])
    scored = tuple(
        ScoredPassage(passages[place], place, rank, False, logits[place], 0.5, lengths[place], 0, 6)
        for rank, place in enumerate(order, 1)
    )
    n_tokens = sum(lengths) + len(lengths)  # One token of the query in each pair.
    result = RerankResult(RerankRequest("q", passages), SPEC, LOGIT, scored, (), float(n_tokens), n_tokens, n_cached)
    found = tuple(Found(passage, n, -float(n)) for n, passage in enumerate(passages, 1))
    request = FunnelRequest("q", "c", "c", "bm25", len(logits), (CHOICE,), (keep,))
    return FunnelResult(request, FirstStage("bm25", "bm25", found, 0.5, 100, "f"), (ModelRun(CHOICE, result),))


def relevant_last(n: int, place: int) -> list[float]:
    """The reranker puts the passage at this place first and leaves the others as they are."""
    return [1.0 if at == place else -float(at) for at in range(1, n + 1)]


def asked(*grades: Mapping[str, int] | None) -> FunnelSet:
    return FunnelSet("set", tuple(FunnelQuery(f"q{n}", "q", each) for n, each in enumerate(grades)))


def test_the_depths_of_a_sweep_end_with_that_of_the_run() -> None:
    assert depths_up_to(60) == (5, 10, 20, 30, 50, 60)
    assert depths_up_to(3) == (3,)
    assert depths_up_to(1000)[-2:] == (750, 1000)


def test_quality_rises_where_the_relevant_passage_comes_into_reach_and_the_ceiling_with_it() -> None:
    results = [planted(relevant_last(60, 15)) for _ in range(8)] + [planted(relevant_last(60, 25)) for _ in range(2)]
    found = sweep(asked(*[{"p15": 1}] * 8, *[{"p25": 1}] * 2), results)
    assert found.depths == (5, 10, 20, 30, 50, 60)
    assert found.key == "ndcg@10"
    assert [round(each.mean, 6) for each in found.quality] == [0, 0, 0.8, 1, 1, 1]
    assert [round(each, 6) for each in found.ceiling] == [0, 0, 0.8, 1, 1, 1]
    assert found.first_stage is not None
    assert found.first_stage.mean == 0
    assert (found.enough, found.n_queries) == (30, 10)
    # Some draws of ten queries hold none of the two that need more than 20.
    assert (found.enough_low, found.enough_high) == (20, 30)


def test_what_the_retriever_never_brings_lowers_the_ceiling() -> None:
    found = sweep(asked({"p1": 1, "elsewhere": 1}), [planted(relevant_last(10, 1))])
    assert found.ceiling == (0.5, 0.5)
    assert (found.enough_low, found.enough_high) == (None, None)


def test_without_labels_the_top_of_the_deepest_run_is_the_measure() -> None:
    found = sweep(asked(None, None), [planted(relevant_last(20, 15), keep=2), planted(relevant_last(20, 1), keep=2)])
    assert found.key == "overlap"
    # The deepest run's first two: p15 and p1 of the one, p1 and p2 of the other.
    assert [each.mean for each in found.quality] == [0.75, 0.75, 1.0]
    assert (found.ceiling, found.first_stage, found.enough) == ((), None, 20)


def test_time_at_a_depth_is_its_share_of_the_tokens() -> None:
    lengths = [9] * 5 + [1] * 5
    found = sweep(asked(None), [planted(relevant_last(10, 1), lengths=lengths)])
    # 50 tokens of the first five pairs, 10 of the others, a second each; half a second to retrieve.
    assert [round(each, 6) for each in found.seconds] == [50.5, 60.5]
    assert found.n_timed == 1


def test_a_query_with_known_scores_says_nothing_of_time() -> None:
    found = sweep(asked(None, None), [planted([1.0, 2.0], n_cached=1), planted([1.0, 2.0])])
    assert (found.n_timed, found.n_queries) == (1, 2)
    assert sweep(asked(None), [planted([1.0, 2.0], n_cached=2)]).seconds == ()


def test_gains_lay_the_reranked_order_beside_the_retrievers_on_the_same_queries() -> None:
    results = [planted(relevant_last(20, place)) for place in (4, 2, 1)]
    found = gains(asked({"p4": 1}, {"p2": 1}, {"p2": 1}), results)
    assert [query.values["mrr@10"] for query in found.before.queries] == [0.25, 0.5, 0.5]
    assert [query.values["mrr@10"] for query in found.after.queries] == [1.0, 1.0, 0.5]
    difference = found.contest.differences[1, 0, "mrr@10"]
    assert (difference.wins, difference.ties, difference.losses) == (2, 1, 0)
    assert found.before.mean("r@20") == found.after.mean("r@20") == 1.0


def test_only_queries_that_ran_and_have_labels_count() -> None:
    found = gains(asked(None, {"p1": 1}, {"p1": 1}), [planted([2.0, 1.0])] * 2)
    assert [query.id for query in found.after.queries] == ["q1"]


def test_nothing_to_measure_is_said_in_a_sentence() -> None:
    with pytest.raises(InvalidInput, match="No query has run yet"):
        sweep(asked({"p1": 1}), [])
    with pytest.raises(InvalidInput, match="There are no labels to measure by"):
        gains(asked(None), [planted([1.0])])
    with pytest.raises(InvalidInput, match="None of these queries has a relevant passage"):
        sweep(asked({"p1": 0}), [planted([1.0])])
