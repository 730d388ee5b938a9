"""Cosines as colours, the map and the background."""

import json
from typing import Any

import numpy as np
import pytest

from playground.analysis.projection import ALL_ALIKE, Projection, project
from playground.core.errors import InvalidInput
from playground.core.types import Passage
from playground.plots.background import draw as draw_background
from playground.plots.heatmap import draw_passages, draw_query
from playground.plots.palette import SEQUENTIAL
from playground.plots.projection_map import draw as draw_map
from playground.plots.words import Words

POOL = np.linspace(0.6, 0.8, 101)
MATRIX = np.array([[1.0, 0.7, 0.2], [0.7, 1.0, 0.9], [0.2, 0.9, 1.0]])


def passages(n: int, text: str = "words of passage") -> list[Passage]:
    return [Passage(str(place + 1), f"{text} {place + 1}") for place in range(n)]


def clear(figure: Any) -> bool:
    layout = json.loads(figure.to_json())["layout"]
    return layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)" and "title" not in layout


def cells(figure: Any) -> list[list[float | None]]:
    return [list(row) for row in json.loads(figure.to_json())["data"][0]["z"]]


def test_the_query_map_has_a_row_for_each_passage_in_the_order_asked() -> None:
    figure = draw_query([0.1, 0.9, 0.5], "what?", passages(3), order=[1, 2, 0])
    assert cells(figure) == [[0.9], [0.5], [0.1]]
    assert figure.layout.meta["rows"] == [1, 2, 0]
    assert figure.layout.yaxis.ticktext[0] == "2 · words of passage 2"
    assert list(figure.layout.xaxis.ticktext) == ["query · what?"]
    assert list(figure.layout.yaxis.range) == [2.5, -0.5]
    assert clear(figure)


def test_a_passage_beside_itself_is_blank() -> None:
    figure = draw_passages(MATRIX, passages(3), order=[2, 0, 1])
    assert cells(figure) == [[None, 0.2, 0.9], [0.2, None, 0.7], [0.9, 0.7, None]]
    assert (figure.layout.meta["rows"], figure.layout.meta["columns"]) == ([2, 0, 1], [2, 0, 1])
    assert list(figure.layout.xaxis.ticktext) == ["3", "1", "2"]


def test_fixed_colours_span_all_cosines_and_fitted_ones_say_so() -> None:
    fixed, fitted = (draw_passages(MATRIX, passages(3), colours=colours) for colours in ("fixed", "fitted"))
    assert (fixed.data[0].zmin, fixed.data[0].zmax, fixed.data[0].colorbar.title.text) == (-1.0, 1.0, "cosine")
    assert (fitted.data[0].zmin, fitted.data[0].zmax) == (0.2, 0.9)
    assert fitted.data[0].colorbar.title.text == "cosine (colours fitted to 0.20 … 0.90)"


def test_fitted_colours_of_equal_cosines_keep_a_width() -> None:
    trace = draw_passages(np.ones((3, 3)), passages(3), colours="fitted").data[0]
    assert trace.zmin < 1.0 < trace.zmax


def test_the_scale_is_the_palettes_from_dark_to_light() -> None:
    scale = draw_query([0.5], "q", passages(1)).data[0].colorscale
    assert [colour for _, colour in scale] == list(SEQUENTIAL)
    assert (scale[0][0], scale[-1][0]) == (0, 1)


@pytest.mark.parametrize(("n", "n_traces"), [(20, 2), (21, 1)])
def test_values_stand_in_the_cells_up_to_twenty_passages(n: int, n_traces: int) -> None:
    assert len(draw_passages(np.eye(n), passages(n)).data) == n_traces
    assert len(draw_query(np.zeros(n), "q", passages(n)).data) == n_traces


def test_values_are_black_or_white_by_their_cell() -> None:
    texts = draw_query([-0.9, 0.12, 0.956], "q", passages(3)).data[1]
    assert list(texts.text) == ["-0.90", "0.12", "0.96"]
    assert list(texts.textfont.color) == ["#ffffff", "#000000", "#000000"]
    assert list(texts.y) == [0, 1, 2]
    assert texts.hoverinfo == "skip"


def test_hover_has_both_full_texts_escaped_and_wrapped() -> None:
    long = "<img src=x onerror=alert(1)> $x$ " + "word " * 20
    hover = draw_passages(np.eye(2), [Passage("1", long), Passage("2", "two")]).data[0].hovertext
    assert hover[0][0] == ""
    assert hover[0][1].startswith("cosine 0.0000<br><b>1</b> · &lt;img src=x onerror=alert(1)&gt; &#36;x&#36;")
    assert hover[0][1].count("word") == 20
    assert hover[0][1].endswith("<b>2</b> · two")
    assert "<img" not in hover[0][1]


