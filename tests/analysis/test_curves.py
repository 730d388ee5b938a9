"""Every cut, and the curves through them, against scikit-learn."""

import itertools
import json
import math
import warnings
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import metrics

from playground.analysis.curves import (
    ALL_RELEVANT,
    NO_PAIRS,
    NONE_RELEVANT,
    FirstRelevant,
    between,
    confusion,
    finite,
    first_relevant,
    points,
    precision_recall,
    roc,
    thinned,
)
from playground.analysis.judged import Judged
from tests.analysis.planted import drawn, pairs

# Few distinct values, so that most sets hold ties.
PAIRS = st.lists(st.tuples(st.integers(-4, 4).map(lambda n: n / 2), st.booleans()), min_size=1, max_size=25)
FINITE = st.floats(-1e12, 1e12, allow_nan=False)


def of(rows: list[tuple[float, bool]]) -> Judged:
    return pairs([row[0] for row in rows], [row[1] for row in rows])


def test_cuts_lie_between_distinct_scores_and_count_what_they_keep() -> None:
    cuts = points(pairs([3.0, 1.0, 1.0, 0.25, -2.0], [1, 1, 0, 0, 1]))
    assert cuts.threshold.tolist() == [-math.inf, -1.0, 0.6, 2.0, math.inf]
    assert cuts.tp.tolist() == [3, 2, 2, 1, 0]
    assert cuts.fp.tolist() == [2, 2, 1, 0, 0]
    assert cuts.fn.tolist() == [0, 1, 1, 2, 3]
    assert cuts.tn.tolist() == [0, 0, 1, 2, 2]
    assert cuts.precision[:4].tolist() == [3 / 5, 2 / 4, 2 / 3, 1.0]
    assert math.isnan(cuts.precision[4])
    assert cuts.recall.tolist() == [1.0, 2 / 3, 2 / 3, 1 / 3, 0.0]
    assert cuts.f1.tolist() == pytest.approx([6 / 8, 4 / 7, 4 / 6, 2 / 4, 0.0])
    assert cuts.fpr.tolist() == [1.0, 1.0, 0.5, 0.0, 0.0]


@given(PAIRS)
def test_every_cut_counts_as_the_plain_confusion_does(rows: list[tuple[float, bool]]) -> None:
    judged = of(rows)
    cuts = points(judged)
    assert len(cuts) == len(set(judged.score.tolist())) + 1
    assert np.all(np.diff(cuts.threshold) > 0)
    assert not np.isin(cuts.threshold, judged.score).any()
    for place in range(len(cuts)):
        assert cuts.confusion(place) == confusion(judged, float(cuts.threshold[place]))


def test_f_beta_is_scikit_learns() -> None:
    judged = drawn(10, 3, 7)
    found = confusion(judged, 0.9)
    for beta in (0.5, 1.0, 2.0):
        assert found.f_beta(beta) == pytest.approx(metrics.fbeta_score(judged.relevant, judged.score >= 0.9, beta=beta))


@given(PAIRS)
def test_the_precision_recall_curve_is_scikit_learns(rows: list[tuple[float, bool]]) -> None:
    judged = of(rows)
    curve = precision_recall(judged)
    if not judged.n_relevant:
        assert curve.area is None
        assert len(curve.x) == 0
        return
    precision, recall, thresholds = metrics.precision_recall_curve(judged.relevant, judged.score)
    assert curve.x == pytest.approx(recall)
    assert curve.y == pytest.approx(precision)
    # Ours lie over the score below and under scikit-learn's, which are the scores themselves.
    assert np.all(curve.threshold[1:-1] < thresholds[1:])
    assert np.all(curve.threshold[1:-1] > thresholds[:-1])
    assert curve.area == pytest.approx(metrics.average_precision_score(judged.relevant, judged.score))


