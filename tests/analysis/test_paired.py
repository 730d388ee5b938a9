"""Differences between models: planted ones are found, chance is not called a difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from playground import tables
from playground.analysis.paired import LEAST_QUERIES, compare, resampled_means
from playground.analysis.quality import Quality, measure
from playground.core.errors import InvalidInput
from tests.analysis.sets import scores_of, set_of


def model(places: list[int | None], n: int = 6) -> Quality:
    """A model that puts the only relevant passage of each query at this place; None has no score for one passage."""
    grades = [[1] + [0] * (n - 1) for _ in places]
    rows: list[list[float | None]] = []
    for place in places:
        others: list[float | None] = [float(n - at) for at in range(1, n + 1) if at != (place or 1)]
        rows.append([float(n - (place or 1)), *others] if place else [None, *others])
    return measure(set_of(*grades), scores_of(*rows), k=3)


def test_a_better_model_is_called_better_and_best() -> None:
    good, bad = model([1] * 18 + [2, 2]), model([3] * 10 + [2] * 8 + [1, 1])
    contest = compare([bad, good])
    gained = contest.differences[1, 0, "mrr@3"]
    assert gained.verdict == "better"
    assert contest.differences[0, 1, "mrr@3"].verdict == "worse"
    assert (gained.wins, gained.ties, gained.losses) == (18, 0, 2)
    assert gained.estimate.mean == pytest.approx((18 + 1) / 20 - (10 / 3 + 4 + 2) / 20)
    assert gained.estimate.low < gained.estimate.mean < gained.estimate.high
    assert contest.best("mrr@3") == 1
    assert contest.estimates[1]["mrr@3"].mean == pytest.approx(0.95)


def test_a_difference_that_chance_can_make_is_unclear() -> None:
    contest = compare([model([1, 2] * 10), model([2, 1] * 9 + [1, 1])])
    assert contest.differences[0, 1, "mrr@3"].verdict == "unclear"
    assert contest.best("mrr@3") is None


def test_equal_models_are_the_same_and_few_queries_are_too_few() -> None:
    assert compare([model([1, 2] * 10)] * 2).differences[0, 1, "map"].verdict == "same"
    few = LEAST_QUERIES - 1
    assert compare([model([1] * few), model([4] * few)]).differences[0, 1, "map"].verdict == "too-few"
    assert compare([model([1] * (few + 1)), model([4] * (few + 1))]).differences[0, 1, "map"].verdict == "better"


def test_only_queries_that_count_for_all_models_are_compared() -> None:
    contest = compare([model([1] * 12), model([None, None, *[2] * 10])])
    assert contest.queries == tuple(range(2, 12))
    assert contest.estimates[0]["mrr@3"].mean == 1.0
    assert contest.differences[0, 1, "mrr@3"].wins == 10


def test_models_without_a_shared_query_have_no_differences() -> None:
    contest = compare([model([1, None]), model([None, 1])])
    assert contest.queries == ()
    assert contest.differences == {}
    assert contest.best("map") is None


def test_one_model_has_intervals_and_is_not_the_best_of_one() -> None:
    contest = compare([model([1, 2] * 10)])
    assert contest.estimates[0]["mrr@3"].mean == pytest.approx(0.75)
    assert contest.estimates[0]["mrr@3"].low > 0.6
    assert contest.best("mrr@3") is None


def test_an_interval_is_the_same_each_time_and_near_students() -> None:
    rng = np.random.default_rng(3)
    places = [int(place) for place in rng.integers(1, 4, 30)]
    first, again = (compare([model(places)]).estimates[0]["mrr@3"] for _ in range(2))
    assert first == again
    values = 1 / np.array(places)
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert (first.low, first.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_resampled_means_have_the_mean_and_spread_of_the_bootstrap() -> None:
    values = np.arange(50.0).reshape(25, 2)
    means = resampled_means(values, 4000, seed=0)
    assert means.shape == (4000, 2)
    assert means.mean(axis=0) == pytest.approx(values.mean(axis=0), abs=0.2)
    assert means.std(axis=0) == pytest.approx(values.std(axis=0) / 5, rel=0.05)
    # The same draws for both columns, which differ by 1 everywhere.
    assert np.allclose(means[:, 1] - means[:, 0], 1.0)


def test_equal_models_are_seldom_told_apart() -> None:
    """Planted data without a difference: the 95 % interval leaves out 0 in about one trial of twenty."""
    rng = np.random.default_rng(0)
    reciprocal = np.array([1, 1, 1, 1, 1, 1, 1 / 2, 1 / 2, 1 / 3])
    place_of = {value: round(1 / value) for value in reciprocal}
    alarms = 0
    for trial in range(100):
        first, second = (rng.choice(reciprocal, 20) for _ in range(2))
        models = [model([place_of[value] for value in row]) for row in (first, second)]
        verdict = compare(models, n_resamples=500, seed=trial).differences[0, 1, "mrr@3"].verdict
        alarms += verdict in ("better", "worse")
    assert alarms <= 11


def test_figures_of_other_sets_or_rules_are_not_compared() -> None:
    labelled, scores = set_of([1, 0]), scores_of([2.0, 1.0])
    one = measure(labelled, scores)
    for other in (measure(labelled, scores, "trec_eval"), measure(set_of([1, 0], [1, 0]), scores_of([2, 1], [2, 1]))):
        with pytest.raises(InvalidInput, match="different"):
            compare([one, other])
    with pytest.raises(InvalidInput, match="no model"):
        compare([])


def test_queries_that_are_all_alike_still_leave_room_for_others() -> None:
    """Of 20 queries that all have 1, an exact binomial allows for 16.8 % that have not."""
    contest = compare([model([1] * 20), model([1] * 20)])
    alike = contest.estimates[0]["hit@3"]
    assert (alike.mean, alike.low, alike.high) == (1.0, pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert not alike.spread
    assert compare([model([1] * 19 + [2])]).estimates[0]["mrr@3"].spread
    same = contest.differences[0, 1, "hit@3"].estimate
    assert (same.mean, same.low, same.high) == (0.0, pytest.approx(-0.1684, abs=1e-4), 0.0)


def test_the_table_holds_every_figure_with_its_interval_and_difference() -> None:
    labelled = set_of(*[[1, 0, 0]] * 12)
    scores = {"good": scores_of(*[[3, 2, 1]] * 12), "bad": scores_of(*[[1, 2, 3]] * 11, [1, 2, None])}
    table = tables.quality(labelled, scores, k=2, baseline="bad").set_index(["model", "metric"])
    good, bad = table.loc[("good", "mrr@2")], table.loc[("bad", "mrr@2")]
    assert (good.value, bad.value, good.difference, good.verdict) == (1.0, 0.0, 1.0, "better")
    assert (good.n_queries, good.n_counted, bad.n_counted, bad.n_left_out, bad.n_unscored) == (11, 12, 11, 1, 1)
    assert (good.wins, good.ties, good.losses) == (11, 0, 0)
    # All questions have 1.0: no bounds of the value, though the difference has some.
    assert good[["low", "high"]].isna().all()
    assert 0 < good.difference_low <= 1 == good.difference_high
    assert bad[["difference", "verdict", "wins"]].isna().all()
    assert "random order" in good.definition
    with pytest.raises(InvalidInput, match="No model here is called 'best'"):
        tables.quality(labelled, scores, baseline="best")


def test_a_table_without_a_shared_query_has_no_values() -> None:
    scores = {"one": scores_of([1, None], [1, 2]), "other": scores_of([2, 1], [None, 2])}
    table = tables.quality(set_of([1, 0], [1, 0]), scores)
    assert table["value"].isna().all()
    assert set(table["n_queries"]) == {0}


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([1, 2, 3])), min_size=2, max_size=25))
def test_a_difference_never_reaches_past_what_a_figure_can_be(places: list[tuple[int, int]]) -> None:
    contest = compare([model([one for one, _ in places]), model([other for _, other in places])], n_resamples=200)
    for (one, other, key), found in contest.differences.items():
        beside = contest.estimates[other][key].mean
        assert -1e-9 <= beside + found.estimate.low <= beside + found.estimate.mean + 1e-9, (one, key)
        assert beside + found.estimate.mean <= beside + found.estimate.high + 1e-9 <= 1 + 2e-9


def test_of_several_models_only_what_stands_by_holms_rule_is_called_better() -> None:
    rng = np.random.default_rng(5)
    first = [1] * 40
    # Ahead on a few queries: enough for two models, too few among seven.
    slightly = [2 if place < 6 else 1 for place in range(40)]
    alone = compare([model(first), model(slightly)]).differences[0, 1, "mrr@3"]
    assert (alone.verdict, alone.estimate.low > 0) == ("better", True)
    crowd = [model(first), model(slightly), *(model(list(rng.integers(1, 4, 40))) for _ in range(5))]
    among = compare(crowd).differences
    assert among[0, 1, "mrr@3"].estimate == alone.estimate
    assert {among[0, other, "mrr@3"].verdict for other in range(2, 7)} == {"better"}
    assert among[0, 1, "mrr@3"].verdict == "unclear"
    noise = {among[one, other, "mrr@3"].verdict for one in range(2, 7) for other in range(2, 7) if one != other}
    assert noise == {"unclear"}
