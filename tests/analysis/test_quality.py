"""Ranking metrics: against pytrec_eval and scikit-learn, over all orders of ties, and what leaves a query out."""

from __future__ import annotations

import math
import random
from itertools import permutations, product

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from playground.analysis import expected
from playground.analysis.definitions import COUNTINGS, Counting, defined
from playground.analysis.quality import measure
from playground.core.errors import InvalidInput
from playground.core.labels import LabelledSet
from tests.analysis.sets import scores_of, set_of

KEYS = ("map", "mrr@3", "ndcg@3", "p@3", "r@3", "hit@3")
UNTIED: tuple[Counting, ...] = ("expected", "trec_eval")


def by_hand(grades: list[int], k: int) -> dict[str, float]:
    """The metrics of one untied order, from their definitions."""
    relevant = [grade > 0 for grade in grades]
    places = [place for place, yes in enumerate(relevant, start=1) if yes]
    ideal = sorted(grades, reverse=True)[:k]

    def gained(row: list[int]) -> float:
        return sum(grade / math.log2(1 + place) for place, grade in enumerate(row[:k], start=1))

    found = sum(relevant[:k])
    return {
        "map": sum(n / place for n, place in enumerate(places, start=1)) / len(places),
        f"mrr@{k}": 1 / places[0] if places[0] <= k else 0.0,
        f"ndcg@{k}": gained(grades) / gained(ideal),
        f"p@{k}": found / k,
        f"r@{k}": found / len(places),
        f"hit@{k}": float(found > 0),
    }


def over_all_orders(grades: list[int], scores: list[int], k: int) -> dict[str, float]:
    """The mean of `by_hand` over every order of the tied passages."""
    groups = [[g for g, s in zip(grades, scores, strict=True) if s == level] for level in sorted(set(scores))[::-1]]
    orders = [
        by_hand([grade for group in order for grade in group], k)
        for order in product(*(list(permutations(group)) for group in groups))
    ]
    return {key: sum(order[key] for order in orders) / len(orders) for key in orders[0]}


TIED = [
    ([0, 0, 0, 1], [0, 0, 0, 0]),
    ([1, 1, 0, 0, 0, 0], [2, 1, 1, 1, 1, 0]),
    ([3, 0, 1, 2, 0], [5, 5, 5, 1, 1]),
    ([0, 2, 0, 1, 0, 1, 0], [3, 3, 2, 2, 2, 2, 1]),
    ([0, 0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]),
    ([1, 0], [1, 1]),
    ([1], [0]),
]


@pytest.mark.parametrize(("grades", "scores"), TIED)
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_the_expected_value_is_the_mean_over_all_orders_of_tied_passages(
    grades: list[int], scores: list[int], k: int
) -> None:
    quality = measure(set_of(grades), scores_of(scores), "expected", k=k)
    assert dict(quality.queries[0].values) == pytest.approx(over_all_orders(grades, scores, k))


def test_random_small_lists_have_the_mean_over_all_orders() -> None:
    draw = random.Random(0)
    for _ in range(60):
        n = draw.randint(2, 6)
        grades = [draw.choice([0, 0, 1, 2, 3]) for _ in range(n - 1)] + [1]
        scores = [draw.randint(0, 2) for _ in range(n)]
        quality = measure(set_of(grades), scores_of(scores), "expected", k=3)
        assert dict(quality.queries[0].values) == pytest.approx(over_all_orders(grades, scores, 3))


def random_set(n_queries: int = 30, seed: int = 0) -> tuple[LabelledSet, list[list[float]]]:
    """Graded lists with distinct scores."""
    draw = random.Random(seed)
    grades = [[draw.choice([0, 0, 0, 1, 2, 3]) for _ in range(draw.randint(3, 15))] + [1] for _ in range(n_queries)]
    return set_of(*grades), [[float(value) for value in draw.sample(range(1000), len(row))] for row in grades]


@pytest.mark.parametrize("counting", UNTIED)
def test_without_ties_the_figures_are_those_of_the_definitions(counting: Counting) -> None:
    labelled, scores = random_set()
    quality = measure(labelled, scores_of(*scores), counting, k=3)
    for query, row, found in zip(labelled.queries, scores, quality.queries, strict=True):
        order = np.argsort(-np.array(row))
        assert dict(found.values) == pytest.approx(by_hand([query.grades()[at] or 0 for at in order], 3))
        assert not found.decided_by_ties


