"""Cosines: matrices, order, near-duplicates, background, map, precisions."""

import numpy as np
import pytest
from scipy import stats

from playground.analysis.background import percentiles_in, place_in_background, summary
from playground.analysis.precision_diff import precision_diff
from playground.analysis.projection import ALL_ALIKE, NEEDS_THREE, project
from playground.analysis.similarity import cosines, duplicate_threshold, near_duplicates, similarity_order
from playground.core.errors import InvalidInput
from playground.core.scales import COSINE
from tests.analysis.results import result_of

PLANTED = np.linspace(0.6, 0.8, 101)


def test_percentiles_stand_in_the_planted_background() -> None:
    """101 values from 0.600 to 0.800 in steps of 0.002; 83 of them lie below 0.765."""
    assert percentiles_in([0.5, 0.765, 0.9], PLANTED).tolist() == pytest.approx([0.0, 100 * 83 / 101, 100.0])
    assert percentiles_in(0.7, PLANTED) == pytest.approx(50.0)


def test_background_percentiles_are_those_of_scipy_with_ties() -> None:
    pool = np.round(np.random.default_rng(3).normal(0.72, 0.03, 400), 2)
    values = [0.6, 0.7, 0.72, 0.75, 0.9]
    expected = [stats.percentileofscore(pool, value, kind="mean") for value in values]
    assert percentiles_in(values, pool).tolist() == pytest.approx(expected)


def test_percentiles_keep_the_shape_of_a_matrix() -> None:
    assert percentiles_in(np.array([[0.7, 0.6], [0.8, 0.0]]), PLANTED).shape == (2, 2)


def test_a_cosine_beyond_every_unrelated_pair_says_so() -> None:
    assert [place_in_background(value, PLANTED).place for value in (0.59, 0.7, 0.81)] == ["below", "inside", "above"]
    assert place_in_background(0.8, PLANTED).percentile == pytest.approx(100 * 100.5 / 101)
    assert place_in_background(0.7, PLANTED).n_pairs == 101


def test_the_summary_is_that_of_the_planted_background() -> None:
    found = summary(PLANTED[::-1])
    assert (found.n_pairs, found.low, found.high) == (101, 0.6, 0.8)
    assert (found.p05, found.median, found.p95, found.p99) == pytest.approx((0.61, 0.7, 0.79, 0.798))


def test_too_few_pairs_and_numbers_that_are_no_cosines_are_no_background() -> None:
    with pytest.raises(InvalidInput, match="at least 20 unrelated pairs, not 3"):
        place_in_background(0.5, [0.1, 0.2, 0.3])
    with pytest.raises(InvalidInput, match="no cosine"):
        summary([0.5] * 30 + [np.nan])


