import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from playground.training.evaluate import figures_of, split
from playground.training.report import bm25_scores, sample
from playground.training.rows import Row

ROW = Row("q", ("p",), ("n", "m"))


def test_figures_of_a_worked_example() -> None:
    figures = figures_of([ROW, ROW], [np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 0.0])])
    assert figures["mrr@10"] == pytest.approx((1 + 1 / 2) / 2)
    assert figures["ndcg@10"] == pytest.approx((1 + 1 / math.log2(3)) / 2)
    # Pooled: 3.0 relevant, 2.0 twice (ties share a threshold), then 1.0 relevant beside 1.0.
    assert figures["ap"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 5)


def test_ndcg_agrees_with_scikit_learn_on_distinct_scores() -> None:
    rng = np.random.default_rng(0)
    rows = [Row("q", ("a", "b"), tuple("cdefghijklmn")) for _ in range(5)]
    scores = [rng.permutation(14).astype(float) for _ in rows]
    labels = np.array([[1, 1] + [0] * 12] * 5)
    assert figures_of(rows, scores)["ndcg@10"] == pytest.approx(ndcg_score(labels, np.array(scores), k=10))


def test_a_constant_scorer_gains_nothing_from_its_ties() -> None:
    assert figures_of([ROW], [np.zeros(3)])["mrr@10"] == pytest.approx(1 / 3)


def test_flat_scores_go_back_to_their_rows() -> None:
    parts = split(np.arange(5.0), [ROW, Row("q", ("p",), ("n",))])
    assert [list(part) for part in parts] == [[0.0, 1.0, 2.0], [3.0, 4.0]]


def test_a_sample_is_capped_per_question_pattern() -> None:
    rows = [Row(f"what is the {i}", ("p",), ("n",)) for i in range(50)] + [
        Row(f"how to x{i} y", ("p",), ("n",)) for i in range(5)
    ]
    picked = sample(rows, 12, 10)
    assert len(picked) == 12
    assert sum(row.query.startswith("what is the") for row in picked) == 10
    assert picked == sample(rows, 12, 10)


def test_bm25_ranks_by_words_and_gives_zero_without_any() -> None:
    rows = [Row("panda food", ("the panda eats food",), ("a train", "panda")), Row("zzz", ("a",), ("b",))]
    scores = bm25_scores(rows)
    assert scores[0][0] > scores[0][2] > scores[0][1] == 0
    assert list(scores[1]) == [0.0, 0.0]
