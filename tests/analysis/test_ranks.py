"""Passages side by side: alignment, names, disagreement, movement, percentiles."""

import numpy as np
import pytest
from scipy import stats

from playground.analysis import disagreement, movement
from playground.analysis.alignment import align
from playground.analysis.disagreement import disagreements
from playground.analysis.movement import movements
from playground.analysis.naming import names
from playground.analysis.percentiles import percentiles
from playground.core.errors import InvalidInput
from tests.analysis.results import result_of


def test_passages_meet_by_text_wherever_they_stand() -> None:
    one = result_of([3, 2, 1], texts=["a", "b", "c"])
    other = result_of([30, 20, 10], texts=["c", "x", "a"])

    aligned = align([one, other])

    assert [passage.text for passage in aligned.passages] == ["a", "c"]
    assert aligned.scores.tolist() == [[3, 1], [10, 30]]
    assert aligned.ranks.tolist() == [[1, 2], [2, 1]]
    assert aligned.n_left_out == 2


def test_copies_of_one_text_stay_apart() -> None:
    aligned = align([result_of([2, 2, 1], texts=["a", "a", "b"]), result_of([5, 1, 5], texts=["b", "a", "a"])])
    assert aligned.indexes == (0, 1, 2)
    assert aligned.scores.tolist() == [[2, 2, 1], [1, 5, 5]]
    assert aligned.tied.tolist() == [[True, True, False], [False, True, True]]


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no scored passage in common"):
        align([result_of([1], texts=["a"]), result_of([1], texts=["b"])])
    with pytest.raises(InvalidInput, match="nothing to compare yet"):
        align([])


def test_names_say_what_tells_models_apart() -> None:
    assert names([result_of([1], model_id="BAAI/bge"), result_of([1], model_id="other/mini")]) == ("bge", "mini")
    assert names([result_of([1], model_id="a/x"), result_of([1], model_id="b/x")]) == ("a/x", "b/x")


def test_an_embedder_and_a_reranker_of_one_id_are_told_apart() -> None:
    assert names([result_of([1]), result_of([1], kind="embedder")]) == ("one · reranker", "one · embedder")


def test_one_model_at_two_precisions_is_told_apart_and_a_copy_numbered() -> None:
    runs = [result_of([1]), result_of([1], precision="bf16"), result_of([1], precision="bf16")]
    assert names(runs) == ("one · fp32", "one · bf16 #1", "one · bf16 #2")


def test_the_passage_that_models_fight_over_comes_first() -> None:
    found = disagreements([result_of([4, 3, 2, 1]), result_of([3, 4, 1, 2]), result_of([1, 3, 2, 4])])

    assert [one.passage.text for one in found] == ["text 1", "text 4", "text 2", "text 3"]
    assert [one.ranks for one in found] == [(1, 2, 4), (4, 3, 1), (2, 1, 2), (3, 4, 3)]
    assert [one.spread for one in found] == [3, 3, 1, 1]


def test_a_model_that_scores_all_alike_has_no_opinion() -> None:
    found = disagreements([result_of([3, 2, 1]), result_of([3, 1, 2]), result_of([0, 0, 0])])
    assert [(one.passage.text, one.spread) for one in found] == [("text 2", 1), ("text 3", 1), ("text 1", 0)]
    assert found[0].tied == (False, False, True)


def test_one_model_disagrees_with_nobody() -> None:
    found = disagreements([result_of([1, 3])])
    assert [(one.passage.text, one.spread) for one in found] == [("text 2", None), ("text 1", None)]
    frame = disagreement.table(found, ["A"])
    assert frame.columns.tolist() == ["id", "passage", "spread", "rank · A"]
    assert frame["spread"].isna().all()


def test_movement_counts_places_climbed_and_fallen() -> None:
    found = movements(result_of([3, 2, 1, 0]), result_of([1, 3, 5, -1]))
    assert [(one.passage.text, one.rank, one.baseline_rank, one.places) for one in found] == [
        ("text 3", 1, 3, 2),
        ("text 2", 2, 2, 0),
        ("text 1", 3, 1, -2),
        ("text 4", 4, 4, 0),
    ]
    assert movement.table(found)["places"].tolist() == [2, 0, -2, 0]


def test_ties_move_by_their_shared_rank() -> None:
    found = movements(result_of([3, 2, 1]), result_of([5, 5, 1]))
    assert [(one.rank, one.places, one.tied) for one in found] == [(1, 0, True), (1, 1, True), (3, 0, False)]


def test_a_passage_that_only_one_run_has_pushes_nobody_down() -> None:
    found = movements(result_of([2, 1], texts=["a", "b"]), result_of([9, 2, 1], texts=["new", "a", "b"]))
    assert [(one.passage.text, one.places, one.index) for one in found] == [("a", 0, 1), ("b", 0, 2)]


def test_percentiles_are_midranks_within_the_run() -> None:
    scores = [0.1, 7.0, 3.0, 3.0, -9.0]
    expected = [stats.percentileofscore(scores, score, kind="mean") for score in scores]
    assert percentiles(scores).tolist() == pytest.approx(expected)
    assert percentiles(scores).tolist() == pytest.approx([30.0, 90.0, 60.0, 60.0, 10.0])


@pytest.mark.parametrize(("scores", "expected"), [([4.0], [50.0]), ([1.0, 1.0, 1.0], [50.0, 50.0, 50.0]), ([], [])])
def test_percentiles_of_one_or_equal_scores_are_the_middle(scores: list[float], expected: list[float]) -> None:
    assert percentiles(scores).tolist() == expected


def test_percentiles_do_not_see_the_scale() -> None:
    scores = np.array([0.3, -1.0, 2.0, 0.9])
    assert percentiles(scores).tolist() == percentiles(1000 * scores - 3).tolist()