@given(PAIRS)
def test_the_roc_curve_is_scikit_learns(rows: list[tuple[float, bool]]) -> None:
    judged = of(rows)
    curve = roc(judged)
    if judged.n_relevant in (0, len(judged)):
        assert curve.area is None
        assert curve.reason
        return
    fpr, tpr, _ = metrics.roc_curve(judged.relevant, judged.score, drop_intermediate=False)
    assert curve.x == pytest.approx(fpr)
    assert curve.y == pytest.approx(tpr)
    assert curve.area == pytest.approx(metrics.roc_auc_score(judged.relevant, judged.score))


def test_curves_of_a_large_set_are_scikit_learns() -> None:
    judged = drawn(1000, 2, 18, drift=0.5, places=2)
    precision, recall, _ = metrics.precision_recall_curve(judged.relevant, judged.score)
    assert precision_recall(judged).y == pytest.approx(precision)
    assert precision_recall(judged).x == pytest.approx(recall)
    assert roc(judged).area == pytest.approx(metrics.roc_auc_score(judged.relevant, judged.score))


def test_no_pairs_or_one_class_give_a_reason_and_no_number() -> None:
    nothing, none, every = pairs([], []), pairs([1.0, 2.0], [0, 0]), pairs([1.0, 2.0], [1, 1])
    assert [roc(one).reason for one in (nothing, none, every)] == [
        NO_PAIRS,
        NONE_RELEVANT.format(n=2),
        ALL_RELEVANT.format(n=2),
    ]
    assert [precision_recall(one).reason for one in (nothing, none)] == [NO_PAIRS, NONE_RELEVANT.format(n=2)]
    assert precision_recall(every).area == 1.0
    assert points(nothing).threshold.tolist() == [-math.inf, math.inf]
    assert points(nothing).tp.tolist() == [0, 0]
    found = confusion(nothing, 0.0)
    assert (found.precision, found.recall, found.f1, found.fpr) == (None, None, None, None)
    assert confusion(none, 0.0).f1 is None
    assert confusion(every, math.inf).f1 == 0.0


def test_all_scores_tied_leaves_keep_all_and_drop_all() -> None:
    cuts = points(pairs([0.5] * 4, [1, 0, 0, 1]))
    assert cuts.threshold.tolist() == [-math.inf, math.inf]
    assert cuts.tp.tolist() == [2, 0]
    assert roc(pairs([0.5] * 4, [1, 0, 0, 1])).area == 0.5


@pytest.mark.parametrize(
    ("low", "high", "cut"),
    [
        (-3.0, 5.0, 1.0),
        (0.0, 1.0, 0.5),
        (0.599, 0.701, 0.6),
        (0.6499, 0.6501, 0.65),
        (-8.187512, -8.187511, -8.1875115),
        (1e-10, 2e-10, 1.5e-10),
        (-1e9, 1e9, 0.0),
        (1e16, 2e16, 1.5e16),
    ],
)
def test_a_cut_is_the_shortest_decimal_between_two_scores(low: float, high: float, cut: float) -> None:
    assert between(np.array([low]), np.array([high])).tolist() == [cut]


def test_neighbouring_floats_are_cut_at_the_upper_one() -> None:
    low = 0.1
    high = math.nextafter(low, 1.0)
    judged = pairs([low, high], [0, 1])
    assert points(judged).threshold[1] == high
    assert points(judged).confusion(1) == confusion(judged, high)
    assert confusion(judged, high).tp == 1


@given(FINITE, FINITE)
@example(0.0, 0.1)
def test_no_decimal_with_fewer_places_lies_between(one: float, other: float) -> None:
    low, high = sorted((one, other))
    if low == high:
        return
    cut = float(between(np.array([low]), np.array([high]))[0])
    assert low < cut <= high
    assert json.loads(json.dumps(cut)) == cut
    places = max(0, -int(Decimal(repr(cut)).normalize().as_tuple().exponent))
    if not 0 < places < 9:
        return
    shorter = (Decimal(low) / 2 + Decimal(high) / 2).quantize(Decimal(1).scaleb(1 - places))
    # As floats: 0.1 is a little less than the float 0.1, and yet no number between 0 and that float.
    assert not low < float(shorter) < high