def test_without_ties_mteb_counts_the_same_map_and_reciprocal_rank() -> None:
    labelled, scores = random_set()
    plain = measure(labelled, scores_of(*scores), "expected")
    for counting, key in (("mteb-v1", "map"), ("mteb-v2", "map@1000")):
        preset = measure(labelled, scores_of(*scores), counting)
        assert preset.mean(key) == pytest.approx(plain.mean("map"))
        assert preset.mean("mrr@10") == pytest.approx(plain.mean("mrr@10"))


@pytest.mark.parametrize("counting", UNTIED)
def test_ndcg_is_that_of_scikit_learn_whatever_counts_as_relevant(counting: Counting) -> None:
    labelled, scores = random_set()
    for relevant_from in (1, 2):
        quality = measure(labelled, scores_of(*scores), counting, k=5, relevant_from=relevant_from)
        for number in quality.counted:
            grades = [labelled.queries[number].grades()]
            assert quality.queries[number].values["ndcg@5"] == pytest.approx(ndcg_score(grades, [scores[number]], k=5))


def test_binary_metrics_ask_for_the_grade_that_counts_as_relevant() -> None:
    for counting in UNTIED:
        quality = measure(set_of([1, 3, 2, 0]), scores_of([4, 3, 2, 1]), counting, k=2, relevant_from=2)
        assert quality.mean("mrr@2") == pytest.approx(1 / 2)
        assert quality.mean("map") == pytest.approx((1 / 2 + 2 / 3) / 2)
        assert quality.mean("p@2") == pytest.approx(1 / 2)
        assert quality.mean("r@2") == pytest.approx(1 / 2)
        assert quality.mean("hit@2") == 1.0
        assert quality.queries[0].first == (2, 2)


def test_a_constant_scorer_gets_exactly_chance() -> None:
    """20 passages of which one is relevant: every place is as likely as any other."""
    quality = measure(set_of([1] + [0] * 19), scores_of([0.5] * 20), "expected", k=10)
    values = quality.queries[0].values
    assert values["p@10"] == pytest.approx(1 / 20)
    assert values["r@10"] == pytest.approx(10 / 20)
    assert values["hit@10"] == pytest.approx(10 / 20)
    assert values["map"] == pytest.approx(sum(1 / place for place in range(1, 21)) / 20)
    assert values["mrr@10"] == pytest.approx(sum(1 / place for place in range(1, 11)) / 20)
    assert values["ndcg@10"] == pytest.approx(sum(1 / math.log2(1 + place) for place in range(1, 11)) / 20)
    assert quality.queries[0].first == (1, 20)
    assert quality.queries[0].decided_by_ties


def test_the_place_of_the_relevant_passage_moves_a_constant_scorer_only_under_trec_eval() -> None:
    first, last = set_of([1, 0, 0]), set_of([0, 0, 1])
    flat = scores_of([0.0, 0.0, 0.0])
    # Ids 1, 2, 3: descending, so the last one is first.
    assert measure(first, flat, "trec_eval").mean("mrr@10") == pytest.approx(1 / 3)
    assert measure(last, flat, "trec_eval").mean("mrr@10") == 1.0
    assert (
        measure(first, flat).mean("mrr@10")
        == measure(last, flat).mean("mrr@10")
        == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    )


def test_trec_eval_breaks_ties_by_the_bytes_of_the_ids() -> None:
    ids = [["9", "10", "é", "\udc80"]]
    for number in range(4):
        grades = [int(place == number) for place in range(4)]
        quality = measure(set_of(grades, ids=ids), scores_of([0.0] * 4), "trec_eval")
        place = sorted(ids[0], key=lambda id: id.encode("utf-8", "surrogatepass"), reverse=True).index(ids[0][number])
        assert quality.queries[0].first == (place + 1, place + 1)


@pytest.mark.parametrize(("grades", "scores"), TIED[:-1])
def test_mteb_v1_is_scikit_learns_precision_and_lets_the_positive_win_its_tie(
    grades: list[int], scores: list[int]
) -> None:
    quality = measure(set_of(grades), scores_of(scores), "mteb-v1")
    relevant = np.array(grades) > 0
    assert quality.mean("map") == pytest.approx(average_precision_score(relevant, scores))
    order = sorted(range(len(grades)), key=lambda at: (-scores[at], not relevant[at]))
    assert quality.mean("mrr@10") == pytest.approx(1 / (1 + [relevant[at] for at in order].index(True)))


