"""How far two models agree on an order."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from playground.analysis import METRICS, find
from playground.analysis.agreement import (
    NEEDS_TWO,
    ONE_ORDERS_NOTHING,
    TOP_IS_ALL,
    TOP_IS_SPLIT,
    Measure,
    agreement_by_depth,
    agreements,
    kendall_tau_b,
    overlap,
    rbo,
    rbo_50,
    rbo_90,
    rbo_of_ranks,
    same_top,
    spearman,
    table,
)
from playground.analysis.alignment import competition_ranks
from playground.core.errors import InvalidInput
from tests.analysis.results import result_of

ONE = np.array([5.0, 3.0, 3.0, 1.0, -2.0, 0.5])
OTHER = np.array([0.9, 0.2, 0.7, 0.7, 0.1, 0.3])


def ranks_of(ranking: str) -> dict[str, int]:
    """Competition ranks of "a (b c) d", where brackets hold a tie."""
    ranks: dict[str, int] = {}
    for group in ranking.replace("(", "|(").replace(")", ")|").split("|"):
        together = group.startswith("(")
        first = len(ranks) + 1
        for thing in group.strip("() ").split():
            ranks[thing] = first if together else len(ranks) + 1
    return ranks


def test_tau_b_is_scipys_and_counts_ties_by_hand() -> None:
    assert kendall_tau_b(ONE, OTHER).value == pytest.approx(stats.kendalltau(ONE, OTHER, variant="b").statistic)
    # Ranks 1, 2, 2, 3 against 1, 2, 3, 4: five pairs agree, one is tied in the first; 5 / sqrt(5 * 6).
    assert kendall_tau_b(np.array([4.0, 3, 3, 1]), np.array([4.0, 3, 2, 1])).value == pytest.approx(5 / math.sqrt(30))


def test_spearman_is_scipys_and_the_correlation_of_midranks() -> None:
    assert spearman(ONE, OTHER).value == pytest.approx(stats.spearmanr(ONE, OTHER).statistic)
    midranks = stats.rankdata(ONE), stats.rankdata(OTHER)
    assert spearman(ONE, OTHER).value == pytest.approx(np.corrcoef(*midranks)[0, 1])


def test_agreement_by_depth_is_the_example_of_webber_et_al() -> None:
    """Their example of average overlap: <a b c d e f g> beside <z c a v w x y>."""
    agreed = agreement_by_depth(ranks_of("a b c d e f g"), ranks_of("z c a v w x y"))

    assert agreed.round(3).tolist() == [0.0, 0.0, 0.667, 0.5, 0.4, 0.333, 0.286]
    average_overlap = np.cumsum(agreed) / np.arange(1, 8)
    assert average_overlap.round(3).tolist() == [0.0, 0.0, 0.222, 0.292, 0.313, 0.317, 0.312]


def test_extrapolated_rbo_of_the_same_example_is_equation_23() -> None:
    p, overlaps = 0.9, [0, 0, 2, 2, 2, 2, 2]
    by_hand = overlaps[-1] / 7 * p**7 + (1 - p) / p * sum(x / d * p**d for d, x in enumerate(overlaps, start=1))

    assert rbo_of_ranks(ranks_of("a b c d e f g"), ranks_of("z c a v w x y"), p) == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize(
    ("one", "other", "p", "expected"),
    [
        ("i3 (i1 i5 i7) i9", "(i1 i9) i7 i3 i4", 0.930093081332594, 0.697096710334179),
        ("i2 i5 i3 (i1 i4)", "i5 i8 i2 (i3 i9)", 0.968922741966306, 0.580287544332462),
    ],
)
def test_tied_rbo_is_that_of_the_reference_implementation(one: str, other: str, p: float, expected: float) -> None:
    """Rows of equal length of `rbo/test.csv`, column `w.ext`, in github.com/julian-urbano/sigir2024-rbo."""
    assert rbo_of_ranks(ranks_of(one), ranks_of(other), p) == pytest.approx(expected, abs=1e-12)


def test_ties_stand_at_the_smallest_of_their_places() -> None:
    """A = (a b) c, B = a b c: agreements 2*1/(2+1), 1, 1."""
    agreed = agreement_by_depth(ranks_of("(a b) c"), ranks_of("a b c"))
    assert agreed.tolist() == pytest.approx([2 / 3, 1.0, 1.0])
    assert rbo_50(np.array([2.0, 2, 1]), np.array([3.0, 2, 1])).value == pytest.approx(
        0.5 * 2 / 3 + 0.25 + 0.125 + 0.125
    )


def test_a_smaller_p_looks_at_the_top_only() -> None:
    one, swapped_top = np.arange(10.0)[::-1], np.array([8.0, 9, 7, 6, 5, 4, 3, 2, 1, 0])
    top_half = rbo_50(one, swapped_top).value
    assert top_half == pytest.approx(0.5)
    assert rbo_90(one, swapped_top).value == pytest.approx(0.9)


def test_overlap_counts_what_both_have_among_the_first_k() -> None:
    one, other = np.array([5.0, 4, 3, 2, 1]), np.array([5.0, 1, 4, 3, 2])
    assert overlap(one, other, 2).value == 0.5
    assert overlap(one, other, 3).value == pytest.approx(2 / 3)


def test_a_tie_over_the_kth_place_is_among_the_first_k() -> None:
    """Firsts {1, 2, 3} (the second place is tied) and {1, 2}: 2 * 2 / (3 + 2)."""
    assert overlap(np.array([5.0, 4, 4, 2, 1]), np.array([5.0, 4, 3, 2, 1]), 2).value == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([3.0, 2, 1], [9.0, 1, 2], Measure(1.0)),
        ([3.0, 2, 1], [1.0, 2, 0], Measure(0.0)),
        ([3.0, 3, 1], [2.0, 2, 0], Measure(1.0)),
        ([3.0, 3, 1], [1.0, 1, 2], Measure(0.0)),
        ([3.0, 3, 1], [2.0, 1, 0], Measure(None, TOP_IS_SPLIT)),
    ],
)
def test_the_same_first_passage_with_and_without_ties(one: list[float], other: list[float], expected: Measure) -> None:
    assert same_top(np.array(one), np.array(other)) == expected


@pytest.mark.parametrize("name", METRICS)
def test_constant_scores_have_a_reason_and_no_number(name: str) -> None:
    constant, other = np.full(7, 0.5), np.arange(7.0)
    assert find(name)(constant, other) == find(name)(other, constant) == Measure(None, ONE_ORDERS_NOTHING)
    assert find(name)(constant, constant) == Measure(None, ONE_ORDERS_NOTHING)


@pytest.mark.parametrize("name", METRICS)
def test_one_passage_says_what_it_needs(name: str) -> None:
    assert find(name)(np.array([1.0]), np.array([2.0])) == Measure(None, NEEDS_TWO)
    assert find(name)(np.array([]), np.array([])) == Measure(None, NEEDS_TWO)


@pytest.mark.parametrize("name", METRICS)
@given(data=st.data())
def test_the_same_order_is_full_agreement_and_nothing_is_ever_nan(name: str, data: st.DataObject) -> None:
    integers = st.lists(st.integers(-3, 3), min_size=8, max_size=8)
    one, other = np.array(data.draw(integers), float), np.array(data.draw(integers), float)
    found, same = find(name)(one, other), find(name)(one, 10 * one - 4)
    assert (found.value is None) == bool(found.reason)
    assert found.value is None or -1.0 - 1e-9 <= found.value <= 1.0 + 1e-9
    assert same.value is None or same.value == pytest.approx(1.0)


def test_a_top_k_of_all_passages_says_so() -> None:
    assert overlap(np.array([2.0, 1]), np.array([1.0, 2]), 5) == Measure(None, TOP_IS_ALL.format(k=5, n=2))
    with pytest.raises(InvalidInput, match="at least one first place, not 0"):
        overlap(ONE, OTHER, 0)


def test_impossible_persistence_and_unequal_lists_are_refused() -> None:
    with pytest.raises(InvalidInput, match="between 0 and 1, not at 1"):
        rbo(ONE, OTHER, 1.0)
    with pytest.raises(InvalidInput, match="one length, not 2 and 3"):
        rbo_of_ranks(ranks_of("a b"), ranks_of("a b c"), 0.9)
    with pytest.raises(InvalidInput, match="the same passages, not 2 and 3"):
        kendall_tau_b(np.zeros(2), np.zeros(3))


def test_equal_scores_share_the_smaller_rank() -> None:
    assert competition_ranks(np.array([1.0, 4, 4, 7])).tolist() == [4, 2, 2, 1]


def test_each_pair_of_models_is_compared_over_what_both_scored() -> None:
    models = [result_of([3, 2, 1, 0]), result_of([0, 1, 2, 3]), result_of([30, 20, 10, None])]

    first, second, third = agreements(models)

    assert [(one.first, one.second, one.n_passages, one.k) for one in (first, second, third)] == [
        (0, 1, 4, 2),
        (0, 2, 3, 1),
        (1, 2, 3, 1),
    ]
    assert (first.measures["kendall_tau_b"].value, second.measures["kendall_tau_b"].value) == (-1.0, 1.0)
    assert (first.n_left_out, second.n_left_out) == (0, 1)
    assert first.measures["overlap"].value == 0.0
    assert second.measures["same_top"].value == 1.0


def test_one_model_has_nobody_to_agree_with() -> None:
    assert agreements([result_of([1, 2])]) == ()
    assert table((), []).columns.tolist()[:2] == ["first", "second"]


def test_the_table_leaves_undefined_cells_empty_and_says_why() -> None:
    frame = table(agreements([result_of([2, 1, 0]), result_of([5, 5, 5])]), ["A", "B"])

    assert frame.loc[0, ["first", "second"]].tolist() == ["A", "B"]
    assert frame[list(METRICS)].isna().all().all()
    assert frame.loc[0, "warnings"] == ONE_ORDERS_NOTHING
    assert "nan" not in frame.to_csv(index=False).lower()


@pytest.mark.parametrize("name", METRICS)
def test_every_registered_metric_resolves(name: str) -> None:
    assert isinstance(find(name)(ONE, OTHER), Measure)