def test_cosines_are_float32_with_ones_on_the_diagonal() -> None:
    matrix = cosines([[3.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    assert matrix.dtype == np.float32
    assert np.diag(matrix).tolist() == [1.0, 1.0, 1.0]
    assert matrix[0].tolist() == pytest.approx([1.0, 0.5**0.5, 0.0])
    assert cosines([[1.0, 0.0]], [[0.0, 1.0], [-1.0, 0.0]]).tolist() == [[0.0, -1.0]]


def test_a_vector_without_direction_is_named() -> None:
    with pytest.raises(InvalidInput, match="text 2 has no direction"):
        cosines([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(InvalidInput, match="text 1 has no direction"):
        cosines([[np.nan, 0.0]])
    with pytest.raises(InvalidInput, match="2 and 3 dimensions"):
        cosines([[1.0, 0.0]], [[1.0, 0.0, 0.0]])


def test_like_texts_stand_side_by_side() -> None:
    """Two bundles of directions, mixed; each must come out in one piece, along the arc."""
    angles = np.array([0.0, 90.0, 4.0, 94.0, 2.0, 92.0])
    matrix = cosines(np.column_stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))]))
    order = similarity_order(matrix)
    assert sorted(order[:3].tolist()) == [0, 2, 4]
    assert angles[order].tolist() == [0.0, 2.0, 4.0, 90.0, 92.0, 94.0]


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_or_equal_texts_keep_their_order(n: int) -> None:
    assert similarity_order(np.ones((n, n))).tolist() == list(range(n))


def test_three_hundred_texts_are_ordered_once_each() -> None:
    vectors = np.random.default_rng(0).normal(size=(301, 8))
    for n in (300, 301):
        assert sorted(similarity_order(cosines(vectors[:n])).tolist()) == list(range(n))


def test_near_duplicates_are_relative_to_the_background() -> None:
    """0.93 is a near-duplicate where unrelated texts lie at 0, and nothing special where they lie at 0.7."""
    matrix = np.array([[1.0, 0.93, 0.2], [0.93, 1.0, 0.98], [0.2, 0.98, 1.0]], dtype=np.float32)
    low = np.linspace(-0.1, 0.1, 101)
    assert duplicate_threshold(low) == pytest.approx(0.9)
    assert duplicate_threshold(PLANTED) == pytest.approx(0.97)
    assert [(pair.first, pair.second) for pair in near_duplicates(matrix, low)] == [(1, 2), (0, 1)]
    assert [(pair.first, pair.second, pair.percentile) for pair in near_duplicates(matrix, PLANTED)] == [(1, 2, 100.0)]


def test_equal_passages_are_near_duplicates_of_each_other() -> None:
    assert len(near_duplicates(np.ones((3, 3), np.float32), PLANTED)) == 3
    assert near_duplicates(np.ones((1, 1), np.float32), PLANTED) == ()


def test_the_map_has_the_explained_variance_and_a_fixed_sign() -> None:
    """Points on a cross: 4 times the variance along the first axis as along the second, none along the third."""
    vectors = np.array([[2.0, 0, 0], [-2, 0, 0], [0, 1, 0], [0, -1, 0]])
    found = project(vectors)
    assert found.explained == pytest.approx((0.8, 0.2))
    assert found.points == pytest.approx(vectors[:, :2])
    assert project(vectors.copy()).points.tolist() == found.points.tolist()


def test_the_map_keeps_distances_when_two_axes_are_enough() -> None:
    vectors = np.random.default_rng(1).normal(size=(9, 2)) @ np.random.default_rng(2).normal(size=(2, 16))
    points = project(vectors).points
    between = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    assert np.linalg.norm(points[:, None] - points[None], axis=2) == pytest.approx(between)


@pytest.mark.parametrize(("vectors", "reason"), [(np.eye(2), NEEDS_THREE), (np.ones((4, 3)), ALL_ALIKE)])
def test_too_little_for_a_map_says_so(vectors: np.ndarray, reason: str) -> None:
    found = project(vectors)
    assert (found.reason, found.points.shape) == (reason, (0, 2))


def test_precisions_differ_by_largest_and_mean_and_order() -> None:
    found = precision_diff(result_of([3.0, 2.0, 1.0, 0.0]), result_of([3.1, 0.9, 1.0, 0.0], precision="bf16"))
    assert (found.reference, found.other) == ("fp32", "bf16")
    assert (found.largest, found.mean) == (pytest.approx(1.1), pytest.approx(0.3))
    assert found.largest_at.text == "text 2"
    assert (found.n_moved, found.largest_move, found.n_reversed) == (2, 1, 1)
    assert (found.order_kept, found.top_kept) == (False, True)


def test_an_order_is_kept_when_only_the_numbers_change() -> None:
    found = precision_diff(result_of([3.0, 2.0, 1.0]), result_of([3.01, 2.0, 0.98]))
    assert (found.order_kept, found.n_moved, found.n_reversed) == (True, 0, 0)


def test_a_new_tie_is_a_changed_order_but_no_reversed_pair() -> None:
    found = precision_diff(result_of([3.0, 2.0, 1.0]), result_of([2.0, 2.0, 1.0]))
    assert (found.order_kept, found.n_moved, found.n_reversed, found.top_kept) == (False, 1, 0, False)


def test_one_passage_has_no_order_to_keep() -> None:
    found = precision_diff(result_of([3.0]), result_of([2.5]))
    assert (found.order_kept, found.largest) == (None, 0.5)


def test_two_models_cuts_or_queries_are_no_precision_diff() -> None:
    with pytest.raises(InvalidInput, match="two models"):
        precision_diff(result_of([1.0]), result_of([1.0], fingerprint="f2"))
    with pytest.raises(InvalidInput, match="two models"):
        precision_diff(result_of([1.0]), result_of([1.0], scale=COSINE))
    with pytest.raises(InvalidInput, match="cut texts differently"):
        precision_diff(result_of([1.0]), result_of([1.0], max_length=64))
    with pytest.raises(InvalidInput, match="different queries"):
        precision_diff(result_of([1.0]), result_of([1.0], query="other"))
