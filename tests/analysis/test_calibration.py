"""Scores to probabilities, against scikit-learn."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import GroupKFold, cross_val_predict

from playground.analysis.calibration import (
    FALLS,
    METHODS,
    ONE_SIDED,
    STEEP,
    Bin,
    Method,
    calibrate,
    reliability,
)
from playground.analysis.curves import ALL_RELEVANT, NO_PAIRS, NONE_RELEVANT
from playground.analysis.thresholds import TIED
from playground.core.errors import InvalidInput
from tests.analysis.planted import drawn, pairs

JUDGED = drawn(60, 2, 8, apart=2.0, drift=0.3, seed=4)


def test_platts_curve_is_an_unpenalised_logistic_regression() -> None:
    found = calibrate(JUDGED, "platt")
    whole = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(JUDGED.score[:, None], JUDGED.relevant)
    assert found.slope == pytest.approx(whole.coef_[0, 0], rel=1e-4)
    assert found.intercept == pytest.approx(whole.intercept_[0], rel=1e-4)
    assert found.probabilities(JUDGED.score) == pytest.approx(
        whole.predict_proba(JUDGED.score[:, None])[:, 1], abs=1e-5
    )
    assert found.probability(0.7) == pytest.approx(whole.predict_proba([[0.7]])[0, 1], abs=1e-5)


def test_the_figures_are_those_of_queries_left_out() -> None:
    found = calibrate(JUDGED, "platt")
    outside = cross_val_predict(
        LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000),
        JUDGED.score[:, None],
        JUDGED.relevant,
        groups=JUDGED.query,
        cv=GroupKFold(5),
        method="predict_proba",
    )[:, 1]
    assert found.brier == pytest.approx(brier_score_loss(JUDGED.relevant, outside), abs=1e-6)
    assert found.log_loss == pytest.approx(log_loss(JUDGED.relevant, outside), abs=1e-5)
    share, mean = calibration_curve(JUDGED.relevant, outside, n_bins=10)
    assert [one.share for one in found.bins] == pytest.approx(share)
    assert [one.mean for one in found.bins] == pytest.approx(mean, abs=1e-5)
    assert sum(one.n for one in found.bins) == found.n_pairs == 600
    assert sum(one.n_relevant for one in found.bins) == found.n_relevant == 120
    assert (found.n_queries, found.n_folds) == (60, 5)


def test_the_isotonic_curve_is_scikit_learns_and_never_falls() -> None:
    found = calibrate(JUDGED, "isotonic")
    whole = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(JUDGED.score, JUDGED.relevant)
    asked = np.linspace(-6, 8, 200)
    assert found.probabilities(asked) == pytest.approx(whole.predict(asked))
    assert np.all(np.diff(found.probabilities(asked)) >= 0)
    outside = np.zeros(len(JUDGED))
    for inside, out in GroupKFold(5).split(JUDGED.score, groups=JUDGED.query):
        fold = IsotonicRegression(out_of_bounds="clip").fit(JUDGED.score[inside], JUDGED.relevant[inside])
        outside[out] = fold.predict(JUDGED.score[out])
    assert found.brier == pytest.approx(brier_score_loss(JUDGED.relevant, outside))
    share, mean = calibration_curve(JUDGED.relevant, outside, n_bins=10)
    assert [one.share for one in found.bins] == pytest.approx(share)
    assert [one.mean for one in found.bins] == pytest.approx(mean)


def test_isotonic_is_the_one_of_scikit_learns_calibrator() -> None:
    """One fold of CalibratedClassifierCV over a classifier whose decision is the score itself."""
    decision = LogisticRegression(C=np.inf).fit([[0.0], [1.0], [0.0], [1.0]], [0, 1, 1, 0])
    decision.coef_, decision.intercept_ = np.array([[1.0]]), np.array([0.0])
    from sklearn.frozen import FrozenEstimator

    peer = CalibratedClassifierCV(FrozenEstimator(decision), method="isotonic")
    peer.fit(JUDGED.score[:, None], JUDGED.relevant.astype(int))
    asked = np.linspace(-3, 5, 50)
    ours = calibrate(JUDGED, "isotonic").probabilities(asked)
    assert ours == pytest.approx(peer.predict_proba(asked[:, None])[:, 1], abs=1e-6)


def test_a_planted_curve_is_found_again_and_the_plain_sigmoid_is_worse() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(0.0, 2.0, size=20_000)
    relevant = rng.random(20_000) < expit(1.7 * score - 2.0)
    judged = pairs(score.tolist(), relevant.tolist(), (np.arange(20_000) // 20).tolist())
    found = calibrate(judged, "platt")
    assert (found.slope, found.intercept) == (pytest.approx(1.7, rel=0.05), pytest.approx(-2.0, rel=0.05))
    assert found.sigmoid_brier is not None
    assert found.brier is not None
    assert found.base_brier is not None
    assert found.brier < found.sigmoid_brier
    assert found.brier < found.base_brier
    assert found.sigmoid_brier == pytest.approx(brier_score_loss(relevant, expit(score)))
    assert found.base_brier == pytest.approx(relevant.mean() * (1 - relevant.mean()))
    # Nine in ten of the true shares should lie in their intervals; all ten do here.
    assert sum(one.share_low <= one.mean <= one.share_high for one in found.bins) >= 9
    assert calibrate(judged, "platt", sigmoid=False).sigmoid_brier is None


def test_bins_have_wilsons_interval_and_empty_ones_are_absent() -> None:
    found = reliability(np.array([0.0, 0.05, 0.1, 0.95, 1.0]), np.array([False, False, True, True, True]))
    low = stats.binomtest(1, 3).proportion_ci(method="wilson")
    assert found[0] == Bin(0.0, 0.1, 3, 1, pytest.approx(0.05), 1 / 3, low.low, low.high)
    assert (found[1].low, found[1].high, found[1].n, found[1].share) == (0.9, 1.0, 2, 1.0)
    # By hand: 2 of 2 gives 1 / (1 + z^2 / 2).
    assert found[1].share_low == pytest.approx(2 / (2 + 1.959964**2))
    assert len(found) == 2


def test_too_little_to_calibrate_gives_the_reason() -> None:
    assert calibrate(pairs([], []), "platt").reason == NO_PAIRS
    assert calibrate(pairs([1.0] * 30, [0] * 30), "platt").reason == NONE_RELEVANT.format(n=30)
    assert calibrate(pairs([1.0] * 30, [1] * 30), "isotonic").reason == ALL_RELEVANT.format(n=30)
    assert calibrate(drawn(9, 1, 9), "platt").reason == (
        "Calibration needs at least 10 relevant and 10 not relevant pairs, not 9 and 81."
    )
    assert calibrate(drawn(2, 10, 10), "platt").reason == (
        "Calibration needs labelled pairs of at least 3 queries, not 2: it is checked on queries left out."
    )
    tied = pairs([1.0] * 40, [1, 0] * 20, np.repeat(np.arange(10), 4).tolist())
    assert calibrate(tied, "isotonic").reason == TIED.format(n=40)
    lonely = pairs(np.arange(40.0).tolist(), [1] * 10 + [0] * 30, [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10)
    assert calibrate(lonely, "platt").reason == ONE_SIDED
    refused = calibrate(lonely, "platt")
    assert (refused.brier, refused.bins, refused.slope, refused.x) == (None, (), None, ())
    with pytest.raises(InvalidInput, match="There is no calibration: With some queries left out"):
        refused.probability(1.0)
    with pytest.raises(InvalidInput, match="no calibration 'beta'"):
        calibrate(JUDGED, "beta")  # type: ignore[arg-type]


def test_a_model_that_ranks_the_wrong_way_round_is_told() -> None:
    upside_down = pairs((-JUDGED.score).tolist(), JUDGED.relevant.tolist(), JUDGED.query.tolist())
    found = calibrate(upside_down, "platt")
    assert found.slope is not None
    assert found.slope < 0
    assert FALLS in found.warnings


@pytest.mark.parametrize("method", METHODS)
def test_classes_that_do_not_overlap_still_have_finite_figures(method: Method) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = calibrate(drawn(20, 2, 4, apart=30.0), method)
    assert found.brier == pytest.approx(0.0, abs=1e-3)
    assert math.isfinite(found.log_loss or math.nan)
    assert (STEEP in found.warnings) == (method == "platt")
    assert found.probability(1e9) == pytest.approx(1.0)
    assert found.probability(-1e9) == pytest.approx(0.0)


def test_certain_and_wrong_pairs_are_counted() -> None:
    found = calibrate(drawn(20, 2, 4, apart=3.0, seed=1), "isotonic")
    assert any("exactly 0 or 1 and the opposite label" in warning for warning in found.warnings)
    assert math.isfinite(found.log_loss or math.nan)


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-3, 3).map(float), st.booleans(), st.integers(0, 5)), min_size=20, max_size=60),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_no_input_makes_an_exception_or_a_nan(rows: list[tuple[float, bool, int]], scale: float) -> None:
    judged = pairs([scale * row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
    for method in METHODS:
        found = calibrate(judged, method)
        assert (found.brier is None) == bool(found.reason)
        if not found.reason:
            numbers = [found.brier, found.log_loss, found.base_brier, found.probability(0.3), *found.x, *found.y]
            assert all(number is not None and math.isfinite(number) for number in numbers)
            assert 0 <= found.probability(scale) <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_hundred_thousand_pairs_are_calibrated(method: Method) -> None:
    found = calibrate(drawn(10_000, 2, 8), method)
    assert found.n_pairs == 100_000
    assert found.brier is not None
    assert found.base_brier is not None
    assert found.brier < found.base_brier