def test_hover_says_where_a_value_stands_in_the_background() -> None:
    figure = draw_query([0.765, 0.95, 0.1], "q", passages(3), background=POOL)
    heads = [row[0].split("<br>")[0] for row in figure.data[0].hovertext]
    assert heads == [
        "cosine 0.7650 · like 82 % of unrelated pairs",
        "cosine 0.9500 · above all 101 unrelated pairs",
        "cosine 0.1000 · below all 101 unrelated pairs",
    ]
    assert figure.layout.meta["percentiles"] == [82.2, 100.0, 0.0]


def test_near_duplicates_are_outlined_on_both_sides() -> None:
    shapes = draw_passages(MATRIX, passages(3), order=[2, 0, 1], duplicates=[(1, 2)]).layout.shapes
    assert [(box.x0, box.x1, box.y0, box.y1) for box in shapes] == [(-0.5, 0.5, 1.5, 2.5), (1.5, 2.5, -0.5, 0.5)]
    assert {box.name for box in shapes} == {"near-duplicate"}


def test_three_hundred_passages_stay_small() -> None:
    n = 300
    figure = draw_passages(np.full((n, n), 0.123456), passages(n, "long " * 200))
    assert len(figure.to_json()) < 1_500_000
    assert figure.data[0].hovertext is None
    assert (figure.data[0].x[299], figure.data[0].y[299][:10]) == ("300", "300 · long")
    assert (figure.layout.xaxis.dtick, figure.layout.yaxis.type) == (15, "category")
    assert figure.layout.height < 800


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_passages_say_what_a_heatmap_needs(n: int) -> None:
    figure = draw_passages(np.eye(n), passages(n), words=Words(needs_passages="至少两个段落"))
    assert figure.layout.annotations[0].text == "至少两个段落"
    assert figure.layout.meta["empty"] is True
    assert len(figure.data) == 0


def test_no_passage_at_all_says_what_to_do() -> None:
    assert "Paste a query" in draw_query([], "q", []).layout.annotations[0].text


def test_the_map_writes_the_explained_variance_on_its_axes() -> None:
    figure = draw_map(project([[2.0, 0, 0], [-2, 0, 0], [0, 1, 0], [0, -1, 0]]), "q <b>", passages(3))
    titles = [figure.layout.xaxis.title.text, figure.layout.yaxis.title.text]
    assert titles == ["axis 1 · 80 % of the variance", "axis 2 · 20 % of the variance"]
    dots, star = figure.data
    assert (list(star.x), list(star.y), star.marker.symbol) == ([2.0], [0.0], "star")
    assert list(dots.text) == ["1", "2", "3"]
    assert list(dots.customdata) == [0, 1, 2]
    assert star.hovertext[0] == "<b>query</b> · q &lt;b&gt;"
    assert figure.layout.yaxis.scaleanchor == "x"
    assert clear(figure)


def test_texts_that_are_all_alike_have_no_map() -> None:
    figure = draw_map(project(np.ones((4, 2))), "q", passages(3))
    assert figure.layout.annotations[0].text.replace("<br>", " ") == ALL_ALIKE
    assert draw_map(Projection(np.zeros((0, 2)), (0.0, 0.0), "无"), "q", []).layout.annotations[0].text == "无"


def test_the_background_counts_every_pair_and_marks_the_value() -> None:
    figure = draw_background(POOL, 0.765)
    assert sum(figure.data[0].y) == 101
    line = figure.layout.shapes[0]
    assert (line.x0, line.visible, line.name) == (0.765, True, "pair")
    assert figure.layout.xaxis.title.text == "cosine 0.77: like 82 % of unrelated pairs"
    assert figure.layout.meta["percentile"] == pytest.approx(100 * 83 / 101)
    assert clear(figure)


@pytest.mark.parametrize(("cosine", "says"), [(0.99, "above all 101"), (-0.4, "below all 101")])
def test_a_value_outside_the_background_is_in_sight(cosine: float, says: str) -> None:
    figure = draw_background(POOL, cosine)
    low, high = figure.layout.xaxis.range
    assert low < cosine < high
    assert says in figure.layout.xaxis.title.text


def test_a_background_alone_has_no_line_and_a_short_one_is_refused() -> None:
    assert draw_background(POOL).layout.shapes[0].visible is False
    with pytest.raises(InvalidInput, match="at least 20"):
        draw_background([0.5, 0.6], 0.5)