def test_infinite_cuts_have_a_finite_stand_in_that_keeps_the_same() -> None:
    judged = pairs([0.03, 0.97], [0, 1])
    assert finite(judged, -math.inf) == 0.0
    assert finite(judged, math.inf) == 1.0
    assert finite(judged, 0.5) == 0.5
    assert finite(pairs([0.0, 1.0], [0, 1]), -math.inf) == -1.0
    assert finite(pairs([0.0, 1.0], [0, 1]), math.inf) == 2.0
    huge = pairs([-1e17, 1e17], [0, 1])
    assert confusion(huge, finite(huge, math.inf)).n_kept == 0
    assert confusion(huge, finite(huge, -math.inf)).n_kept == 2


def test_thinning_keeps_ends_corners_and_the_best_f1() -> None:
    cuts = points(drawn(500, 2, 18))
    few = thinned(cuts, 200)
    assert 100 < len(few) <= 200
    assert few.threshold[[0, -1]].tolist() == [-math.inf, math.inf]
    assert np.nanmax(few.f1) == np.nanmax(cuts.f1)
    assert set(few.threshold) <= set(cuts.threshold)
    assert np.all(np.diff(few.threshold) > 0)
    # The drawn ROC curve has nearly the area of the whole one.
    assert np.trapezoid(few.recall[::-1], few.fpr[::-1]) == pytest.approx(
        np.trapezoid(cuts.recall[::-1], cuts.fpr[::-1]), abs=0.002
    )
    assert thinned(few, 200) is few


def test_thinning_leaves_every_corner_where_there_is_room() -> None:
    # Relevant pairs all above the others but for two blocks: the curve has four corners in 400 cuts.
    relevant = np.concatenate([np.ones(100), np.zeros(100), np.ones(100), np.zeros(100)])
    cuts = points(pairs(np.arange(400.0)[::-1].tolist(), relevant.tolist()))
    few = thinned(cuts, 20)
    assert len(few) <= 20
    assert {(100, 0), (100, 100), (200, 100)} <= set(zip(few.tp.tolist(), few.fp.tolist(), strict=True))


@pytest.mark.parametrize("most", [4, 5, 7, 50])
def test_thinning_never_gives_more_than_asked(most: int) -> None:
    assert len(thinned(points(drawn(20, 2, 8)), most)) <= most


def test_the_first_relevant_of_each_query_with_its_rank_and_ties() -> None:
    judged = pairs(
        [2.0, 5.0, 2.0, 1.0, 7.0, 6.0, -1.0],
        [1, 0, 0, 1, 0, 0, 1],
        [0, 0, 0, 0, 2, 2, 3],
    )
    assert first_relevant(judged) == (
        FirstRelevant(query=0, n_passages=4, n_relevant=2, top=5.0, score=2.0, rank=2, tied=True),
        FirstRelevant(query=2, n_passages=2, n_relevant=0, top=7.0, score=None, rank=None, tied=False),
        FirstRelevant(query=3, n_passages=1, n_relevant=1, top=-1.0, score=-1.0, rank=1, tied=False),
    )
    assert first_relevant(pairs([], [])) == ()


def test_nothing_here_warns_on_degenerate_input() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scores, relevant in itertools.product(([], [1.0], [1.0, 1.0], [1.0, 2.0]), ((0, 0), (1, 1), (0, 1))):
            judged = pairs(scores, relevant[: len(scores)])
            precision_recall(judged), roc(judged), first_relevant(judged), thinned(points(judged), 4)
            cuts = points(judged)
            assert len(cuts.f1) == len(cuts.precision) == len(cuts.fpr) == len(cuts)