@pytest.mark.parametrize(("grades", "scores"), TIED[:-1])
def test_mteb_v2_lets_a_tie_cost_the_positive(grades: list[int], scores: list[int]) -> None:
    quality = measure(set_of(grades), scores_of(scores), "mteb-v2")
    order = sorted(range(len(grades)), key=lambda at: (-scores[at], grades[at] > 0))
    hand = by_hand([int(grades[at] > 0) for at in order], 10)
    assert dict(quality.queries[0].values) == pytest.approx(
        {"map@1000" if key == "map" else key: value for key, value in hand.items()}
    )


def test_mteb_lays_ties_differently_before_and_since_version_2() -> None:
    labelled, flat = set_of([1, 0, 0, 0]), scores_of([0.0] * 4)
    assert measure(labelled, flat, "mteb-v1").mean("mrr@10") == 1.0
    assert measure(labelled, flat, "mteb-v1").mean("map") == pytest.approx(1 / 4)
    assert measure(labelled, flat, "mteb-v2").mean("mrr@10") == pytest.approx(1 / 4)
    assert measure(labelled, flat, "mteb-v2").mean("map@1000") == pytest.approx(1 / 4)


@pytest.mark.parametrize("counting", COUNTINGS)
def test_what_leaves_a_query_out_is_counted_by_its_reason(counting: Counting) -> None:
    labelled = set_of([1, 0], [0, 0], [None, -1], [1, 1], [1, 0])
    quality = measure(labelled, scores_of([2, 1], [2, 1], [2, 1], [2, 1], [2, None]), counting)
    preset = counting.startswith("mteb")
    assert [query.left_out for query in quality.queries] == [
        None,
        "no-relevant",
        "unlabelled",
        "no-other" if preset else None,
        "incomplete",
    ]
    assert quality.counted == ((0,) if preset else (0, 3))
    assert (quality.n_unjudged, quality.n_unsure, quality.n_unscored) == (1, 1, 1)
    assert all(quality.mean(each.key) == 1.0 for each in quality.definitions if each.measure in ("map", "mrr", "ndcg"))


def test_a_passage_that_nobody_judged_is_not_relevant_or_taken_out_as_asked() -> None:
    labelled, scores = set_of([None, -1, 1, 0]), scores_of([4, 3, 2, 1])
    for counting in UNTIED:
        assert measure(labelled, scores, counting).mean("mrr@10") == pytest.approx(1 / 3)
        condensed = measure(labelled, scores, counting, judged_only=True)
        assert condensed.mean("mrr@10") == 1.0
        assert (condensed.n_unjudged, condensed.n_unsure) == (1, 1)
        assert {each.unjudged for each in condensed.definitions} == {"left-out"}
    assert measure(labelled, scores, "mteb-v2").mean("mrr@10") == 1.0


def test_an_unjudged_passage_without_a_score_is_no_hole_in_a_condensed_list() -> None:
    labelled, scores = set_of([None, 1, 0]), scores_of([None, 2, 1])
    assert measure(labelled, scores).left_out == {"incomplete": 1}
    assert measure(labelled, scores, judged_only=True).mean("map") == 1.0


@pytest.mark.parametrize("counting", COUNTINGS)
def test_a_passage_that_was_not_found_is_missed_and_not_zero(counting: Counting) -> None:
    labelled, scores = set_of([1, 1, 0]), scores_of([-1.0, None, -2.0])
    quality = measure(labelled, scores, counting, unscored="not-found")
    key = quality.definitions[0].key
    # Both MAPs divide by the two relevant passages; scikit-learn's still ranks the missing one, last.
    assert quality.mean(key) == pytest.approx((1 + 2 / 3) / 2 if counting == "mteb-v1" else 1 / 2)


@pytest.mark.parametrize("counting", UNTIED)
def test_a_query_without_any_score_is_zero_only_where_the_run_was_asked_for_it(counting: Counting) -> None:
    labelled, scores = set_of([1, 0]), scores_of([None, None])
    assert measure(labelled, scores, counting).mean("map") is None
    missed = measure(labelled, scores, counting, unscored="not-found")
    assert {missed.mean(key.key) for key in missed.definitions} == {0.0}
    assert missed.queries[0].first is None


