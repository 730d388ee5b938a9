"""How the scores lie."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.core.errors import InvalidInput
from playground.core.scales import BM25
from playground.plots.palette import DROPPED, KEPT
from playground.plots.score_distribution import bin_edges, counts, draw, round_step
from tests.plots.results import result_of


def test_every_score_is_counted_once_on_its_side_of_the_threshold() -> None:
    figure = draw(result_of([-3.0, -1.0, 0.5, 0.6, 4.0]), 0.6, "logit")
    dropped, kept = figure.data
    assert (sum(dropped.y), sum(kept.y)) == (3, 2)
    assert (dropped.marker.color, kept.marker.color) == (DROPPED.mark, KEPT.mark)
    assert figure.layout.barmode == "stack"
    assert figure.layout.shapes[0].x0 == 0.6


def test_a_sigmoid_has_twenty_bins_from_zero_to_one() -> None:
    figure = draw(result_of([0.0, 40.0, -40.0]), None, "sigmoid")
    assert figure.layout.meta["edges"] == [n / 20 for n in range(21)]
    kept = list(figure.data[1].y)
    assert (kept[0], kept[10], kept[19], sum(kept)) == (1, 1, 1, 3)
    assert figure.layout.xaxis.title.text == "sigmoid of the logit (not a probability)"


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=60))
def test_bins_cover_every_value(values: list[float]) -> None:
    edges = bin_edges(values, "logit")
    assert edges == sorted(set(edges))
    assert edges[0] <= min(values) <= max(values) <= edges[-1]
    assert sum(counts(values, edges)) == len(values)


def test_bins_and_ticks_lie_on_round_numbers() -> None:
    figure = draw(result_of([-8.2, -3.1, -1.0, 0.0, 0.4, 1.2, 5.2]), None, "logit")
    assert figure.layout.meta["edges"] == [-10.0, -8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0]
    assert (figure.layout.xaxis.dtick, figure.layout.yaxis.dtick) == (2.0, 1)


@pytest.mark.parametrize(("step", "rounded"), [(0.03, 0.05), (0.1, 0.1), (1.2, 2.0), (7.0, 10.0)])
def test_steps_are_rounded_up(step: float, rounded: float) -> None:
    assert round_step(step) == pytest.approx(rounded)


def test_a_value_on_an_edge_belongs_to_the_bin_above() -> None:
    assert counts([0.0, 1.0, 1.5, 2.0], [0.0, 1.0, 2.0]) == [1, 3]


def test_the_line_is_in_sight_when_it_lies_beyond_the_scores() -> None:
    low, high = draw(result_of([1.0, 2.0]), 9.0, "logit").layout.xaxis.range
    assert low < 1.0 < 9.0 < high


def test_non_finite_scores_are_never_counted_and_none_at_all_says_what_to_do() -> None:
    assert sum(draw(result_of([1.0, math.inf]), None, "logit").data[1].y) == 1
    assert "Paste a query" in draw(result_of([]), None, "logit").layout.annotations[0].text


def test_a_sigmoid_of_bm25_is_refused() -> None:
    with pytest.raises(InvalidInput, match="A sigmoid of bm25 scores"):
        draw(result_of([1.0], scale=BM25), None, "sigmoid")
