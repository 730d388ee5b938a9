"""The suggested threshold, against every cut tried by hand with exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.curves import ALL_RELEVANT, NO_PAIRS, NONE_RELEVANT, confusion
from playground.analysis.judged import Judged
from playground.analysis.thresholds import (
    DEFAULTS,
    DROPS_ALL,
    KEEPS_ALL,
    METHODS,
    TIED,
    Method,
    suggest,
)
from playground.core.errors import InvalidInput
from tests.analysis.planted import drawn, pairs

PAIRS = st.lists(st.tuples(st.integers(-6, 6).map(lambda n: n / 4), st.booleans()), min_size=2, max_size=20)
PARAMETERS: dict[Method, tuple[str, ...]] = {
    "f-beta": ("0.5", "1", "2"),
    "precision": ("0.5", "0.75", "0.9", "1"),
    "recall": ("0.25", "0.5", "0.8", "1"),
    "cost": ("0.1", "0.5", "1", "3", "10"),
}
CASES = [(method, parameter) for method, given in PARAMETERS.items() for parameter in given]


def by_hand(judged: Judged, method: Method, parameter: Fraction) -> tuple[int, int] | None:
    """(tp, fp) of the cut that the rule of the module's docstring picks, in exact arithmetic."""
    scores, relevant = judged.score.tolist(), judged.relevant.tolist()
    total = sum(relevant)
    rated = []
    for threshold in [*sorted(set(scores)), math.inf]:
        tp = sum(yes for score, yes in zip(scores, relevant, strict=True) if score >= threshold)
        kept = sum(score >= threshold for score in scores)
        fp, fn = kept - tp, total - tp
        precision = Fraction(tp, kept) if kept else None
        weight = parameter**2
        if method == "f-beta":
            rated.append(((1 + weight) * tp / ((1 + weight) * tp + weight * fn + fp), -(fp + fn), threshold, tp, fp))
        elif method == "cost":
            rated.append((-(parameter * fp + fn), -(fp + fn), threshold, tp, fp))
        elif method == "precision" and precision is not None and precision >= parameter:
            rated.append((tp, -fp, threshold, tp, fp))
        elif method == "recall" and precision is not None and Fraction(tp, total) >= parameter:
            rated.append((precision, tp, threshold, tp, fp))
    return max(rated)[3:] if rated else None


@pytest.mark.parametrize(("method", "parameter"), CASES)
@given(rows=PAIRS)
def test_no_cut_is_better_than_the_one_suggested(
    method: Method, parameter: str, rows: list[tuple[float, bool]]
) -> None:
    judged = pairs([row[0] for row in rows], [row[1] for row in rows])
    found = suggest(judged, method, float(parameter))
    if judged.n_relevant in (0, len(judged)):
        assert found.value is None
        assert found.reason
        return
    expected = by_hand(judged, method, Fraction(parameter))
    if expected is None:
        assert found.value is None
        assert "No threshold reaches" in found.reason
        return
    assert found.value is not None
    assert found.confusion == confusion(judged, found.value)
    assert (found.confusion.tp, found.confusion.fp) == expected
    assert found.finite is not None
    kept = confusion(judged, found.finite)
    assert (kept.tp, kept.fp) == expected
    assert found.between is not None
    assert found.between[0] < found.finite
    assert found.value == math.inf or found.value < found.between[1]
    assert not np.any((judged.score > found.between[0]) & (judged.score < found.between[1]))


def test_a_clean_gap_is_cut_in_its_middle_by_every_method() -> None:
    judged = pairs([4.0, 3.0, -1.0, -2.0], [1, 1, 0, 0])
    for method in METHODS:
        found = suggest(judged, method, 1.0)
        assert found.value == 1.0
        assert found.between == (-1.0, 3.0)
        assert (found.precision, found.recall, found.f_beta) == (1.0, 1.0, 1.0)
        assert found.warnings == ()


def test_a_demand_out_of_reach_says_what_is_reached() -> None:
    found = suggest(pairs([3.0, 2.0, 1.0], [0, 1, 0]), "precision", 0.9)
    assert found.value is None
    assert found.confusion is None
    assert found.precision is None
    assert found.reason == (
        "No threshold reaches a precision of 90 %: the best is 50 %, which keeps 2 pairs. Ask for less."
    )


def test_keep_all_and_drop_all_are_chosen_where_nothing_beats_them() -> None:
    dear = suggest(pairs([3.0, 2.0, 1.0], [0, 1, 0]), "cost", 10.0)
    assert (dear.value, dear.finite, dear.warnings) == (math.inf, 4.0, (DROPS_ALL,))
    assert (dear.cost, dear.precision, dear.recall, dear.f_beta) == (1.0, None, 0.0, 0.0)
    assert dear.between == (3.0, math.inf)
    cheap = suggest(pairs([3.0, 2.0, 1.0], [1, 0, 1]), "recall", 1.0)
    assert (cheap.value, cheap.finite, cheap.warnings) == (-math.inf, 0.0, (KEEPS_ALL,))
    assert cheap.between == (-math.inf, 1.0)


def test_tied_scores_are_never_cut() -> None:
    found = suggest(pairs([1.0] * 6, [1, 1, 1, 0, 0, 0]), "f-beta", 1.0)
    assert (found.value, found.confusion.n_kept if found.confusion else 0) == (-math.inf, 6)
    assert found.warnings == (TIED.format(n=6),)
    # The best cut by sentence-transformers' rule would keep only the first of the two tied at 2.
    found = suggest(pairs([2.0, 2.0, 1.0], [1, 0, 0]), "f-beta", 1.0)
    assert found.value == 1.5
    assert found.precision == 0.5


def test_cost_counts_wrong_ones_in_units_of_missed_ones() -> None:
    judged = drawn(50, 2, 8, apart=1.5, seed=3)
    thresholds = []
    for cost in (0.1, 1.0, 10.0):
        found = suggest(judged, "cost", cost)
        assert found.confusion is not None
        assert found.cost == pytest.approx(cost * found.confusion.fp + found.confusion.fn)
        thresholds.append(found.value)
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == 3


def test_one_class_or_nothing_gives_a_reason() -> None:
    for method in METHODS:
        assert suggest(pairs([], []), method, DEFAULTS[method]).reason == NO_PAIRS
        assert suggest(pairs([1.0], [0]), method, DEFAULTS[method]).reason == NONE_RELEVANT.format(n=1)
        assert suggest(pairs([1.0, 2.0], [1, 1]), method, DEFAULTS[method]).reason == ALL_RELEVANT.format(n=2)


@pytest.mark.parametrize(
    ("method", "parameter"),
    [
        ("precision", 0.0),
        ("precision", 1.01),
        ("recall", -0.1),
        ("recall", math.nan),
        ("f-beta", 0.0),
        ("f-beta", math.inf),
        ("cost", 0.0),
        ("cost", math.nan),
        ("guess", 1.0),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(method: Method, parameter: float) -> None:
    with pytest.raises(InvalidInput):
        suggest(pairs([2.0, 1.0], [1, 0]), method, parameter)


def test_a_hundred_thousand_pairs_are_cut_like_a_few() -> None:
    judged = drawn(10_000, 2, 8, apart=3.0, seed=1)
    found = suggest(judged, "f-beta", 1.0)
    assert found.value == pytest.approx(1.5 + math.log(4) / 3, abs=0.2)
    assert found.confusion is not None
    assert found.confusion.tp + found.confusion.fn == 20_000