def test_a_relevant_first_place_is_counted_with_and_without_ties() -> None:
    labelled = set_of([1, 0], [1, 0], [1, 0], [0, 0])
    quality = measure(labelled, scores_of([2, 1], [1, 1], [1, 2], [1, 2]))
    assert (quality.n_first, quality.n_tied_first, len(quality.counted), quality.n_decided_by_ties) == (1, 1, 3, 1)


def test_a_short_list_is_still_divided_by_k() -> None:
    for counting in UNTIED:
        assert measure(set_of([1, 0]), scores_of([2, 1]), counting, k=10).mean("p@10") == pytest.approx(1 / 10)


def test_a_score_that_is_no_number_is_named() -> None:
    with pytest.raises(InvalidInput, match="passage 2 for the query 'query 0' is nan"):
        measure(set_of([1, 0]), scores_of([1, math.nan]))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"counting": "best"}, "no way of counting called 'best'"),
        ({"k": 0}, "from 1 to 1000, not 0"),
        ({"relevant_from": 0}, "begins at grade 1, 2 or 3"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        defined(**settings)  # type: ignore[arg-type]


def test_every_definition_says_its_gain_its_ties_and_what_nobody_judged() -> None:
    said = {each.key: each.text for each in defined("trec_eval", k=5)}
    assert said["ndcg@5"] == (
        "Discounted gain over log2(1 + place), divided by that of the best possible order, first 5 places only. "
        "The gain is the grade itself (linear). Tied passages are ordered by id, descending, as trec_eval does. "
        "What nobody judged counts as not relevant."
    )
    assert "random order" in defined("expected")[0].text
    assert "relevant from grade 2 on" in defined("expected", relevant_from=2)[0].text
    assert "share one threshold" in defined("mteb-v1")[0].text
    assert "relevant one comes last" in defined("mteb-v2")[0].text


def test_the_groups_of_a_list_know_what_stands_before_them() -> None:
    """Two lists, of which the second has one passage that stands in no list."""
    list = np.array([0, 0, 0, 0, 1, 1])
    scores, gains = np.array([1.0, 3.0, 1.0, 2.0, 1.0, np.nan]), np.array([1.0, 0.0, 0.0, 2.0, 0.0, 3.0])
    tied = expected.tied_lists(list, scores, gains, gains > 0, 3)
    assert tied.list.tolist() == [0, 0, 0, 0, 1]
    assert tied.place.tolist() == [1, 2, 3, 4, 1]
    assert tied.start.tolist() == [0, 1, 2, 2, 0]
    assert tied.size.tolist() == [1, 1, 2, 2, 1]
    assert tied.n_relevant.tolist() == [0, 1, 1, 1, 0]
    assert tied.relevant_before.tolist() == [0, 0, 1, 1, 0]
    assert tied.gain.tolist() == [0.0, 2.0, 0.5, 0.5, 0.0]
    assert tied.total.tolist() == [2, 1, 0]
    assert tied.best_gain.tolist() == [2.0, 1.0, 0.0, 0.0, 3.0, 0.0]


def test_lists_measured_together_are_measured_as_if_alone() -> None:
    draw = random.Random(1)
    grades = [[draw.choice([0, 0, 1, 2]) for _ in range(draw.randint(1, 9))] + [1] for _ in range(40)]
    scores = [[float(draw.randint(0, 3)) for _ in row] for row in grades]
    for counting in ("expected", "mteb-v1"):
        together = measure(set_of(*grades), scores_of(*scores), counting, k=3)
        for number in together.counted:
            alone = measure(set_of(grades[number]), scores_of(scores[number]), counting, k=3).queries[0]
            assert dict(together.queries[number].values) == pytest.approx(dict(alone.values))
            assert together.queries[number].first == alone.first


def test_mteb_v1_is_scikit_learns_average_precision_on_many_ties() -> None:
    rng = np.random.default_rng(0)
    grades = [[1, 0, *rng.integers(0, 2, 18)] for _ in range(50)]
    scores = rng.integers(0, 6, (50, 20)).astype(float)
    found = measure(set_of(*grades), scores_of(*scores.tolist()), "mteb-v1").values("map")
    assert found == pytest.approx([average_precision_score(*pair) for pair in zip(grades, scores, strict=True)])
