"""Hard negatives: which ranks, which scores, which draw; and the rows that a trainer reads."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from playground.analysis.hard_negatives import Mining, labelled, mine
from playground.core.errors import InvalidInput
from playground.inputs import labelled_sets

# d1 is best; d2 and d5 are relevant, d7 was judged unsure.
RUN = {"q": {f"d{rank}": 10.0 - rank for rank in range(1, 11)}}
QRELS = {"q": {"d2": 1, "d5": 2, "d4": 0, "d7": -1}}


def found(mining: Mining, **more: object) -> tuple[str, ...]:
    negatives = mine(QRELS, RUN, mining, **more)  # type: ignore[arg-type]
    return negatives.queries[0].negatives if negatives.queries else ()


def test_negatives_are_the_best_ranks_of_the_range_without_what_is_relevant_or_unsure() -> None:
    assert found(Mining(n_negatives=3)) == ("d1", "d3", "d4")
    assert found(Mining(first=4, last=8)) == ("d4", "d6", "d8")
    negatives = mine(QRELS, RUN, Mining(first=2, last=7))
    assert negatives.kept_out == {"relevant": 2, "unsure": 1}
    assert (negatives.n_short, negatives.n_without_positive) == (1, 0)


def test_a_margin_holds_negatives_under_the_lowest_scored_positive() -> None:
    # The lowest positive is d5 with 5.0.
    assert found(Mining(absolute_margin=0.0)) == ("d6", "d8", "d9", "d10")
    assert found(Mining(absolute_margin=1.5)) == ("d8", "d9", "d10")
    assert found(Mining(relative_margin=0.5)) == ("d8", "d9", "d10")
    assert found(Mining(relative_margin=0.2, absolute_margin=3.0)) == ("d8", "d9", "d10")
    assert mine(QRELS, RUN, Mining(absolute_margin=1.5)).kept_out["margin"] == 4


def test_a_relative_margin_goes_down_from_a_score_below_zero() -> None:
    run = {"q": {"d2": -2.0, "near": -2.05, "far": -2.2}}
    assert mine({"q": {"d2": 1}}, run, Mining(relative_margin=0.05)).queries[0].negatives == ("far",)


def test_ranks_come_from_the_retriever_and_margins_from_the_reranker() -> None:
    scores = {"q": {"d2": 4.0, "d5": 1.0, "d1": 0.5, "d3": 3.0, "d6": 0.2}}
    negatives = mine(QRELS, RUN, Mining(last=6, absolute_margin=0.1), scores=scores)
    assert negatives.queries[0].negatives == ("d1", "d6")
    assert negatives.queries[0].lowest == 1.0
    assert negatives.kept_out == {"relevant": 2, "margin": 1, "unscored": 1}


def test_a_draw_is_the_same_for_the_same_seed_and_keeps_the_order_of_ranks() -> None:
    run = {f"q{n}": {f"d{rank}": -float(rank) for rank in range(100)} for n in range(3)}
    judged = {id: {"d0": 1} for id in run}
    mining = Mining(first=10, last=60, n_negatives=5, sampling="random", seed=4)
    first = mine(judged, run, mining)
    again = mine({id: judged[id] for id in ("q2", "q0")}, run, mining)
    assert [one for one in first.queries if one.query_id != "q1"][::-1] == list(again.queries)
    for one in first.queries:
        ranks = [int(id[1:]) for id in one.negatives]
        assert ranks == sorted(ranks)
        assert 9 <= min(ranks) <= max(ranks) < 60
    assert first.queries[0].negatives != mine(judged, run, replace(mining, seed=5)).queries[0].negatives


def test_a_passage_with_the_text_of_a_positive_is_no_negative() -> None:
    texts = {f"d{rank}": f"text {rank}" for rank in range(1, 11)} | {"d3": "text 2"}
    negatives = mine(QRELS, RUN, Mining(last=4), texts=texts)
    assert negatives.queries[0].negatives == ("d1", "d4")
    assert negatives.kept_out["same-text"] == 1


def test_queries_without_positive_score_or_negative_are_counted() -> None:
    judged = {"none": {"d1": 0}, "missed": {"far": 1}, "short": {"d1": 1}}
    run = {"none": {"d1": 1.0}, "missed": {"d1": 1.0}, "short": {"d1": 1.0}}
    negatives = mine(judged, run, Mining(absolute_margin=0.0))
    assert negatives.queries == ()
    counts = negatives.n_without_positive, negatives.n_unscored_positive, negatives.n_without_negative
    assert counts == (1, 1, 1)


def test_the_rows_are_those_that_flagembedding_trains_on() -> None:
    texts = {f"d{rank}": f"text {rank}" for rank in range(1, 11)}
    made = labelled(mine(QRELS, RUN, Mining(n_negatives=2)), {"q": "the query"}, texts, "mined")
    (line,) = labelled_sets.write(made, "flagembedding")["flagembedding.jsonl"].splitlines()
    assert json.loads(line) == {"query": "the query", "pos": ["text 2", "text 5"], "neg": ["text 1", "text 3"]}


@pytest.mark.parametrize(
    ("mining", "sentence"),
    [
        (Mining(first=0), "a range of ranks such as 10 to 200, not 0 to 100"),
        (Mining(first=9, last=8), "not 9 to 8"),
        (Mining(n_negatives=0), "at least one negative"),
        (Mining(relative_margin=-0.1), "from 0 up, not -0.1"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(mining: Mining, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        mine(QRELS, RUN, mining)
