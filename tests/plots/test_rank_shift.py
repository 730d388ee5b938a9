"""Models side by side: places and percentiles."""

import json
import math

import pytest

from playground.core.scales import BM25, COSINE
from playground.plots.palette import DARK_PAGE, DROPPED, KEPT, LIGHT_PAGE, ON_MARK, SERIES, THRESHOLD, contrast
from playground.plots.rank_shift import draw as draw_shift
from playground.plots.score_percentiles import draw as draw_percentiles
from playground.plots.words import Words
from tests.plots.results import result_of


def test_each_passage_is_a_line_over_the_models() -> None:
    figure = draw_shift([result_of([3.0, 2.0, 1.0]), result_of([1.0, 2.0, 3.0])], names=["A", "B"])
    assert [list(line.y) for line in figure.data] == [[0, 2], [1, 1], [2, 0]]
    assert [line.line.color for line in figure.data] == [THRESHOLD.mark, DROPPED.mark, KEPT.mark]
    assert figure.layout.meta["passages"] == [0, 1, 2]
    assert [list(line.customdata) for line in figure.data] == [[0, 0], [1, 1], [2, 2]]
    assert list(figure.layout.xaxis.ticktext) == ["A", "B"]
    assert list(figure.layout.yaxis.ticktext) == ["1 · passage 0", "2 · passage 1", "3 · passage 2"]


def test_ties_share_a_rank_within_one_bracket_and_cross_nothing() -> None:
    figure = draw_shift([result_of([3.0, 2.0, 1.0]), result_of([0.0, 5.0, 5.0])], names=["A", "B"])
    assert [list(line.y) for line in figure.data] == [[0, 2], [1, 0], [2, 1]]
    (bracket,) = figure.layout.shapes
    assert (bracket.name, bracket.x0, bracket.x1, bracket.y0, bracket.y1) == ("tie", 1, 1, -0.42, 1.42)
    assert figure.data[1].hovertext.splitlines() == [
        "<b>2</b> · passage 1<br>A: rank 2 · logit 2.0000<br>B: rank 1= · logit 5.0000"
    ]


def test_a_model_that_scores_all_alike_moves_nothing() -> None:
    figure = draw_shift([result_of([1.0, 2.0, 3.0]), result_of([4.0, 4.0, 4.0])])
    assert {line.line.color for line in figure.data} == {DROPPED.mark}
    assert len(figure.layout.shapes) == 1


def test_names_and_passages_cannot_bring_markup() -> None:
    texts = ["<a href='javascript:alert(1)'>x</a>", "two"]
    results = [result_of([2.0, 1.0], texts), result_of([1.0, 2.0], texts)]
    spec = draw_shift(results, names=["<b>A</b>", "$B$"]).to_json() + draw_percentiles(results).to_json()
    assert "<a href" not in json.loads(f'"{json.dumps(spec)[1:-1]}"')
    assert draw_shift(results, names=["<b>A</b>", "B"]).layout.xaxis.ticktext[0] == "&lt;b&gt;A&lt;/b&gt;"


def test_beyond_sixty_passages_the_best_of_any_model_are_drawn() -> None:
    up, down = [float(n) for n in range(100)], [float(-n) for n in range(100)]
    figure = draw_shift([result_of(up), result_of(down)])
    assert len(figure.data) == 60
    assert figure.layout.meta["passages"] == [*range(30), *range(70, 100)]
    assert figure.layout.annotations[0].text.startswith("60 of 100 passages: the best of any model<br>")


def test_one_model_says_what_it_needs() -> None:
    assert draw_shift([result_of([1.0])]).layout.annotations[0].text == "Rank movement needs two models. Add one."
    assert "Add a model" in draw_shift([]).layout.annotations[0].text
    assert draw_percentiles([], words=Words(needs_model="加一个模型")).layout.annotations[0].text == "加一个模型"


def test_one_passage_is_a_level_line() -> None:
    assert list(draw_shift([result_of([1.0]), result_of([2.0])]).data[0].y) == [0, 0]


def test_percentiles_and_raw_values_never_share_an_axis() -> None:
    results = [result_of([9.0, -4.0, 1.0]), result_of([0.2, 0.9, 0.1], scale=COSINE)]
    figure = draw_percentiles(results, names=["A", "B"])
    first, second = figure.data
    assert figure.layout.meta["passages"] == [0, 1, 2]
    assert [round(x, 1) for x in first.x] == [83.3, 16.7, 50.0]
    assert [round(x, 1) for x in second.x] == [50.0, 83.3, 16.7]
    assert second.hovertext[0] == "B · cosine 0.2000 · rank 2 · percentile 50<br>passage 0"
    assert figure.layout.xaxis.title.text.startswith("percentile within each model's own run")
    assert list(figure.layout.xaxis.range) == [-2, 102]
    assert list(first.y) == [-0.1, 0.9, 1.9]
    assert first.marker.symbol != second.marker.symbol


def test_constant_scores_stand_in_the_middle_as_ties() -> None:
    trace = draw_percentiles([result_of([0.0, 0.0], scale=BM25)]).data[0]
    assert list(trace.x) == [50.0, 50.0]
    assert "rank 1= · percentile 50" in trace.hovertext[0]


def test_at_most_forty_rows_and_the_axis_says_so() -> None:
    figure = draw_percentiles([result_of([float(n) for n in range(50)])])
    assert len(figure.data[0].x) == 40
    assert figure.layout.xaxis.title.text.endswith("the best 40 of 50")


def test_non_finite_scores_are_never_drawn() -> None:
    figure = draw_shift([result_of([1.0, math.inf, 0.0]), result_of([1.0, 2.0, 3.0])])
    assert figure.layout.meta["passages"] == [0, 2]


@pytest.mark.parametrize("colour", SERIES)
def test_series_are_visible_on_both_pages_and_their_numbers_readable(colour: str) -> None:
    assert min(contrast(colour, LIGHT_PAGE), contrast(colour, DARK_PAGE)) >= 3.0
    assert contrast(ON_MARK, colour) >= 4.5
