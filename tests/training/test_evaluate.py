import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from playground.core.errors import InvalidInput
from playground.training import card, report
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


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built-in models' folders, so that cards can be written."""
    copy = tmp_path / "models"
    shutil.copytree(report.BUILT_IN_MODELS, copy)
    monkeypatch.setattr(report, "BUILT_IN_MODELS", copy)
    return copy


def test_a_run_of_one_contestant_keeps_the_figures_of_the_others(shipped: Path) -> None:
    path = shipped / "mini-reranker" / card.FIGURES
    stored = json.loads(path.read_text())
    new = {"mrr@10": 0.5, "ndcg@10": 0.5, "ap": 0.5}
    report.write_cards(stored | {"figures": {name: {"Mini reranker": new} for name in stored["figures"]}})
    written = json.loads(path.read_text())["figures"]["dev"]
    assert written["Mini reranker"] == new
    assert written["BM25"] == stored["figures"]["dev"]["BM25"]
    assert list(written) == list(stored["figures"]["dev"])
    assert "| Mini reranker | 0.500 | 0.500 | 0.500 |" in (shipped / "mini-embedder" / "README.md").read_text()


def test_figures_of_other_rows_do_not_stand_beside_the_stored_ones(shipped: Path) -> None:
    stored = json.loads((shipped / "mini-reranker" / card.FIGURES).read_text())
    one = {name: {"Mini reranker": dict.fromkeys(("mrr@10", "ndcg@10", "ap"), 0.5)} for name in stored["figures"]}
    with pytest.raises(InvalidInput, match="of other rows"):
        report.write_cards(stored | {"figures": one, "sets": {}})


def test_an_unknown_contestant_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no Large reranker on the cards"):
        report.evaluate_built_ins(tmp_path, tmp_path, "", only=["Large reranker"])
