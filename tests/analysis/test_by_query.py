"""One threshold beside one for each query, and the drift of the level."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from playground.analysis.by_query import QueryCut, by_query, spread
from playground.analysis.curves import NO_PAIRS, NONE_RELEVANT, confusion
from playground.analysis.judged import Judged
from playground.analysis.thresholds import suggest
from playground.analysis.unseen import ONE_QUERY, subset
from tests.analysis.planted import drawn, pairs

ROWS = st.lists(
    st.tuples(st.integers(-3, 3).map(lambda n: n / 2), st.booleans(), st.integers(0, 3)), min_size=1, max_size=14
)


def of(rows: list[tuple[float, bool, int]]) -> Judged:
    return pairs([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def test_each_query_has_the_interval_of_its_best_cuts() -> None:
    judged = pairs(
        [3.0, 2.0, 2.0, 1.0, 5.0, 9.0, 8.0],
        [1, 0, 1, 0, 0, 1, 1],
        [0, 0, 0, 0, 1, 4, 4],
    )
    found = by_query(judged, threshold=1.5)
    assert found.queries == (
        QueryCut(0, 2, 2, low=1.0, high=2.0, f1=0.8, n_errors=1, median_relevant=2.5, median_not=1.5, holds=True),
        QueryCut(1, 0, 1, 5.0, math.inf, None, 0, None, 5.0, holds=False),
        QueryCut(4, 2, 0, -math.inf, 8.0, 1.0, 0, 8.5, None, holds=True),
    )
    assert found.n_hold == 2
    assert found.pooled is not None
    assert found.oracle is not None
    assert (found.pooled.tp, found.pooled.fp) == (4, 2)
    assert (found.oracle.tp, found.oracle.fp, found.oracle.fn, found.oracle.tn) == (4, 1, 0, 2)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS)
def test_intervals_and_oracle_are_those_of_every_combination_tried(rows: list[tuple[float, bool, int]]) -> None:
    judged = of(rows)
    found = by_query(judged)
    if judged.n_relevant in (0, len(judged)):
        assert found.reason
        assert found.pooled is None
        return
    each = []
    for one in found.queries:
        own = subset(judged, judged.query == one.query)
        cuts = [confusion(own, threshold) for threshold in [*sorted(set(own.score.tolist())), math.inf]]
        best = max((round(cut.f1 or 0.0, 12), -cut.n_errors) for cut in cuts)
        inside = confusion(own, min(one.high, 1e9))
        assert (round(inside.f1 or 0.0, 12), -inside.n_errors) == best
        # Open below: at the lower end another pair is kept.
        if math.isfinite(one.low):
            assert confusion(own, one.low).n_kept > inside.n_kept
        assert one.low < one.high
        each.append(cuts)
    top = max(
        2 * sum(cut.tp for cut in chosen) / (sum(cut.n_kept for cut in chosen) + judged.n_relevant)
        for chosen in itertools.product(*each)
    )
    assert found.oracle is not None
    assert found.pooled is not None
    assert found.oracle.f1 == pytest.approx(top)
    assert (found.oracle.f1 or 0.0) >= (found.pooled.f1 or 0.0) - 1e-12
    assert found.oracle.tp + found.oracle.fn == judged.n_relevant


def test_the_common_threshold_is_the_best_f1_unless_given() -> None:
    judged = drawn(20, 2, 6)
    chosen = suggest(judged, "f-beta", 1.0)
    found = by_query(judged)
    assert found.threshold == chosen.value
    assert found.pooled is not None
    assert found.pooled.f1 == chosen.f_beta
    given = by_query(judged, threshold=-math.inf)
    assert given.pooled is not None
    assert given.pooled.recall == 1.0


def test_a_level_that_was_planted_to_drift_is_found() -> None:
    """Spread 1 within and 1.5 between queries: 1.5^2 / (1 + 1.5^2) = 69 % of the variance is between."""
    found = by_query(drawn(200, 3, 9, drift=1.5))
    assert found.drifts is True
    for one in (found.relevant, found.not_relevant):
        assert one.share == pytest.approx(2.25 / 3.25, abs=0.08)
        assert one.p is not None
        assert one.p < 1e-10
    assert found.together.r is not None
    assert found.together.r > 0.8
    assert "drifts by query" in found.sentences[-1]
    assert found.pooled is not None
    assert found.oracle is not None
    assert (found.oracle.f1 or 0.0) - (found.pooled.f1 or 0.0) > 0.2


def test_harder_queries_alone_are_no_drift() -> None:
    found = by_query(drawn(60, 3, 9, hard=1.5))
    assert found.drifts is False
    assert "some queries are harder" in found.sentences[-1]


def test_without_drift_it_is_hardly_ever_said() -> None:
    said = [by_query(drawn(30, 2, 6, seed=seed)).drifts for seed in range(100)]
    assert said.count(True) <= 2


def test_the_share_is_the_intraclass_correlation_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(3)
    groups = [rng.normal(rng.normal(), 1.0, size=4) for _ in range(12)]
    found = spread(np.concatenate(groups), np.repeat(np.arange(12), 4))
    plain = stats.f_oneway(*groups)
    assert found.p == pytest.approx(plain.pvalue)
    # With equal groups ICC(1) = (F - 1) / (F + k - 1).
    assert found.share == pytest.approx((plain.statistic - 1) / (plain.statistic + 3))


def test_drift_that_cannot_be_told_has_a_reason() -> None:
    one_each = by_query(drawn(20, 1, 1))
    assert one_each.drifts is None
    assert one_each.relevant.reason == (
        "Drift needs several pairs of this class in one query; there are 20 pairs in 20 queries."
    )
    few = by_query(drawn(4, 5, 5))
    assert few.not_relevant.reason == "Drift needs at least 5 queries with pairs of this class, not 4."
    assert few.together.reason == "At least 10 queries with both classes are needed, not 4."
    flat = pairs(([1.0] * 3 + [0.0] * 3) * 12, ([1] * 3 + [0] * 3) * 12, np.repeat(np.arange(12), 6).tolist())
    assert by_query(flat).relevant.reason == "All scores of this class are equal."
    assert by_query(flat).together.reason == "All scores of this class are equal."
    assert by_query(flat).drifts is None


def test_levels_that_differ_in_few_queries_are_told_without_the_medians() -> None:
    judged = pairs(
        [level + step for level in (0, 4, 8, 12, 16, 20) for step in (0.1, 0.2, 0.3, 1.0)],
        [0, 0, 0, 1] * 6,
        np.repeat(np.arange(6), 4).tolist(),
    )
    found = by_query(judged)
    assert found.drifts is True
    assert found.sentences[-1].startswith("The score level differs by query: 100 %")


def test_one_query_or_one_class_or_nothing() -> None:
    assert by_query(drawn(1, 2, 4)).sentences == (ONE_QUERY,)
    assert by_query(pairs([], [])).reason == NO_PAIRS
    assert by_query(pairs([1.0], [0])).reason == NONE_RELEVANT.format(n=1)
    tied = by_query(pairs([1.0] * 6, [1, 0] * 3, [0, 0, 1, 1, 2, 2]))
    assert (tied.threshold, tied.n_hold) == (-math.inf, 3)


def test_a_hundred_thousand_pairs_are_split_by_query() -> None:
    found = by_query(drawn(10_000, 2, 8))
    assert len(found.queries) == 10_000
    assert found.drifts is False
