"""When no passage is good enough."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from playground.analysis.abstention import abstention
from playground.analysis.curves import NO_PAIRS
from tests.analysis.planted import drawn, pairs

ROWS = st.lists(st.tuples(st.integers(-3, 3).map(float), st.booleans(), st.integers(0, 6)), max_size=30)


def test_the_curve_counts_queries_by_their_top_score() -> None:
    # Tops: query 0 is 5 (relevant), 1 is 3 (wrong, but it has a relevant one), 2 is 2 (none), 3 is 0 (none).
    judged = pairs(
        [5.0, 1.0, 3.0, 2.5, 2.0, 1.0, 0.0],
        [1, 0, 0, 1, 0, 0, 0],
        [0, 0, 1, 1, 2, 2, 3],
    )
    found = abstention(judged, n_resamples=50)
    assert (found.n_queries, found.n_with, found.n_without) == (4, 2, 2)
    assert found.threshold.tolist() == [-math.inf, 1.0, 2.5, 4.0]
    assert found.answered.tolist() == [1.0, 0.75, 0.5, 0.25]
    assert found.with_relevant.tolist() == pytest.approx([0.5, 2 / 3, 1.0, 1.0])
    assert found.top_relevant.tolist() == pytest.approx([0.25, 1 / 3, 0.5, 1.0])
    assert found.auc.value == 1.0
    assert found.warnings == ("Only 2 of 4 queries are of the rarer kind, so the curve says little.",)


def test_the_area_is_scikit_learns_over_queries() -> None:
    rng = np.random.default_rng(5)
    judged = drawn(60, 1, 5, apart=2.0, seed=5, places=1)
    keep = rng.random(60)[judged.query] < 0.6
    judged = pairs(judged.score.tolist(), (judged.relevant & keep).tolist(), judged.query.tolist())
    found = abstention(judged)
    has = [judged.relevant[judged.query == one].any() for one in range(60)]
    top = [judged.score[judged.query == one].max() for one in range(60)]
    assert found.auc.value == pytest.approx(metrics.roc_auc_score(has, top))
    assert found.auc.low is not None
    assert found.auc.high is not None
    assert found.auc.low < (found.auc.value or 0.0) < found.auc.high
    for place, threshold in enumerate(found.threshold):
        answered = np.array(top) >= threshold
        assert found.answered[place] == pytest.approx(answered.mean())
        assert found.with_relevant[place] == pytest.approx(np.array(has)[answered].mean())


def test_passages_tied_at_the_top_share_it() -> None:
    judged = pairs([2.0, 2.0, 2.0, 1.0], [1, 0, 0, 0], [0, 0, 0, 1])
    found = abstention(judged)
    assert found.top_relevant.tolist() == pytest.approx([1 / 6, 1 / 3])


@pytest.mark.parametrize(
    ("relevant", "reason"),
    [
        (
            [1, 0, 1, 0],
            "All queries (2) have a relevant passage. Label some queries for which no passage is relevant.",
        ),
        ([0, 0, 0, 0], "None of the 2 queries has a relevant passage. Label some that have."),
    ],
)
def test_queries_of_one_kind_give_a_reason(relevant: list[int], reason: str) -> None:
    found = abstention(pairs([4.0, 3.0, 2.0, 1.0], relevant, [0, 0, 1, 1]))
    assert found.reason == found.auc.reason == reason
    assert found.auc.value is None
    assert len(found.threshold) == len(found.answered) == 0
    assert abstention(pairs([], [])).reason == NO_PAIRS


def test_passages_that_do_not_count_are_said() -> None:
    judged = pairs([1.0, 0.0] * 6, [1, 0] * 6, list(range(12)), n_unjudged=3, n_unsure=1)
    assert abstention(judged, n_resamples=20).warnings == (
        "4 passages without a label or a score do not count here; the true top of a query may be among them.",
    )


@settings(max_examples=80, deadline=None)
@given(rows=ROWS)
def test_no_input_makes_an_exception_or_a_nan(rows: list[tuple[float, bool, int]]) -> None:
    found = abstention(pairs([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]), 20)
    assert (found.auc.value is None) == bool(found.reason)
    for curve in (found.answered, found.with_relevant, found.top_relevant):
        assert len(curve) == len(found.threshold)
        assert np.all((curve >= 0) & (curve <= 1))
    assert np.all(found.top_relevant <= found.with_relevant + 1e-12)


def test_a_hundred_thousand_queries_have_a_curve() -> None:
    judged = drawn(50_000, 1, 1)
    judged = pairs(judged.score.tolist(), (judged.relevant & (judged.query % 2 == 0)).tolist(), judged.query.tolist())
    found = abstention(judged, n_resamples=20)
    assert (found.n_with, found.n_without) == (25_000, 25_000)
